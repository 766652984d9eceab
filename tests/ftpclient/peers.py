"""Servers for the client's tests: one that others wrote (pyftpdlib, vsftpd), one that follows a script.

The scripted one speaks just enough FTP over real sockets, and lets a test replace the answer to any verb:
that is how a lying, hostile or broken server is made.
"""

import contextlib
import datetime
import ipaddress
import os
import pwd
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ftpclient.client import Client

HERE = Path(__file__).parent

Join = Callable[..., Client]
"""Logs in to the scripted server; takes Settings."""


@dataclass
class Foreign:
    """A running foreign server, one of its accounts, and the directory behind it."""

    port: int
    user: str
    password: str
    home: Path

    @property
    def url(self) -> str:
        """The address up to the path."""
        return f"{self.user}@127.0.0.1:{self.port}"


@contextlib.contextmanager
def pyftpd(root: Path, *options: str) -> Iterator[int]:
    """Run pyftpdlib over the homes below `root`; yield its port."""
    command = [sys.executable, "-W", "ignore", str(HERE / "pyftpd_peer.py"), str(root), *options]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdin
        assert process.stdout
        try:
            yield int(process.stdout.readline())
        finally:
            process.stdin.close()
            process.wait(10)


def find_program(name: str) -> str | None:
    """Where a program is; servers stand outside an ordinary user's PATH."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")


def free_port() -> int:
    """A port that was free a moment ago, for programs that cannot pick one."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def vsftpd(folder: Path, extra: str = "") -> Iterator[Foreign]:
    """Run vsftpd as the user we are, with a writable anonymous home (not a jail: use relative paths)."""
    program = find_program("vsftpd")
    assert program, "vsftpd is not installed"
    home, empty = folder / "home", folder / "empty"
    home.mkdir()
    empty.mkdir()
    port = free_port()
    settings = folder / "vsftpd.conf"
    settings.write_text(
        f"listen=YES\nlisten_address=127.0.0.1\nlisten_port={port}\nbackground=NO\nrun_as_launching_user=YES\n"
        f"ftp_username={pwd.getpwuid(os.getuid()).pw_name}\nanonymous_enable=YES\nno_anon_password=NO\nanon_root={home}\nsecure_chroot_dir={empty}\n"
        "write_enable=YES\nanon_upload_enable=YES\nanon_mkdir_write_enable=YES\nanon_other_write_enable=YES\n"
        "anon_umask=022\nanon_world_readable_only=NO\nallow_writeable_chroot=YES\nseccomp_sandbox=NO\n"
        "mdtm_write=YES\nxferlog_enable=NO\nlocal_enable=NO\n" + extra
    )
    with subprocess.Popen([program, str(settings)], stdout=subprocess.DEVNULL) as process:
        try:
            _await(port, process)
            yield Foreign(port, "anonymous", "me@", home)
        finally:
            process.terminate()
            process.wait(10)


