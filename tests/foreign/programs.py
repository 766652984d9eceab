"""The programs others wrote, as clients of life.py: curl, lftp, tnftp, ncftp, wget, rclone."""

import re
import subprocess
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

from tests.foreign import tree
from tests.foreign.clients import curl, curl_text, lftp, lftp_text, run
from tests.foreign.life import Client, Server, Way, package_version


def _private(path: Path, text: str) -> Path:
    path.write_text(text, "utf-8")
    path.chmod(0o600)
    return path


class Curl(Client):
    name = "curl"
    except_for = "7.87 and 7.88 forget TLS on active data connections (curl#10666)"

    @classmethod
    def ways(cls) -> list[Way]:
        return [way for way in super().ways() if not (way.tls and way.active)]

    @classmethod
    def version(cls) -> str:
        return package_version("curl")

    def _run(self, lines: list[str], *options: str) -> str:
        server = self.server
        first = ["globoff", f"user = {curl_text(f'{server.user}:{server.password}')}"]
        if server.way.tls:
            first += ["ssl-reqd", f"cacert = {curl_text(server.service.certificate)}"]
        if server.way.active:
            first.append('ftp-port = "-"')
        return curl([*first, *lines], self.folder, *options)

    def _url(self, path: str) -> str:
        return curl_text(f"ftp://{self.server.bracketed}:{self.server.port}/{quote(path)}")

    def put(self, source: Path, target: str) -> None:
        lines = ["ftp-create-dirs"]
        for path in tree.files(source):
            lines += [f"upload-file = {curl_text(source / path)}", f"url = {self._url(f'{target}/{path}')}"]
        self._run(lines, "--parallel", "--parallel-max", "8")

    def get(self, source: str, target: Path) -> None:
        lines = ["create-dirs"]
        for path in tree.files(self.server.home / source):
            lines += [f"url = {self._url(f'{source}/{path}')}", f"output = {curl_text(target / path)}"]
        self._run(lines, "--parallel", "--parallel-max", "8")

    def list(self, directory: str) -> set[str]:
        return set(self._run(["list-only", f"url = {self._url(directory + '/')}"]).splitlines())

    def resume_put(self, source: Path, target: str) -> None:
        self._run(["continue-at = -", f"upload-file = {curl_text(source)}", f"url = {self._url(target)}"])

    def resume_get(self, source: str, target: Path) -> None:
        self._run(["continue-at = -", f"url = {self._url(source)}", f"output = {curl_text(target)}"])

    def _quote(self, *commands: str) -> None:
        lines = [f"quote = {curl_text(command)}" for command in commands]
        self._run([*lines, "list-only", f"url = {self._url('')}"])

    def rename(self, old: str, new: str) -> None:
        self._quote(f"RNFR {old}", f"RNTO {new}")

    def delete(self, path: str) -> None:
        self._quote(f"DELE {path}")


class Lftp(Client):
    name = "lftp"
    except_for = "in active mode over IPv6 it tells the address ::, which is nobody's"

    @classmethod
    def ways(cls) -> list[Way]:
        return [way for way in super().ways() if not (way.active and way.ipv6)]

    @classmethod
    def version(cls) -> str:
        return package_version("lftp")

    def _run(self, script: str) -> str:
        server = self.server
        lines = [f"set ftp:passive-mode {'no' if server.way.active else 'yes'}"]
        if server.way.tls:
            lines += ["set ftp:ssl-force yes", "set ftp:ssl-protect-data yes"]
            lines.append(f"set ssl:ca-file {lftp_text(server.service.certificate)}")
        else:
            lines.append("set ftp:ssl-allow no")
        lines.append(
            f"open -u {lftp_text(f'{server.user},{server.password}')} ftp://{server.bracketed}:{server.port}"
        )
        return lftp("\n".join([*lines, script]), self.folder)

    def put(self, source: Path, target: str) -> None:
        self._run(f"mirror --reverse --parallel=4 {lftp_text(source)} {lftp_text(target)}")

    def get(self, source: str, target: Path) -> None:
        self._run(f"mirror --parallel=4 {lftp_text(source)} {lftp_text(target)}")

    def list(self, directory: str) -> set[str]:
        return set(self._run(f"cd {lftp_text(directory)}\nnlist").splitlines())

    def resume_put(self, source: Path, target: str) -> None:
        self._run(f"put -c {lftp_text(source)} -o {lftp_text(target)}")

    def resume_get(self, source: str, target: Path) -> None:
        self._run(f"get -c {lftp_text(source)} -o {lftp_text(target)}")

    def rename(self, old: str, new: str) -> None:
        self._run(f"mv {lftp_text(old)} {lftp_text(new)}")

    def delete(self, path: str) -> None:
        self._run(f"rm {lftp_text(path)}")


