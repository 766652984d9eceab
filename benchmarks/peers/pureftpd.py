"""Pure-FTPd 1.0.50: virtual users in a puredb, chroot, its virtual quota on."""

import subprocess

from benchmarks.ground import PASSWORD
from benchmarks.packages import Missing, Program
from benchmarks.peers.base import Peer, cheap_hash


class PureFtpd(Peer):
    """One process a session."""

    key = "pure-ftpd"
    title = "Pure-FTPd"
    quota_files, quota_bytes = 1 << 30, 1 << 44

    def find(self) -> None:
        """Find or fetch it and its user editor."""
        self.program = Program("pure-ftpd")
        self._pw = Program("pure-ftpd", "pure-pw")
        if not self.ground.root:
            raise Missing("its chroot and its virtual users need root")

    def configure(self) -> None:
        """Write the users and the certificate."""
        passwords, hashed, ground = self.folder / "passwd", cheap_hash(PASSWORD), self.ground
        limits = f":::::{self.quota_files}:{self.quota_bytes}"
        passwords.write_text(
            "".join(
                f"u{i}:{hashed}:{ground.uid}:{ground.gid}::{home}/./:{limits}::::::\n"
                for i, home in enumerate(self.homes)
            )
        )
        database = str(self.folder / "users.pdb")
        command = [self._pw.path, "mkdb", database, "-f", str(passwords)]
        subprocess.run(command, env=self._pw.environment, check=True, capture_output=True)
        certificate = self.folder / "server.pem"
        certificate.write_text(ground.certificate.read_text() + ground.key.read_text())
        certificate.chmod(0o600)

    def command(self) -> tuple[list[str], dict[str, str]]:
        """Everything is on its command line."""
        options = [
            "-4",
            "-S",
            f"127.0.0.1,{self.port}",
            "-c",
            "20000",
            "-C",
            "20000",
            "-I",
            "60",
            "-E",
            "-A",
            "-H",
        ]
        options += ["-u", "1", "-L", "10000000:5", "-f", "none", "-g", str(self.folder / "pid")]
        options += [
            "-l",
            f"puredb:{self.folder / 'users.pdb'}",
            "-n",
            f"{self.quota_files}:{self.quota_bytes >> 20}",
        ]
        options += ["-Y", "1", "-2", str(self.folder / "server.pem")]
        return [self.program.path, *options], self.program.environment
