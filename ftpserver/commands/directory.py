"""Directories: PWD CWD CDUP MKD RMD and their X forms (RFC 959 section 4.1.3, RFC 775)."""

from ftpserver.accounts.account import Permission
from ftpserver.commands.arguments import nothing, path
from ftpserver.commands.table import Table
from ftpserver.outcome import Outcome
from ftpserver.refusal import refuse
from ftpserver.session import Session
from ftpwire.entry import Kind
from ftpwire.pathname import VirtualPath, quote
from ftpwire.reply import Reply

table = Table()


@table.member("PWD", nothing, "PWD", aliases=("XPWD",))
def pwd(session: Session, argument: None) -> Outcome:
    """Where the session is."""
    return Reply(257, (f"{quote(session.cwd.text)} is the current directory.",))


@table.member("CWD", path, "CWD <path>", aliases=("XCWD",), features=("TVFS",))
def cwd(session: Session, target: VirtualPath) -> Outcome:
    """Go to a directory. It is a name only: every command resolves it anew below the home."""
    if session.home.stat(target).kind is not Kind.DIRECTORY:
        raise refuse(550, "Not a directory.")
    session.cwd = target
    return Reply(250, (f"The current directory is now {quote(target.text)}.",))


@table.member("CDUP", nothing, "CDUP", aliases=("XCUP",))
def cdup(session: Session, argument: None) -> Outcome:
    """Go to the parent; that of the root is the root."""
    session.cwd = session.cwd.parent
    return Reply(250, (f"The current directory is now {quote(session.cwd.text)}.",))


@table.member("MKD", path, "MKD <path>", aliases=("XMKD",), permission=Permission.MKDIR, changes=True)
def mkd(session: Session, target: VirtualPath) -> Outcome:
    """Make a directory."""
    session.home.make_directory(target)
    return Reply(257, (f"{quote(target.text)} created.",))


@table.member("RMD", path, "RMD <path>", aliases=("XRMD",), permission=Permission.RMDIR, changes=True)
def rmd(session: Session, target: VirtualPath) -> Outcome:
    """Remove an empty directory."""
    session.home.remove_directory(target)
    return Reply(250, ("Directory removed.",))
