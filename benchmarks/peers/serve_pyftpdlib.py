"""pyftpdlib on 127.0.0.1: PORT TLS_PORT HOMES USERS CERTIFICATE KEY. One loop serves both ports.

Its TLS handler never uses sendfile, so plain transfers have a port and a handler of their own.
"""

import logging
import sys
from pathlib import Path

from pyftpdlib.authorizers import DummyAuthorizer  # type: ignore[import-untyped]
from pyftpdlib.handlers import FTPHandler, TLS_FTPHandler  # type: ignore[import-untyped]
from pyftpdlib.ioloop import IOLoop  # type: ignore[import-untyped]
from pyftpdlib.servers import FTPServer  # type: ignore[import-untyped]


def main() -> None:
    """Serve until killed."""
    port, tls_port, homes, users, certificate, key = sys.argv[1:]
    logging.disable()
    authorizer = DummyAuthorizer()
    for number in range(int(users)):
        authorizer.add_user(f"u{number}", "benchmark", str(Path(homes) / f"u{number}"), perm="elradfmwMT")
    loop = IOLoop()
    for handler, where in ((FTPHandler, port), (TLS_FTPHandler, tls_port)):
        handler.authorizer = authorizer
        handler.timeout = 3600
        if handler is TLS_FTPHandler:
            handler.certfile, handler.keyfile = certificate, key
        server = FTPServer(("127.0.0.1", int(where)), handler, ioloop=loop, backlog=1024)
        server.max_cons = 20000
    server.serve_forever(handle_exit=True)


if __name__ == "__main__":
    main()
