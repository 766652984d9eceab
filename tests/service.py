"""A real server process for tests and benchmarks: its folder, its settings, its users, its log.

    with Service(folder) as service:
        home = service.add_user("alice", quota={"bytes": "1MiB"})
        ftp = service.login("alice")

Rules. The process is the program an administrator starts (`python -m ftpserver -c CONF serve`) on port 0 of
the loopback address; nothing in it is replaced. Leaving the block stops it by SIGTERM and fails the test when
the exit code is not 0 or when the log shows a traceback, a leaked descriptor or a password: a server that
answered well but broke inside does not pass. Waiting is always for an event (a line in the log, the end of
the process), never for time. Users' files are replaced whole, so they may be added while the server runs.
"""

import contextlib
import ftplib
import os
import re
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import bcrypt
import yaml

ROOT = Path(__file__).resolve().parent.parent
PASSWORD = "correct horse 7"
PATIENCE = 30.0  # seconds until something that must happen counts as never happening

_LISTENING = re.compile(r'^(?:\{.*"event": ")?listening on (\S+):(\d+)(?:"\})?\s*$', re.MULTILINE)
_BROKEN = re.compile(
    r"Traceback|Exception ignored|ResourceWarning|was never awaited|never retrieved|Segmentation"
)
_SERIAL = threading.Lock()  # two threads of one test may rewrite one file

Answer = TypeVar("Answer")


@lru_cache(maxsize=256)
def hashed(password: str) -> str:
    """A bcrypt hash at the lowest cost: tests log in thousands of times."""
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """The two documents as one; mappings are merged, everything else in `over` wins."""
    result = dict(base)
    for key, value in over.items():
        old = result.get(key)
        if isinstance(value, Mapping) and isinstance(old, Mapping):
            result[key] = merged(old, value)
        else:
            result[key] = value
    return result


