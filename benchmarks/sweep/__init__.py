"""Does anything of ours cost more when there is more of what should not matter?"""
