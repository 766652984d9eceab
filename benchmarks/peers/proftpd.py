"""ProFTPD 1.3.8: users in an AuthUserFile, DefaultRoot, no quota (the quota comparison turns it on)."""

import grp

from benchmarks.ground import PASSWORD
from benchmarks.packages import Missing, Program
from benchmarks.peers.base import Peer, cheap_hash


class ProFtpd(Peer):
    """One process a session."""

    key = "proftpd"
    title = "ProFTPD"
    hash = "XSHA256"
    modules: tuple[str, ...] = ("mod_tls",)
    extra = ""

    def find(self) -> None:
        """Find or fetch it."""
        self.program = Program("proftpd")
        if not self.ground.root:
            raise Missing("its chroot needs root")

    def configure(self) -> None:
        """Write proftpd.conf and the users."""
        hashed, ground, users = cheap_hash(PASSWORD), self.ground, self.folder / "passwd"
        users.write_text(
            "".join(
                f"u{i}:{hashed}:{ground.uid}:{ground.gid}::{home}:/bin/false\n"
                for i, home in enumerate(self.homes)
            )
        )
        users.chmod(0o600)
        modules = "".join(f"LoadModule {name}.c\n" for name in (*self.modules, "mod_digest"))
        library = self.program.root / "usr/lib/proftpd"
        (self.folder / "proftpd.conf").write_text(
            f"""ModulePath {library}
{modules}ServerType standalone
ServerIdent on
DefaultAddress 127.0.0.1
Port {self.port}
User {ground.owner}
Group {grp.getgrgid(ground.gid).gr_name}
UseIPv6 off
UseReverseDNS off
MaxInstances 20000
DelayEngine off
ScoreboardFile {self.folder}/scoreboard
PidFile {self.folder}/pid
DelayTable none
SystemLog none
WtmpLog off
TransferLog none
TimeoutIdle 3600
AuthOrder mod_auth_file.c
AuthUserFile {users}
RequireValidShell off
DefaultRoot ~
AllowOverwrite on
AllowStoreRestart on
<IfModule mod_tls.c>
TLSEngine on
TLSProtocol TLSv1.2 TLSv1.3
TLSRequired off
TLSOptions NoSessionReuseRequired
TLSECCertificateFile {ground.certificate}
TLSECCertificateKeyFile {ground.key}
</IfModule>
<IfModule mod_digest.c>
DigestEngine on
</IfModule>
{self.extra}
"""
        )

    def command(self) -> tuple[list[str], dict[str, str]]:
        """In the foreground."""
        return [
            self.program.path,
            "-n",
            "-q",
            "-c",
            str(self.folder / "proftpd.conf"),
        ], self.program.environment