class Tnftp(Client):
    name = "tnftp"
    tls = "it has TLS for https only"

    @classmethod
    def version(cls) -> str:
        return package_version("tnftp")

    def _run(self, *lines: str) -> str:
        server = self.server
        _private(
            self.folder / ".netrc",
            f'machine {server.host} login {server.user} password "{server.password}"\n',
        )
        script = self.folder / "script"
        start = f"open {server.host} {server.port}\nbinary\nprompt off\n"
        script.write_text(start + "\n".join(lines) + "\nbye\n", "utf-8")
        with script.open("rb") as stdin:
            return run(["tnftp", "-i", "-v", "-A" if server.way.active else "-p"], self.folder, stdin=stdin)

    @staticmethod
    def _text(text: object) -> str:
        """A word of its command line: inside quotes it knows no escape, so everything is escaped one by one."""
        return re.sub(r"([^\w./-])", r"\\\1", str(text), flags=re.ASCII)

    def put(self, source: Path, target: str) -> None:
        text = self._text
        lines = [f"mkdir {target}"]
        lines += [f"mkdir {text(f'{target}/{path}')}" for path in tree.directories(source)]
        lines += [f"put {text(source / path)} {text(f'{target}/{path}')}" for path in tree.files(source)]
        self._run(*lines)

    def get(self, source: str, target: Path) -> None:
        text, home = self._text, self.server.home / source
        target.mkdir()
        for path in tree.directories(home):
            (target / path).mkdir()
        self._run(*(f"get {text(f'{source}/{path}')} {text(target / path)}" for path in tree.files(home)))

    def list(self, directory: str) -> set[str]:
        listing = self.folder / "listing"
        listing.unlink(missing_ok=True)
        self._run(f"cd {self._text(directory)}", f"nlist . {self._text(listing)}")
        return set(listing.read_text("utf-8").splitlines())

    def resume_put(self, source: Path, target: str) -> None:
        size = (self.server.home / target).stat().st_size
        self._run(f"restart {size}", f"put {self._text(source)} {self._text(target)}")

    def resume_get(self, source: str, target: Path) -> None:
        self._run(f"reget {self._text(source)} {self._text(target)}")

    def rename(self, old: str, new: str) -> None:
        self._run(f"rename {self._text(old)} {self._text(new)}")

    def delete(self, path: str) -> None:
        self._run(f"delete {self._text(path)}")


class Ncftp(Client):
    name = "ncftp"
    tls = "it has no TLS"
    ipv6 = "it knows IPv4 only"

    @classmethod
    def version(cls) -> str:
        return package_version("ncftp")

    def _run(self, program: str, *options: str) -> str:
        server = self.server
        login = _private(
            self.folder / "login",
            f"host {server.host}\nuser {server.user}\npass {server.password}\n",
        )
        common = ["-f", str(login), "-P", str(server.port), "-E" if server.way.active else "-F"]
        return run([program, *common, *options], self.folder)

    def put(self, source: Path, target: str) -> None:
        inside = [str(path) for path in source.iterdir()]
        self._run("ncftpput", "-V", "-R", "-m", target, *inside)

    def get(self, source: str, target: Path) -> None:
        target.mkdir()
        self._run(
            "ncftpget", "-V", "-R", "-T", str(target), *(f"{source}/{name}" for name in self.list(source))
        )

    def list(self, directory: str) -> set[str]:
        server = self.server
        login = f"ftp://{server.host}:{server.port}/{quote(directory)}/"
        _private(self.folder / "login", f"host {server.host}\nuser {server.user}\npass {server.password}\n")
        said = run(
            ["ncftpls", "-f", "login", "-E" if server.way.active else "-F", "-1", "-a", login], self.folder
        )
        return set(said.splitlines()) - {".", ".."}

    def resume_put(self, source: Path, target: str) -> None:
        # By sendfile (without -s) it would send the whole file after REST.
        self._run("ncftpput", "-V", "-s", "-z", "/", str(source))

    def resume_get(self, source: str, target: Path) -> None:
        self._run("ncftpget", "-V", "-z", str(target.parent), source)

    def _raw(self, *commands: str) -> None:
        probe = self.folder / "probe"
        probe.touch()
        said = [option for command in commands for option in ("-Y", command)]
        self._run("ncftpput", "-V", *said, "/", str(probe))

    def rename(self, old: str, new: str) -> None:
        self._raw(f"RNFR {old}", f"RNTO {new}")

    def delete(self, path: str) -> None:
        self._raw(f"DELE {path}")


