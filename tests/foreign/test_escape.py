"""A symbolic link to outside, planted on disk by somebody else, leads nowhere, whatever verb is tried on it.

Inside a home a link means what it means under chroot: an absolute one starts at the home. So the links here
point at things that exist outside and not inside; every verb must fail on them or touch the link alone. What
must hold is judged outside: the tree there is byte for byte and attribute for attribute what it was, and
neither its names nor its secret ever appear in a reply or on a data connection. The list of verbs is checked
against HELP, so that a verb added later is tried too.
"""

import ftplib
import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service import Service

SECRET = b"the treasure of the neighbour"

# Every way a link can lead out: where it points, given the folder outside and the home.
LINKS = {
    "to-file": "{outside}/treasure",
    "to-dir": "{outside}",
    "by-dots": "../../outside",
    "by-many-dots": "../../../../../../../../../../..{outside}",
    "by-proc-root": "/proc/self/root{outside}",
    "by-proc-cwd": "/proc/self/cwd/../outside",
    "by-chain": "to-dir/deep/treasure",
    "by-slash-dots": "/../../..{outside}/treasure",
}

# Arguments to try: the link itself, and something beneath it.
SHAPES = (
    "{link}",
    "{link}/",
    "{link}/treasure",
    "{link}/deep",
    "{link}/deep/treasure",
    "{link}/new",
    "{link}/..",
)

# How each verb of the table takes a path; {} is the path. Several commands are sent one after the other.
REPLIES: dict[str, tuple[str, ...]] = {
    "SIZE": ("SIZE {}",),
    "MDTM": ("MDTM {}", "MDTM 20200101000000 {}"),
    "MLST": ("MLST {}",),
    "STAT": ("STAT {}", "STAT -la {}"),
    "CWD": ("CWD {}", "PWD", "STAT .", "SIZE treasure", "CWD /"),
    "XCWD": ("XCWD {}", "SIZE treasure", "CWD /"),
    "SMNT": ("SMNT {}", "SIZE treasure", "CWD /"),
    "MKD": ("MKD {}", "MKD {}/made"),
    "XMKD": ("XMKD {}", "XMKD {}/made"),
    "MFMT": ("MFMT 20200101000000 {}",),
    "MFCT": ("MFCT 20200101000000 {}",),
    "MFF": ("MFF Modify=20200101000000;UNIX.mode=0777; {}",),
    "HASH": ("HASH {}",),
    "XCRC": ("XCRC {}",),
    "XMD5": ("XMD5 {}",),
    "MD5": ("MD5 {}",),
    "XSHA": ("XSHA {}",),
    "XSHA1": ("XSHA1 {}",),
    "XSHA256": ("XSHA256 {}",),
    "XSHA512": ("XSHA512 {}",),
    "AVBL": ("AVBL {}",),
    "DSIZ": ("DSIZ {}",),
    "COMB": ("COMB combined {}", "COMB {} mine"),
    "SITE": (
        "SITE CHMOD 777 {}",
        "SITE CHMOD 000 {}",
        "SITE UTIME {} 20200101000000 20200101000000 20200101000000 UTC",
        "SITE UTIME 20200101000000 {}",
        "SITE MKDIR {}/made",
        "SITE RMDIR {}",
        "SITE SYMLINK {} stolen",
        "SITE CPFR {}",
        "SITE CPTO stolen",
        "SITE CPFR mine",
        "SITE CPTO {}",
        "SITE COPY {} stolen",
        "SITE DU {}",
        "SITE QUOTA {}",
    ),
    "RNFR": ("RNFR mine", "RNTO {}", "RNFR {}", "RNTO {}2"),
    "RNTO": ("RNFR {}", "RNTO stolen", "RNFR stolen", "RNTO {}"),
    "DELE": ("DELE {}",),
    "RMD": ("RMD {}",),
    "XRMD": ("XRMD {}",),
    "RMDA": ("RMDA {}",),
}
READS: dict[str, tuple[str, ...]] = {
    "RETR": ("RETR {}",),
    "LIST": ("LIST {}", "LIST -laR {}", "LIST {}/*"),
    "NLST": ("NLST {}", "NLST {}/*"),
    "MLSD": ("MLSD {}",),
}
WRITES: dict[str, tuple[str, ...]] = {
    "STOR": ("STOR {}",),
    "APPE": ("APPE {}",),
    "STOU": ("STOU {}",),
}
NO_PATH = {
    "ABOR",
    "ACCT",
    "ADAT",
    "ALLO",
    "AUTH",
    "CCC",
    "CDUP",
    "CLNT",
    "CONF",
    "CSID",
    "ENC",
    "EPRT",
    "EPSV",
    "FEAT",
    "HELP",
    "HOST",
    "LANG",
    "LPRT",
    "LPSV",
    "MIC",
    "MODE",
    "NOOP",
    "OPTS",
    "PASS",
    "PASV",
    "PBSZ",
    "PORT",
    "PROT",
    "PWD",
    "QUIT",
    "RANG",
    "REIN",
    "REST",
    "STRU",
    "SYST",
    "TYPE",
    "USER",
    "XCUP",
    "XPWD",
    "ESTA",
    "ESTP",
    "PRET",
    "THMB",
    "SPSV",
}
FIRST_LAST = (
    "DELE",
    "RMD",
    "XRMD",
    "RMDA",
)  # these may take the link itself away: tried when all else is done


