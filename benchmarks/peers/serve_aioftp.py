"""aioftp on 127.0.0.1: PORT TLS_PORT HOMES USERS CERTIFICATE KEY; only the first port is used."""

import asyncio
import logging
import sys
from pathlib import Path

import aioftp


async def serve() -> None:
    """Serve until killed."""
    port, _, homes, users, *_ = sys.argv[1:]
    logging.disable()
    accounts = [
        aioftp.User(f"u{number}", "benchmark", base_path=Path(homes) / f"u{number}")
        for number in range(int(users))
    ]
    server = aioftp.Server(accounts, idle_timeout=3600)
    await server.start("127.0.0.1", int(port), backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve())
