"""A multi-user FTP service: every user is a file, every home a jail, every quota exact.

This package imports `ftpwire` and never `ftpclient`. Rooms, ground to top: config, accounts, log; storage,
quota, data, auth; session, outcome, refusal, commands, dispatch, control; server, workers, admin; cli. A room
imports only from rooms below it.
"""

__version__ = "0.1.0"
