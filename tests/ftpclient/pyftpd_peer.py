"""pyftpdlib as a server in its own process; each directory below the given root is a user, password "secret".

Prints its port and serves until its standard input is closed.
"""

import os
import sys
import threading

from pyftpdlib.authorizers import (  # type: ignore[import-untyped,unused-ignore]
    AuthenticationFailed,
    DummyAuthorizer,
)
from pyftpdlib.handlers import FTPHandler  # type: ignore[import-untyped,unused-ignore]
from pyftpdlib.servers import FTPServer  # type: ignore[import-untyped,unused-ignore]


class Homes(DummyAuthorizer):  # type: ignore[misc,unused-ignore]
    """A user for every directory."""

    def __init__(self, root: str) -> None:
        super().__init__()
        self.root = root

    def validate_authentication(self, username: str, password: str, handler: object) -> None:
        if password != "secret" or not self.has_user(username):
            raise AuthenticationFailed("Authentication failed.")

    def has_user(self, username: str) -> bool:
        return os.path.isdir(os.path.join(self.root, username))

    def get_home_dir(self, username: str) -> str:
        return os.path.join(self.root, username)

    def has_perm(self, username: str, perm: str, path: str | None = None) -> bool:
        return path is None or "forbidden" not in path

    def get_perms(self, username: str) -> str:
        return "elradfmwMT"

    def get_msg_login(self, username: str) -> str:
        return "welcome"

    def get_msg_quit(self, username: str) -> str:
        return "bye"


def main() -> None:
    """Serve until the parent closes our standard input."""
    FTPHandler.authorizer = Homes(sys.argv[1])
    FTPHandler.auth_failed_timeout = 0
    if "--no-facts" in sys.argv:
        FTPHandler.proto_cmds = {k: v for k, v in FTPHandler.proto_cmds.items() if k not in ("MLSD", "MLST")}
    server = FTPServer(("127.0.0.1", 0), FTPHandler)
    print(server.address[1], flush=True)
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    server.serve_forever(handle_exit=False)


if __name__ == "__main__":
    main()
