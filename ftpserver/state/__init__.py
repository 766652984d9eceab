"""What the processes of one service share, in files of the state directory: who lives, who is here, who is shut out."""
