"""FileZilla, which has no command line: the real program, on a screen that nobody looks at.

    with Screen() as screen:
        log = FileZilla(folder, Site(service, "ada")).work(screen, [Errand(source, "/up", "name", upload=True)])

FileZilla keeps everything in files: its settings, the certificates a person trusts, the queue of transfers. They are
written here as FileZilla 3.63 writes them itself (queue_storage.cpp and xml_cert_store.cpp in its source tell the
format), so that one key is left to press, Ctrl+P, "process queue". FileZilla closes itself when the queue is empty,
which is a setting too. A dialog, the way in which FileZilla tells of trouble, stops it: then the test fails with the
titles of its windows and its log.

FileZilla remembers of each server whether TLS sessions were resumed (`resumes`). It asks a person at the first data
connection that was not, and from the first that was on it refuses those that are not.
"""

import os
import select
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar
from xml.etree import ElementTree

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.service import Service

PATIENCE = 120.0  # seconds until something that must happen counts as never happening

# Of its source: enum ServerProtocol, enum LogonType, transfer_flags, QueuePriority, ActionAfterState.
_EXPLICIT_TLS, _PLAIN = 4, 6
_NORMAL_LOGON = 1
_DOWNLOAD = 0x10
_NORMAL_PRIORITY = 2
_CLOSE_WHEN_DONE = 3

_QUEUE = """
CREATE TABLE servers (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, host TEXT NOT NULL, port INTEGER, user TEXT,
    password TEXT, account TEXT, keyfile TEXT, protocol INTEGER, type INTEGER, logontype INTEGER,
    timezone_offset INTEGER, transfer_mode TEXT, max_connections INTEGER, encoding TEXT, bypass_proxy INTEGER,
    post_login_commands TEXT, name TEXT, parameters TEXT, site_path TEXT DEFAULT NULL);
CREATE TABLE files (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, server INTEGER NOT NULL, source_file TEXT,
    target_file TEXT, local_path INTEGER, remote_path INTEGER, size INTEGER, error_count INTEGER, priority INTEGER,
    flags INTEGER, default_exists_action INTEGER, extra_flags TEXT);
CREATE TABLE local_paths (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, path TEXT NOT NULL);
CREATE TABLE remote_paths (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, path TEXT NOT NULL);
PRAGMA user_version = 7;
"""

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Site:
    """Where FileZilla goes, and as whom."""

    service: Service
    user: str
    tls: str | None = None
    """The only version of TLS it may speak, "1.2" or "1.3"; None is plain FTP."""
    resumes: bool | None = None
    """What it remembers of the server: whether TLS sessions were resumed; None is nothing."""
    active: bool = False


@dataclass(frozen=True, slots=True)
class Errand:
    """One file to move between the directories `local` and `remote`, which need not be there."""

    local: Path
    remote: str
    name: str
    upload: bool