def snapshot(outside: Path) -> dict[str, tuple[int, ...] | bytes]:
    """Names, kinds, modes, sizes, times and contents of everything outside."""
    found: dict[str, tuple[int, ...] | bytes] = {}
    for path in [outside, *sorted(outside.rglob("*"))]:
        facts = path.lstat()
        found[str(path)] = (facts.st_mode, facts.st_size, facts.st_mtime_ns, facts.st_nlink, facts.st_uid)
        if path.is_file():
            found[f"{path} content"] = path.read_bytes()
    return found


class Burglar:
    """A client that says raw commands and keeps everything the server ever told it."""

    def __init__(self, ftp: ftplib.FTP) -> None:
        self.ftp = ftp
        self.heard: list[str] = []
        self.worked: list[str] = []

    def say(self, command: str) -> None:
        """Sends one command and keeps the reply, whatever it is."""
        self.ftp.putcmd(command)
        self._keep(command)

    def move(self, command: str, content: bytes | None) -> None:
        """Sends a transfer command with a data connection ready; reads from it, or writes `content` to it."""
        host, port = self.ftp.makepasv()
        self.ftp.putcmd(command)
        with socket.create_connection((host, port), timeout=30) as data:
            if not self._keep(command).startswith("1"):
                return
            if content is not None:
                data.sendall(content)
                data.shutdown(socket.SHUT_WR)
            while part := data.recv(65536):
                self.heard.append(part.decode("utf-8", "surrogateescape"))
        self._keep(command)

    def _keep(self, command: str) -> str:
        try:
            reply = self.ftp.getresp()
        except (ftplib.error_temp, ftplib.error_perm, ftplib.error_proto) as error:
            reply = str(error)
        self.heard.append(reply)
        if reply.startswith("2"):
            self.worked.append(f"{command} -> {reply}")
        return reply


@pytest.fixture
def outside(service: Service, tmp_path: Path) -> Iterator[Path]:
    """The folder that nobody may reach; at the end it must be as it was."""
    folder = service.homes.parent / "outside"
    (folder / "deep").mkdir(parents=True)
    (folder / "treasure").write_bytes(SECRET)
    (folder / "deep" / "treasure").write_bytes(SECRET)
    (folder / "coffer-4711").mkdir()
    for path in [*folder.rglob("*"), folder]:
        os.utime(path, (1_000_000_000, 1_000_000_000))
    before = snapshot(folder)
    yield folder
    assert snapshot(folder) == before


def plant(home: Path, outside: Path, link: str) -> None:
    """Puts the link into `home` anew, beside a file of the user's own."""
    for name in ("to-dir", link):
        (home / name).unlink(missing_ok=True)
        (home / name).symlink_to(LINKS[name].format(outside=outside))
    (home / "mine").write_bytes(b"my own")


@pytest.mark.parametrize("link", LINKS)
def test_a_link_to_outside_leads_nowhere_for_every_verb(service: Service, outside: Path, link: str) -> None:
    service.add_user("ada")
    home = service.home("ada")
    with service.login("ada") as ftp:
        ftp.sendcmd("TYPE I")
        burglar = Burglar(ftp)
        gentle = [verb for verb in REPLIES if verb not in FIRST_LAST]
        for shape in SHAPES:
            path = shape.format(link=link)
            plant(home, outside, link)
            for verb in READS:
                for command in READS[verb]:
                    burglar.move(command.format(path), None)
            for verb in WRITES:
                plant(home, outside, link)
                for command in WRITES[verb]:
                    burglar.move(command.format(path), b"graffiti")
            for verb in (*gentle, *FIRST_LAST):
                plant(home, outside, link)
                for command in REPLIES[verb]:
                    burglar.say(command.format(path))
            for name in ("stolen", "combined"):
                (home / name).unlink(missing_ok=True)
    heard = "\n".join(burglar.heard)
    assert SECRET.decode() not in heard
    assert "coffer-4711" not in heard, [line for line in burglar.worked if "LIST" in line or "MLS" in line]
    assert not re.search(rf"^213 {len(SECRET)}$", heard, re.MULTILINE), "the size of the treasure was told"
    assert "20010909014640" not in heard, "the time of the treasure was told"


def test_every_verb_of_the_server_is_tried(service: Service) -> None:
    service.add_user("ada")
    with service.login("ada") as ftp:
        verbs = set(re.findall(r"\b[A-Z][A-Z0-9]{2,7}\b", "\n".join(ftp.sendcmd("HELP").splitlines()[1:-1])))
    assert {"STOR", "RETR", "LIST", "RNFR", "SITE"} <= verbs, "HELP does not name the verbs"
    tried = {*REPLIES, *READS, *WRITES, *NO_PATH}
    assert verbs - tried == set(), "say above how these take a path, or that they take none"


def test_a_home_swapped_for_a_link_is_not_followed(service: Service, outside: Path) -> None:
    service.add_user("ada")
    home = service.home("ada")
    with service.login("ada") as ftp:
        home.rename(home.with_name("moved"))
        home.symlink_to(outside)
        names = ftp.nlst()
        assert "treasure" not in names
    with pytest.raises(ftplib.Error):
        service.login("ada")


def test_special_files_are_never_opened(service: Service) -> None:
    service.add_user("ada")
    home = service.home("ada")
    os.mkfifo(home / "pipe")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(home / "socket"))
    with listener, service.login("ada") as ftp:
        for name in ("pipe", "socket"):
            for command in (f"RETR {name}", f"STOR {name}", f"APPE {name}"):
                with pytest.raises(ftplib.error_perm, match=r"^55[03]"):
                    ftp.transfercmd(command)
        assert {"pipe", "socket"} <= set(ftp.nlst())
        ftp.delete("pipe")
    assert not (home / "pipe").exists()
