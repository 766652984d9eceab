"""Transfers: RETR STOR APPE STOU ABOR (RFC 959 section 4.1.3, RFC 3659 section 5 for REST).

A handler opens both ends of the file side and says what is to be moved; the data connection is the control's
affair. REST counts bytes on the network. In ASCII those are not the bytes of the file, so the place is looked
up (off the loop).
"""

import secrets

from ftpserver.accounts.account import Permission
from ftpserver.commands.arguments import path, text
from ftpserver.commands.table import Interrupt, Table
from ftpserver.data.text import file_offset
from ftpserver.outcome import Later, Outcome, Receive, Send
from ftpserver.refusal import refuse
from ftpserver.session import Said, Session, Type
from ftpserver.upload import Upload
from ftpwire.pathname import VirtualPath
from ftpwire.reply import Reply

table = Table()


@table.member("RETR", path, "RETR <path>", permission=Permission.READ, takes=(Said.PLACE,))
def retr(session: Session, target: VirtualPath) -> Outcome:
    """Send a file, from where REST said."""
    if session.type is Type.ASCII and session.restart:
        restart = session.restart
        return Later(lambda: _retr_text_from(session, target, restart))
    first = session.restart if session.range is None else session.range[0]
    source = session.home.open_source(target, first)
    if first > source.size:
        source.close()
        raise refuse(554, f"Cannot restart at {first}: the file has {source.size} bytes.")
    if session.range is not None:
        source.size = min(source.size, session.range[1] + 1)
    return Send(source, target, session.type is Type.ASCII, _opening(session, source.size - source.offset))


def _retr_text_from(session: Session, target: VirtualPath, restart: int) -> Outcome:
    source = session.home.open_source(target)
    try:
        source.offset, after_cr = file_offset(source.fd, restart, source.size, session.home.go_on)
        if source.offset > source.size:
            raise refuse(554, f"Cannot restart at {restart}: the file is shorter.")
    except BaseException:
        source.close()
        raise
    return Send(source, target, True, _opening(session, None), after_cr)


def _opening(session: Session, size: int | None) -> Reply:
    kind = "ASCII" if session.type is Type.ASCII else "BINARY"
    length = f" ({size} bytes)" if size is not None and session.type is Type.IMAGE else ""
    return Reply(150, (f"Opening {kind} data connection{length}.",))


@table.member("STOR", path, "STOR <path>", takes=(Said.PLACE,))
def stor(session: Session, target: VirtualPath) -> Outcome:
    """Take a file. It appears under its name when it is complete; from REST on it is written in place."""
    session.drop_promise()
    if not session.restart:
        return _receive(session, target, session.home.upload(target, session.expected))
    if session.type is Type.ASCII:
        restart, expected = session.restart, session.expected
        return Later(lambda: _stor_text_from(session, target, restart, expected))
    return _receive(session, target, session.home.upload_in_place(target, session.restart, session.expected))


def _stor_text_from(session: Session, target: VirtualPath, restart: int, expected: int) -> Outcome:
    try:
        source = session.home.open_source(target)
    except FileNotFoundError:
        offset = restart
    else:
        try:
            offset, _after_cr = file_offset(source.fd, restart, source.size, session.home.go_on)
        finally:
            source.close()
    return _receive(session, target, session.home.upload_in_place(target, offset, expected))


@table.member("APPE", path, "APPE <path>", takes=(Said.PLACE,))
def appe(session: Session, target: VirtualPath) -> Outcome:
    """Write at the end of a file, which is made when it is not there."""
    session.drop_promise()
    return _receive(session, target, session.home.upload_in_place(target, None, session.expected))


@table.member("STOU", text, "STOU [path]", permission=Permission.CREATE, takes=(Said.PLACE,))
def stou(session: Session, argument: str) -> Outcome:
    """Take a file under a name that nothing has; the 150 says which (RFC 1123 section 4.1.2.9)."""
    session.drop_promise()
    suffix = secrets.token_hex(8)
    target = VirtualPath.resolve(session.cwd, f"{argument}.{suffix}" if argument else f"upload-{suffix}")
    upload = session.home.upload(target, session.expected, only_new=True)
    outcome = _receive(session, target, upload)
    outcome.opening = Reply(150, (f"FILE: {target.name}",))
    outcome.name = target.name
    return outcome


def _receive(session: Session, target: VirtualPath, upload: Upload) -> Receive:
    return Receive(upload, target, session.type is Type.ASCII, _opening(session, None))


@table.anyone("ABOR", text, "ABOR", interrupt=Interrupt.ABORTS)
def abor(peer: object, argument: str) -> Outcome:
    """What is said when no transfer runs any more: its row has ended the one that ran, which answered 426 itself."""
    return Reply(226, ("Abort done.",))
