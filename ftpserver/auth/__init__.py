"""Who is it: passwords checked off the loop, remembered for a short while, and guessed at only slowly."""