class Screen:
    """An X server without hardware."""

    def __enter__(self) -> Self:
        reads, writes = os.pipe()
        with open(reads, "rb") as number:
            try:
                # Without -noreset it drops a client that connects while another one, the last, leaves; with the keys'
                # repetition a slow machine presses a key more than once.
                self._process = subprocess.Popen(
                    ["Xvfb", "-displayfd", str(writes), "-nolisten", "tcp", "-noreset", "-r"],
                    pass_fds=[writes],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
            finally:
                os.close(writes)
            ready, _, _ = select.select([number], [], [], PATIENCE)
            line = number.readline() if ready else b""
        if not line.strip():
            self.__exit__(None, None, None)
            raise AssertionError("Xvfb did not start")
        self.name = f":{int(line)}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(PATIENCE)

    def windows(self) -> list[tuple[str, str]]:
        """Number and title of every window that can be seen and has a title."""
        numbers = self._xdotool("search", "--onlyvisible", "--name", ".").split()
        titles = [(number, self._xdotool("getwindowname", number).strip()) for number in numbers]
        return [(number, title) for number, title in titles if title]

    def press(self, window: str, key: str) -> None:
        """Presses and releases `key` while `window` has the keyboard."""
        self._xdotool("windowfocus", "--sync", window, "key", key, check=True)

    def _xdotool(self, *arguments: str, check: bool = False) -> str:
        """Windows come and go: without `check` a failure is no answer."""
        done = subprocess.run(
            ["xdotool", *arguments],
            env={"PATH": os.environ["PATH"], "DISPLAY": self.name},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
        )
        assert not check or done.returncode == 0, f"xdotool {arguments}: {done.returncode}\n{done.stdout}"
        return done.stdout if done.returncode == 0 else ""


class FileZilla:
    """One FileZilla with a home of its own in `folder`, which knows one site."""

    def __init__(self, folder: Path, site: Site) -> None:
        self._folder = folder
        self._site = site
        self._log = folder / "filezilla.log"
        self._settings = folder / "config" / "filezilla"
        self._settings.mkdir(parents=True, mode=0o700)

    def work(self, screen: Screen, errands: Iterable[Errand]) -> str:
        """Does the errands, two at a time, and returns FileZilla's log."""
        self._write_settings()
        self._write_trust()
        self._write_queue(errands)
        environment = self._environment(screen)
        with (self._folder / "output").open("wb") as output:
            process = subprocess.Popen(
                ["filezilla"],
                cwd=self._folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            screen.press(self._window(process, screen), "ctrl+p")
            self._await(process, self._log.exists, "begun to work")
            code = process.wait(PATIENCE)
        except (AssertionError, subprocess.SubprocessError) as error:
            titles = [title for _, title in screen.windows()]
            raise AssertionError(f"{error}\nwindows: {titles}\n{self._said()}") from None
        finally:
            process.kill()
            process.wait(PATIENCE)
        assert code == 0, f"FileZilla ended with {code}\n{self._said()}"
        return self._log.read_text("utf-8")

    @property
    def remembers(self) -> bool | None:
        """What it remembers of the server now; see `Site.resumes`."""
        entry = ElementTree.parse(self._settings / "trustedcerts.xml").find("FtpSessionResumption/Entry")
        return None if entry is None else entry.text in {"1", "true"}

    # -- its files -----------------------------------------------------------------------------------------

    def _write_settings(self) -> None:
        settings = {
            "Greeting version": "999.0.0",  # no welcome
            "Queue completion action": _CLOSE_WHEN_DONE,
            "Logging file": self._log,
            "Logging Debug Level": 2,  # tells of TLS: versions, and what was resumed
            "Number of Transfers": 2,
            "Reconnect count": 0,
            "Use Pasv mode": int(not self._site.active),
            "Allow transfermode fallback": 0,
            "Minimum TLS Version": 3 if self._site.tls == "1.3" else 2,
        }
        root = ElementTree.Element("FileZilla3")
        inner = ElementTree.SubElement(root, "Settings")
        for name, value in settings.items():
            ElementTree.SubElement(inner, "Setting", name=name).text = str(value)
        self._write("filezilla.xml", root)

    def _write_trust(self) -> None:
        """What a person's answers to FileZilla's questions about this server leave behind."""
        site, service = self._site, self._site.service
        root = ElementTree.Element("FileZilla3")
        port = str(service.port)
        if site.tls is None:
            hosts = ElementTree.SubElement(root, "InsecureHosts")
            ElementTree.SubElement(hosts, "Host", Port=port).text = service.host
        else:
            certificate = x509.load_pem_x509_certificate(service.certificate.read_bytes())
            facts = {
                "Data": certificate.public_bytes(Encoding.DER).hex(),
                "ActivationTime": int(certificate.not_valid_before_utc.timestamp()),
                "ExpirationTime": int(certificate.not_valid_after_utc.timestamp()),
                "Host": service.host,
                "Port": port,
                "TrustSANs": 0,
            }
            trusted = ElementTree.SubElement(ElementTree.SubElement(root, "TrustedCerts"), "Certificate")
            for name, value in facts.items():
                ElementTree.SubElement(trusted, name).text = str(value)
        if site.resumes is not None:
            known = ElementTree.SubElement(root, "FtpSessionResumption")
            ElementTree.SubElement(known, "Entry", Host=service.host, Port=port).text = str(int(site.resumes))
        self._write("trustedcerts.xml", root)

    def _write(self, name: str, root: ElementTree.Element) -> None:
        ElementTree.ElementTree(root).write(self._settings / name, "utf-8", xml_declaration=True)

    def _write_queue(self, errands: Iterable[Errand]) -> None:
        site, service = self._site, self._site.service
        database = sqlite3.connect(self._settings / "queue.sqlite3")
        try:
            database.executescript(_QUEUE)
            server = _insert(
                database,
                "servers",
                {
                    "host": service.host,
                    "port": service.port,
                    "user": site.user,
                    "password": service.passwords[site.user],
                    "protocol": _PLAIN if site.tls is None else _EXPLICIT_TLS,
                    "type": 0,
                    "logontype": _NORMAL_LOGON,
                    "timezone_offset": 0,
                    "transfer_mode": "default",
                    "max_connections": 0,
                    "encoding": "Auto",
                    "bypass_proxy": 0,
                },
            )
            for errand in errands:
                file = {
                    "server": server,
                    "source_file": errand.name,
                    "local_path": _insert(database, "local_paths", {"path": f"{errand.local}/"}),
                    "remote_path": _insert(database, "remote_paths", {"path": _safe(errand.remote)}),
                    "priority": _NORMAL_PRIORITY,
                    "flags": 0 if errand.upload else _DOWNLOAD,
                }
                _insert(database, "files", file)
            database.commit()
        finally:
            database.close()

    # -- the process ---------------------------------------------------------------------------------------

    def _environment(self, screen: Screen) -> dict[str, str]:
        """A home, and no desktop, of its own."""
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self._folder),
            "XDG_CONFIG_HOME": str(self._settings.parent),
            "XDG_CACHE_HOME": str(self._folder / "cache"),
            "LC_ALL": "C.UTF-8",
            "DISPLAY": screen.name,
            "GDK_BACKEND": "x11",
            "DBUS_SESSION_BUS_ADDRESS": "disabled:",
            "NO_AT_BRIDGE": "1",
            "FZDEBUG": "1",  # else it sets the debug level back to none
        }
        if self._site.tls == "1.2":
            # FileZilla's settings know a lowest version only; its library can be told to leave one out.
            rules = self._folder / "gnutls"
            rules.write_text("[overrides]\ndisabled-version = tls1.3\n")
            environment["GNUTLS_SYSTEM_PRIORITY_FILE"] = str(rules)
        return environment

    def _said(self) -> str:
        return "\n".join(
            file.read_text("utf-8", "replace")[-8000:]
            for file in (self._folder / "output", self._log)
            if file.exists()
        )

    def _window(self, process: subprocess.Popen[bytes], screen: Screen) -> str:
        """Waits until FileZilla shows its main window and returns its number."""

        def found() -> list[str]:
            return [number for number, title in screen.windows() if title == "FileZilla"]

        return self._await(process, found, "shown its window")[0]

    @staticmethod
    def _await(process: subprocess.Popen[bytes], question: Callable[[], Answer], what: str) -> Answer:
        """Asks until the answer is true; fails when FileZilla ends or PATIENCE does."""
        deadline = time.monotonic() + PATIENCE
        while not (answer := question()) and process.poll() is None:
            assert time.monotonic() < deadline, f"FileZilla has not {what} after {PATIENCE:.0f} s"
            time.sleep(0.02)
        answer = answer or question()
        assert answer, f"FileZilla ended with {process.returncode} and had not {what}"
        return answer


def _insert(database: sqlite3.Connection, table: str, row: Mapping[str, object]) -> int:
    """Returns the number of the new row."""
    marks = ", ".join("?" * len(row))
    done = database.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", list(row.values()))
    assert done.lastrowid is not None
    return done.lastrowid


def _safe(path: str) -> str:
    """A path of the server in FileZilla's own spelling: Unix, no prefix, then length and text of each name."""
    return " ".join(["1 0", *(f"{len(name)} {name}" for name in path.split("/") if name)])