def _await(port: int, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
            return
    raise AssertionError(f"vsftpd ended at its start with {process.returncode}")


def make_certificate(folder: Path) -> Path:
    """Write a self-signed certificate for 127.0.0.1 and localhost, with its key in the same file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    addresses = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(addresses), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "server.pem"
    file.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return file


Answer = Callable[["Visit", str], None]


class Visit:
    """One client of the scripted server."""

    def __init__(self, sock: socket.socket, script: "Script") -> None:
        self.sock = sock
        self.script = script
        self.buffer = b""
        self.offset = 0
        self.protected = False
        self.listener: socket.socket | None = None
        self.target = ("", 0)
        """Where PORT said, for the tests of active mode."""

    def close(self) -> None:
        """Leave."""
        self.sock.close()
        if self.listener:
            self.listener.close()

    def say(self, line: str | bytes) -> None:
        """Send one line, or raw bytes as they are."""
        self.sock.sendall(
            line if isinstance(line, bytes) else line.encode("utf-8", "surrogateescape") + b"\r\n"
        )

    def hear(self) -> str | None:
        """The next command line, None at the end."""
        while b"\n" not in self.buffer:
            data = self.sock.recv(65536)
            if not data:
                return None
            self.buffer += data
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line.rstrip(b"\r").decode("utf-8", "surrogateescape")

    def listen(self) -> int:
        """Open the passive listener and return its port."""
        if self.listener:
            self.listener.close()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(10)
        return int(self.listener.getsockname()[1])

    def accept(self) -> socket.socket:
        """Take the data connection, encrypted if PROT P was said."""
        assert self.listener
        data, _ = self.listener.accept()
        data.settimeout(10)
        if self.protected:
            assert self.script.context
            return self.script.context.wrap_socket(data, server_side=True, suppress_ragged_eofs=False)
        return data

    def send_data(self, data: bytes, reply: str = "226 done") -> None:
        """Answer a download or listing: 150, the bytes from the REST offset, and the final reply."""
        self.say("150 here it comes")
        with self.accept() as channel:
            channel.sendall(data[self.offset :])
            end_data(channel)
        self.offset = 0
        self.say(reply)

    def receive_data(self) -> bytes:
        """Answer an upload: 150, all bytes, without the final reply."""
        self.say("150 send it")
        received = bytearray()
        with self.accept() as channel:
            while block := channel.recv(65536):
                received += block
        return bytes(received)


def end_data(channel: socket.socket) -> None:
    """End a data connection the right way, with close_notify under TLS."""
    if isinstance(channel, ssl.SSLSocket):
        with contextlib.suppress(OSError):
            channel.unwrap()


@dataclass
class Script:
    """What the scripted server has and how it answers; `answers` replace the answer to a verb."""

    files: dict[str, bytes] = field(default_factory=dict)
    answers: dict[str, Answer] = field(default_factory=dict)
    context: ssl.SSLContext | None = None
    features: tuple[str, ...] = ("MLST type*;size*;modify*;", "SIZE", "REST STREAM", "UTF8")
    heard: list[str] = field(default_factory=list)
    port: int = 0

    def serve(self, sock: socket.socket) -> None:
        """Answer one client until it leaves."""
        visit = Visit(sock, self)
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            stack.callback(visit.close)
            visit.say("220 scripted")
            while (line := visit.hear()) is not None:
                self.heard.append(line)
                verb, _, argument = line.partition(" ")
                answer = self.answers.get(verb) or ANSWERS.get(verb)
                if answer is None:
                    visit.say("502 not known")
                else:
                    answer(visit, argument)
                if verb == "QUIT":
                    return


def _auth(visit: Visit, _: str) -> None:
    if visit.script.context is None:
        visit.say("502 no TLS")
        return
    visit.say("234 go on")
    visit.sock = visit.script.context.wrap_socket(visit.sock, server_side=True)


def _prot(visit: Visit, _: str) -> None:
    visit.protected = True
    visit.say("200 private")


def _rest(visit: Visit, argument: str) -> None:
    visit.offset = int(argument)
    visit.say("350 from there")


def _retr(visit: Visit, path: str) -> None:
    if path in visit.script.files:
        visit.send_data(visit.script.files[path])
    else:
        visit.say("550 no such file")


def _size(visit: Visit, path: str) -> None:
    found = visit.script.files.get(path)
    visit.say("550 no such file" if found is None else f"213 {len(found)}")


def _stor(visit: Visit, path: str) -> None:
    start, visit.offset = visit.offset, 0
    old = visit.script.files.get(path, b"")
    visit.script.files[path] = old[:start] + visit.receive_data()
    visit.say("226 stored")


def _feat(visit: Visit, _: str) -> None:
    lines = "".join(f" {feature}\r\n" for feature in visit.script.features)
    visit.say(f"211-Features:\r\n{lines}211 End".encode() + b"\r\n")


ANSWERS: dict[str, Answer] = {
    "AUTH": _auth,
    "USER": lambda visit, _: visit.say("331 password?"),
    "PASS": lambda visit, _: visit.say("230 welcome"),
    "TYPE": lambda visit, _: visit.say("200 binary"),
    "OPTS": lambda visit, _: visit.say("200 utf8"),
    "PBSZ": lambda visit, _: visit.say("200 zero"),
    "PROT": _prot,
    "PWD": lambda visit, _: visit.say('257 "/"'),
    "CWD": lambda visit, _: visit.say("250 there"),
    "FEAT": _feat,
    "EPSV": lambda visit, _: visit.say(f"229 Entering (|||{visit.listen()}|)"),
    "REST": _rest,
    "RETR": _retr,
    "STOR": _stor,
    "SIZE": _size,
    "MKD": lambda visit, path: visit.say(f'257 "{path}"'),
    "DELE": lambda visit, _: visit.say("250 gone"),
    "QUIT": lambda visit, _: visit.say("221 bye"),
}


@contextlib.contextmanager
def scripted(script: Script) -> Iterator[Script]:
    """Run the scripted server; each client gets a thread of its own."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        script.port = int(listener.getsockname()[1])
        threads: list[threading.Thread] = []

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    sock, _ = listener.accept()
                    sock.settimeout(20)
                    thread = threading.Thread(target=script.serve, args=(sock,), daemon=True)
                    threads.append(thread)
                    thread.start()

        keeper = threading.Thread(target=accept, daemon=True)
        keeper.start()
        yield script
        listener.shutdown(socket.SHUT_RDWR)
        keeper.join(10)
        for thread in threads:
            thread.join(10)
