"""The words of FTP, both directions, without any I/O.

Every module pairs what one side says with how the other side reads it: lines (RFC 959, 854), commands and
replies (959), addresses (959, 2428), path names (959), times and facts (3659), LIST lines (custom). Bytes
and text go in, values come out; no clock, socket, file or log is touched here. The stance is strict in what
we say (`LocalError`) and, per function, either strict or lenient in what we hear (`RemoteError`).

Names that came from the wire are `str`, decoded with `surrogateescape`, so that no byte of a file name is
ever lost. Import the module you need: `from ftpwire.command import Command`.
"""
