"""Copies and trees on the server: COMB, SITE CPFR CPTO COPY, SITE MKDIR RMDIR SYMLINK; see tree.py.

COMB is GlobalSCAPE's, CPFR and CPTO are ProFTPD's mod_copy, COPY, MKDIR, RMDIR and SYMLINK its mod_site_misc.
"""

import re

from ftpserver.accounts.account import Permission
from ftpserver.commands.arguments import path
from ftpserver.commands.directory import rmd
from ftpserver.commands.table import Table
from ftpserver.outcome import Later, Outcome
from ftpserver.refusal import refuse
from ftpserver.session import Said, Session
from ftpserver.tree import SameFile, combine, copy, make_path, remove_tree
from ftpwire.entry import Kind
from ftpwire.pathname import VirtualPath, quote
from ftpwire.reply import Reply

table = Table()
site_table = Table()

_NAME = re.compile(r'"((?:[^"]|"")*)"|(\S+)')


def _paths(session: Session, argument: str) -> list[VirtualPath]:
    """Paths with blanks between them; one that holds a blank is quoted."""
    names = [quoted.replace('""', '"') or bare for quoted, bare in _NAME.findall(argument)]
    if len(names) < 2 or not all(names):
        raise refuse(501, 'Two or more paths are needed: "target" "part" ...')
    return [VirtualPath.resolve(session.cwd, name) for name in names]


def _two_paths(session: Session, argument: str) -> tuple[VirtualPath, VirtualPath]:
    first, *others = _paths(session, argument)
    if len(others) != 1:
        raise refuse(501, 'Two paths are needed; quote those with blanks: "from" "to".')
    return first, others[0]


@table.member(
    "COMB",
    _paths,
    'COMB "target" "part" ["part" ...]',
    features=("COMB",),
    permission=Permission.DELETE,
    changes=True,
)
def comb(session: Session, paths: list[VirtualPath]) -> Outcome:
    """Append the parts to the target, in order, and remove them."""
    target, *parts = paths

    def work() -> Outcome:
        try:
            stay = combine(session.home, target, parts)
        except SameFile:
            raise refuse(501, "A file stands twice.") from None
        told = f" Not removed, as links or changed meanwhile: {stay} of the parts." if stay else ""
        return Reply(250, (f"Combined.{told}",))

    return Later(work)


@site_table.member("CPFR", path, "SITE CPFR <path>", permission=Permission.READ, says=Said.SOURCE)
def cpfr(session: Session, source: VirtualPath) -> Outcome:
    """What SITE CPTO, the next, will copy."""
    session.home.stat(source)
    session.copy_from = source
    return Reply(350, ("Ready for SITE CPTO.",))


@site_table.member(
    "CPTO", path, "SITE CPTO <path>", permission=Permission.CREATE, changes=True, takes=(Said.SOURCE,)
)
def cpto(session: Session, target: VirtualPath) -> Outcome:
    """Copy what SITE CPFR named."""
    source = session.copy_from
    if source is None:
        raise refuse(503, "Send SITE CPFR first.")
    return _copy(session, source, target)


@site_table.member("COPY", _two_paths, "SITE COPY <from> <to>", permission=Permission.READ, changes=True)
def copy_(session: Session, paths: tuple[VirtualPath, VirtualPath]) -> Outcome:
    """Copy a file or a tree."""
    session.home.need(Permission.CREATE)
    return _copy(session, *paths)


def _copy(session: Session, source: VirtualPath, target: VirtualPath) -> Outcome:
    def work() -> Outcome:
        copy(session.home, source, target)
        return Reply(250, ("Copied.",))

    return Later(work)


@site_table.member("MKDIR", path, "SITE MKDIR <path>", permission=Permission.MKDIR, changes=True)
def mkdir(session: Session, target: VirtualPath) -> Outcome:
    """Make a directory and those above it that are missing."""

    def work() -> Outcome:
        make_path(session.home, target)
        return Reply(257, (f"{quote(target.text)} created.",))

    return Later(work)


def _tree(session: Session, argument: str) -> tuple[bool, VirtualPath]:
    recursive = argument.startswith("-r ")
    return recursive, path(session, argument[3:].lstrip(" ") if recursive else argument)


@site_table.member("RMDIR", _tree, "SITE RMDIR [-r] <path>", permission=Permission.RMDIR, changes=True)
def rmdir(session: Session, argument: tuple[bool, VirtualPath]) -> Outcome:
    """Remove a directory, with -r and all that is in it."""
    recursive, target = argument
    if not recursive:
        return rmd(session, target)
    session.home.need(Permission.DELETE)
    if target.text == "/" or session.home.stat(target, follow=False).kind is not Kind.DIRECTORY:
        raise refuse(550, "Not a directory that can be removed.")

    def work() -> Outcome:
        remove_tree(session.home, target)
        return Reply(250, ("Directory removed, with all that was in it.",))

    return Later(work)


@site_table.member(
    "SYMLINK", _two_paths, "SITE SYMLINK <target> <link>", permission=Permission.CREATE, changes=True
)
def symlink(session: Session, paths: tuple[VirtualPath, VirtualPath]) -> Outcome:
    """Make a link to what is in its own directory or below it."""
    target, link = paths
    session.home.make_link(target, link)
    return Reply(250, ("Linked.",))
