"""Ours as it comes: quota ledger on, jail on, permissions checked, bcrypt 12, TLS offered, the default ports.

Only the log's level (nothing is logged by anybody), the port, the number of sessions and workers are said.
"""

import contextlib
import os
import resource
from functools import lru_cache
from pathlib import Path

import bcrypt
import yaml

from benchmarks.ground import PASSWORD, Ground
from benchmarks.peers.base import Broken, Peer
from tests.service import Service

COLD = 400  # accounts for logins that no cache knows


@lru_cache(maxsize=1)
def _hashed() -> str:
    return bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(12)).decode()


class Ours(Peer):
    """The server of this repository, by its command line."""

    key = "ours"
    title = "ours"
    hash = "XSHA256"

    def __init__(
        self,
        ground: Ground,
        name: str = "",
        workers: str = "1",
        settings: dict[str, object] | None = None,
        account: dict[str, object] | None = None,
        processors: int = 0,
    ) -> None:
        """`workers` as the settings take it; `settings` and `account` are laid over what every run has.

        `processors` is on how many it may run; 0: on all.
        """
        super().__init__(ground, name)
        self.workers = workers
        self.processors = processors
        self.settings = settings or {}
        self.account = account or {}
        self._service: Service | None = None
        self._cold = 0

    def configure(self) -> None:
        """Write conf/ and accounts/ once; a second start finds the ledger of the first."""
        if self._service is not None:
            return
        descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        settings = {
            "workers": int(self.workers) if self.workers.isdigit() else self.workers,
            "passive": {"ports": "50000-50999"},
            "limits": {"sessions": max(4000, descriptors // 2 - 200)},
            "log": {"level": "warning"},
            **self.settings,
        }
        self._service = Service(self.folder, settings, tls="optional")
        for number in range(self.users):
            self._write(f"u{number}", f"u{number}")
        for number in range(COLD):
            self._write(f"cold{number}", "u0")

    @property
    def accounts(self) -> Path:
        """Where its account files are. It must have been configured."""
        assert self._service
        return self._service.accounts

    def _write(self, name: str, home: str) -> None:
        assert self._service
        account = {"password": _hashed(), "home": home, "quota": {"bytes": 1 << 44, "files": 1 << 30}}
        path = self._service.accounts / f"{name}.yaml"
        path.write_text(yaml.safe_dump({**account, **self.account}))
        path.chmod(0o600)

    def start(self) -> None:
        """Start and wait until it listens. Raises Broken."""
        self.plant()
        self.configure()
        assert self._service
        allowed = os.sched_getaffinity(0)
        os.sched_setaffinity(0, sorted(allowed)[-self.processors :])  # which the service inherits
        try:
            self._service.start()
        except AssertionError as error:
            raise Broken(str(error)) from None
        finally:
            os.sched_setaffinity(0, allowed)
        self.process = self._service.process
        self.port = self.tls_port = self._service.port

    def stop(self) -> None:
        """End it in order. Raises Broken when it breaks or has logged that it broke inside."""
        if self._service is None or self.process is None:
            return
        self.process = None
        try:
            self._service.stop()
        except AssertionError as error:
            raise Broken(str(error)) from None

    def kill(self) -> None:
        """End it by SIGKILL."""
        if self._service is not None and self.process is not None:
            self.process = None
            with contextlib.suppress(ProcessLookupError):
                self._service.kill()

    def cold_users(self, count: int) -> dict[str, object]:
        """The options of a load that logs in `count` users whose passwords were not checked before."""
        start, self._cold = self._cold, self._cold + count
        if self._cold > COLD:
            self._cold = count
            start = 0
        return {"user": "cold%d", "users": 0, "first": start}
