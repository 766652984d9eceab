"""The faults of the wire, told apart by whose they are.

    WireError (ValueError)
    ├── LocalError                 we tried to say what the protocol cannot carry
    └── RemoteError                the peer said what the protocol does not allow
        └── UnsupportedProtocol    EPRT named a network we do not know (RFC 2428: reply 522)

A message describes the fault and never repeats what the peer sent, so it may go into a reply or a log.
"""


class WireError(ValueError):
    """Something on the wire, or on its way there, breaks the protocol."""


class LocalError(WireError):
    """We tried to say what the protocol cannot carry."""


class RemoteError(WireError):
    """The peer said what the protocol does not allow."""


class UnsupportedProtocol(RemoteError):
    """The peer named a network protocol other than IPv4 (1) and IPv6 (2)."""