class Service:
    """One server in one folder: DIR/conf/ftpserver.yaml, DIR/accounts, DIR/homes, DIR/state, DIR/log."""

    def __init__(self, folder: Path, settings: Mapping[str, Any] | None = None, *, tls: str = "off") -> None:
        """`settings` is laid over the defaults below; `tls` other than "off" makes a certificate too."""
        self.folder = folder
        self.config = folder / "conf" / "ftpserver.yaml"
        self.accounts = folder / "accounts"
        self.homes = folder / "homes"
        self.state = folder / "state"
        self.certificate = folder / "conf" / "tls" / "server.crt"
        self.addresses: list[tuple[str, int]] = []
        self.passwords: dict[str, str] = {}
        self.process: subprocess.Popen[bytes] | None = None
        self._log = folder / "log"
        self._log_start = 0
        for directory in (self.config.parent, self.accounts, self.homes, self.state):
            directory.mkdir(parents=True, exist_ok=True)
        self.state.chmod(0o700)
        base: dict[str, Any] = {
            "listen": [{"host": "127.0.0.1", "port": 0}],
            "passive": {"ports": None, "public_address": None},
            "accounts": "../accounts",
            "homes": "../homes",
            "state": "../state",
            "tls": {"mode": tls, "certificate": "tls/server.crt", "private_key": "tls/server.key"},
            "login": {"failures": 1000},  # one address is every client here
        }
        if tls != "off":
            make_certificate(self.certificate, self.certificate.with_suffix(".key"))
        self.configure(merged(base, settings or {}))

    # -- the process ---------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            if self.process is not None:
                self.kill()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.stop()
            return
        with contextlib.suppress(Exception):  # the test has its own story to tell; the log goes with it
            self.stop()
        print(f"--- log of {self.folder}\n{self.log[-20_000:]}", file=sys.stderr)

    def start(self, *arguments: str) -> None:
        """Starts `ftpserver serve` with `arguments` and returns when every listener is announced."""
        assert self.process is None, "already started"
        self._log_start = self._log.stat().st_size if self._log.exists() else 0
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.command, "serve", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=self.environment,
                start_new_session=True,
            )
        expected = len(self.settings["listen"])
        self._until(lambda: len(_LISTENING.findall(self._since_start())) >= expected, '"listening on"')
        self.addresses = [
            (host.strip("[]"), int(port)) for host, port in _LISTENING.findall(self._since_start())
        ]

    def stop(self) -> None:
        """Stops it as an administrator would and fails if it did not go in order."""
        if self.process is None:
            return
        process, self.process = self.process, None
        process.send_signal(signal.SIGTERM)
        try:
            code = process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(PATIENCE)
            raise AssertionError(
                f"the server did not stop within {PATIENCE:.0f} s of SIGTERM\n{self.log}"
            ) from None
        assert code == 0, f"the server ended with {code}\n{self.log}"
        self.check_log()

    def kill(self) -> None:
        """Ends the server and its workers by SIGKILL, as a crash would; start() may follow."""
        assert self.process is not None
        process, self.process = self.process, None
        os.killpg(process.pid, signal.SIGKILL)  # its own session: workers included, nobody else's process
        process.wait(PATIENCE)

    def check_log(self) -> None:
        """Fails when the log shows that something broke inside, or a password."""
        found = _BROKEN.search(self.log)
        assert found is None, f"{found.group()!r} in the log\n{self.log}"
        for name, password in self.passwords.items():
            assert not password or password not in self.log, (
                f"the password of {name} is in the log\n{self.log}"
            )

    # -- where it is ---------------------------------------------------------------------------------------

    @property
    def host(self) -> str:
        return self.addresses[0][0]

    @property
    def port(self) -> int:
        return self.addresses[0][1]

    @property
    def log(self) -> str:
        """Everything the server wrote since the folder was made."""
        return self._log.read_text("utf-8", "replace") if self._log.exists() else ""

    def wait_for_log(self, pattern: str) -> re.Match[str]:
        """Waits until the log of this run matches `pattern` (multi-line mode) and returns the match."""
        return self._until(lambda: re.search(pattern, self._since_start(), re.MULTILINE), pattern)

    def url(self, name: str = "", path: str = "/") -> str:
        """ftp://NAME@HOST:PORT/PATH: passwords never stand on a command line."""
        return f"ftp://{name}{'@' if name else ''}{self.host}:{self.port}{path}"

    # -- settings and users --------------------------------------------------------------------------------

    @property
    def settings(self) -> dict[str, Any]:
        """The settings file as plain values."""
        return dict(yaml.safe_load(self.config.read_text()))

    def configure(self, changes: Mapping[str, Any]) -> None:
        """Lays `changes` over the settings file; a running server is not told."""
        old = self.settings if self.config.exists() else {}
        _replace(self.config, yaml.safe_dump(merged(old, changes), sort_keys=False))

    def add_user(self, name: str, password: str = PASSWORD, **account: Any) -> Path:
        """Writes accounts/NAME.yaml anew and returns the home, which exists after the first login."""
        document = {"password": hashed(password), "home": name, "permissions": "full", **account}
        _replace(
            self.accounts / f"{name}.yaml", yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
        )
        self.passwords[name] = password
        return self.homes / str(document["home"])

    def home(self, name: str, *, create: bool = True) -> Path:
        """The home of `name` as the account file says; made when it is missing, to plant files in it."""
        document = yaml.safe_load((self.accounts / f"{name}.yaml").read_text())
        home = self.homes / str(document["home"])
        if create:
            home.mkdir(parents=True, exist_ok=True)
        return home

    # -- clients -------------------------------------------------------------------------------------------

    @property
    def command(self) -> list[str]:
        """The beginning of an `ftpserver` command line for this folder."""
        return [sys.executable, "-W", "error::ResourceWarning", "-m", "ftpserver", "-c", str(self.config)]

    @property
    def environment(self) -> dict[str, str]:
        """The environment of the server: this checkout first, no settings of whoever runs the tests."""
        kept = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("FTPSERVER_", "FTPCLIENT_"))
        }
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
        return {**kept, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}

    def run(self, *arguments: str, stdin: str = "", check: bool = True) -> subprocess.CompletedProcess[str]:
        """Runs `ftpserver -c CONF ARGUMENTS` to its end; with `check` a failure fails the test."""
        done = subprocess.run(
            [*self.command, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            cwd=self.folder,
            env=self.environment,
            timeout=PATIENCE * 2,
        )
        assert not check or done.returncode == 0, (
            f"{arguments}: {done.returncode}\n{done.stdout}{done.stderr}"
        )
        return done

    def connect(self, *, listener: int = 0) -> ftplib.FTP:
        """An `ftplib.FTP` that is connected and not logged in; use it as a context manager."""
        ftp = ftplib.FTP(timeout=PATIENCE, encoding="utf-8")
        ftp.connect(*self.addresses[listener])
        return ftp

    def login(self, name: str, password: str | None = None, *, listener: int = 0) -> ftplib.FTP:
        """An `ftplib.FTP` logged in as `name`; use it as a context manager."""
        ftp = self.connect(listener=listener)
        try:
            ftp.login(name, self.passwords[name] if password is None else password)
        except BaseException:
            ftp.close()
            raise
        return ftp

    def tls_context(self) -> ssl.SSLContext:
        """A client's context that trusts this server's certificate and checks the name."""
        context = ssl.create_default_context(cafile=str(self.certificate))
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context

    # -- waiting -------------------------------------------------------------------------------------------

    def _since_start(self) -> str:
        with self._log.open("rb") as log:
            log.seek(self._log_start)
            return log.read().decode("utf-8", "replace")

    def _until(self, question: Callable[[], Answer | None], what: str) -> Answer:
        """Asks until the answer is true; fails with the log when the server ends or PATIENCE does."""
        deadline = time.monotonic() + PATIENCE
        while not (answer := question()):
            assert self.process is not None
            code = self.process.poll()
            if code is not None and not question():
                self.process = None
                raise AssertionError(f"the server ended with {code} before {what} was in its log\n{self.log}")
            assert time.monotonic() < deadline, f"{what} is not in the log after {PATIENCE:.0f} s\n{self.log}"
            time.sleep(0.01)
        return answer


def _replace(path: Path, text: str) -> None:
    """Writes `path` so that a server that is reading it sees the old text or the new one."""
    with _SERIAL:
        draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
        draft.write_text(text, "utf-8")
        draft.chmod(0o600)
        draft.replace(path)


def make_certificate(certificate: Path, private_key: Path) -> None:
    """A self-signed certificate for localhost, 127.0.0.1 and ::1, valid for a day."""
    import datetime
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    names: list[x509.GeneralName] = [x509.DNSName("localhost")]
    names += [x509.IPAddress(ipaddress.ip_address(text)) for text in ("127.0.0.1", "::1")]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate.parent.mkdir(parents=True, exist_ok=True)
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private_key.touch(mode=0o600)
    private_key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