class Wget(Client):
    name = "wget"
    cannot: ClassVar[dict[str, str]] = dict.fromkeys(
        ("put", "list", "resume put", "rename", "delete"), "it fetches only"
    )

    @classmethod
    def version(cls) -> str:
        return package_version("wget")

    def _run(self, *options: str) -> None:
        server = self.server
        config = _private(
            self.folder / "wgetrc", f"ftp_user = {server.user}\nftp_password = {server.password}\n"
        )
        how = [
            "--restrict-file-names=nocontrol",
            "--no-glob",
            "--local-encoding=UTF-8",
            "--remote-encoding=UTF-8",
        ]
        if server.way.active:
            how.append("--no-passive-ftp")
        if server.way.tls:
            how.append(f"--ca-certificate={server.service.certificate}")
        run(
            ["wget", f"--config={config}", "--no-verbose", "--tries=1", "--timeout=60", *how, *options],
            self.folder,
        )

    def _url(self, path: str) -> str:
        scheme = "ftps" if self.server.way.tls else "ftp"
        return f"{scheme}://{self.server.bracketed}:{self.server.port}/{quote(path)}"

    def get(self, source: str, target: Path) -> None:
        cut = ["--recursive", "--level=inf", "--no-host-directories", "--cut-dirs=1"]
        self._run(*cut, f"--directory-prefix={target}", self._url(source + "/"))

    def resume_get(self, source: str, target: Path) -> None:
        self._run("--continue", self._url(source))


class Rclone(Client):
    name = "rclone"
    active = "it has no active mode"
    cannot: ClassVar[dict[str, str]] = {
        "resume put": "it sends a file whole or not at all",
        "resume get": "it fetches a file whole or not at all",
    }

    def __init__(self, server: Server, folder: Path) -> None:
        super().__init__(server, folder)
        obscured = subprocess.run(
            ["rclone", "obscure", "-"], input=server.password, check=True, capture_output=True, text=True
        ).stdout.strip()
        settings = {
            "type": "ftp",
            "host": server.bracketed,
            "port": str(server.port),
            "user": server.user,
            "pass": obscured,
        }
        if server.way.tls:
            settings |= {"explicit_tls": "true"}
        self._config = _private(
            folder / "rclone.conf",
            "[there]\n" + "".join(f"{key} = {value}\n" for key, value in settings.items()),
        )

    @classmethod
    def version(cls) -> str:
        return package_version("rclone").partition("+")[0]

    def _run(self, *arguments: str) -> str:
        trust = f"SSL_CERT_FILE={self.server.service.certificate}"  # its FTP part does not heed --ca-cert
        return run(["env", trust, "rclone", f"--config={self._config}", *arguments], self.folder)

    def put(self, source: Path, target: str) -> None:
        self._run("sync", str(source), f"there:{target}")
        self._run("check", "--download", str(source), f"there:{target}")

    def get(self, source: str, target: Path) -> None:
        self._run("sync", f"there:{source}", str(target))
        self._run("check", "--download", f"there:{source}", str(target))

    def list(self, directory: str) -> set[str]:
        return {name.rstrip("/") for name in self._run("lsf", f"there:{directory}").splitlines()}

    def rename(self, old: str, new: str) -> None:
        self._run("moveto", f"there:{old}", f"there:{new}")

    def delete(self, path: str) -> None:
        self._run("deletefile", f"there:{path}")


PROGRAMS: tuple[type[Client], ...] = (Curl, Lftp, Tnftp, Ncftp, Wget, Rclone)
