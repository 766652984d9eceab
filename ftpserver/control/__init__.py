"""One control connection: from the socket's bytes to lines, commands, outcomes, transfers and replies.

`channel` reads and writes the socket, `connection` lives the life, `dispatch` finds who answers a line, `transfer`
moves one file or listing, `replies` writes. `deadlines`, `protection` and `patience` are what they wait for and with.
"""
