"""An FTP client in three layers: a login shell, one-shot commands and a typed Python API.

The API is `ftpclient.client.Client` (files and directories of one server), with `ftpclient.transfer` and
`ftpclient.tree` above it for whole files and whole trees. Everything below the shell needs the standard
library and `ftpwire` only.
"""
