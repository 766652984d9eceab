"""vsftpd 3.0.3: it has no users of its own, only PAM's; its clients here are anonymous, all in one home."""

import os
import shutil

from benchmarks.packages import Program
from benchmarks.peers.base import Peer


class Vsftpd(Peer):
    """Two processes a session (one is privileged), network namespace and seccomp as it comes."""

    key = "vsftpd"
    title = "vsftpd"
    mlsd = False
    users = 1
    user = "anonymous"

    def find(self) -> None:
        """Find or fetch it."""
        self.program = Program("vsftpd")

    def plant(self) -> None:
        """An anonymous user's root may not be writable; uploads go into directories below it."""
        super().plant()
        if self.ground.root:
            os.chown(self.homes[0], 0, 0)

    def configure(self) -> None:
        """Write vsftpd.conf."""
        empty = self.folder / "empty"
        empty.mkdir(exist_ok=True)
        ground = self.ground
        lines = {
            "listen": "YES",
            "listen_address": "127.0.0.1",
            "listen_port": self.port,
            "background": "NO",
            "max_clients": 0,
            "max_per_ip": 0,
            "anonymous_enable": "YES",
            "no_anon_password": "NO",
            "anon_root": self.homes[0],
            "ftp_username": ground.owner,
            "secure_chroot_dir": empty,
            "write_enable": "YES",
            "anon_upload_enable": "YES",
            "anon_mkdir_write_enable": "YES",
            "anon_other_write_enable": "YES",
            "anon_world_readable_only": "NO",
            "anon_umask": "022",
            "local_enable": "NO",
            "xferlog_enable": "NO",
            "idle_session_timeout": 3600,
            "ssl_enable": "YES",
            "allow_anon_ssl": "YES",
            "require_ssl_reuse": "NO",  # refuses TLS 1.3 sessions that are fresh
            "ssl_ciphers": "HIGH",
            "rsa_cert_file": ground.certificate,
            "rsa_private_key_file": ground.key,
        }
        lines |= {"nopriv_user": ground.owner} if ground.root else {"run_as_launching_user": "YES"}
        (self.folder / "vsftpd.conf").write_text("".join(f"{key}={value}\n" for key, value in lines.items()))
        (self.folder / "vsftpd.conf").chmod(0o600)

    def command(self) -> tuple[list[str], dict[str, str]]:
        """vsftpd wants its settings to belong to whoever starts it."""
        shutil.chown(self.folder / "vsftpd.conf", user=0 if self.ground.root else None, group=self.ground.gid)
        return [self.program.path, str(self.folder / "vsftpd.conf")], self.program.environment
