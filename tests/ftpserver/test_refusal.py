"""Refusals: every error that a client can cause has its one reply."""

import errno
import os

import pytest

from ftpserver import refusal
from ftpserver.accounts.account import Permission
from ftpserver.data.passive import NoPort
from ftpserver.home import PermissionDenied
from ftpserver.quota.base import HomeBusy, LedgerFault, QuotaExceeded
from ftpserver.refusal import Refusal, describe_quota, refuse, reply_to
from ftpserver.storage.base import LinkLeadsAway, StorageBusy
from ftpwire.errors import RemoteError, UnsupportedProtocol
from ftpwire.reply import Reply

ERRNOS = {
    550: "ENOENT ENOTDIR EISDIR EEXIST ENOTEMPTY EACCES EPERM ELOOP EXDEV EROFS",
    553: "ENAMETOOLONG EINVAL EILSEQ",
    450: "EBUSY ETXTBSY EAGAIN",
    452: "ENOSPC",
    552: "EDQUOT EFBIG",
    451: "EMFILE ENFILE ENOMEM EIO ESTALE ENOSYS",
}


@pytest.mark.parametrize(
    ("code", "name"), [(code, name) for code, names in ERRNOS.items() for name in names.split()]
)
def test_each_errno_has_its_code_and_words_of_ours(code: int, name: str) -> None:
    number = getattr(errno, name)
    reply = reply_to(OSError(number, os.strerror(number), "secret\r\nname"))
    assert reply is not None
    assert reply.code == code
    assert "secret" not in reply.text
    assert reply.text.endswith(".")


def test_an_os_error_without_a_number_is_an_answer_too() -> None:
    reply = reply_to(OSError("something"))
    assert reply is not None
    assert reply.code == 451


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (StorageBusy(errno.EBUSY, "busy"), 450),
        (LinkLeadsAway(errno.EINVAL, "away"), 553),
        (QuotaExceeded("bytes", 1, 0, 1), 552),
        (PermissionDenied(Permission.DELETE), 550),
        (LedgerFault("disk"), 451),
        (HomeBusy(), 450),
        (NoPort(), 425),
        (UnsupportedProtocol("x"), 522),
        (RemoteError("the path is too long"), 501),
    ],
)
def test_errors_of_the_rooms_below(error: Exception, code: int) -> None:
    reply = reply_to(error)
    assert reply is not None
    assert reply.code == code


def test_what_no_client_can_cause_is_left_to_the_log() -> None:
    assert reply_to(ValueError("x")) is None
    assert reply_to(AssertionError()) is None


def test_a_refusal_carries_its_reply() -> None:
    error = refuse(504, "Not that.")
    assert isinstance(error, Refusal)
    assert reply_to(error) == Reply(504, ("Not that.",))
    assert str(error) == "Not that."


def test_a_ledger_fault_keeps_its_cause_to_itself() -> None:
    reply = reply_to(LedgerFault("/secret/state"))
    assert reply is not None
    assert "secret" not in reply.text


def test_a_ledger_fault_is_told_to_the_operator_once_and_another_one_too(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for text in ("full", "full", "locked", "full", "locked"):
        reply_to(LedgerFault(text))
    assert [record.getMessage().rpartition(": ")[2] for record in caplog.records] == ["full", "locked"]
    monkeypatch.setattr(refusal, "_TELL_AGAIN", 0.0)
    reply_to(LedgerFault("full"))
    assert len(caplog.records) == 3
    for number in range(1000):
        reply_to(LedgerFault(str(number)))
    assert len(refusal._told) <= refusal._MOST_TOLD


def test_a_quota_that_is_missed_by_a_byte_does_not_look_as_if_there_were_room() -> None:
    told = describe_quota(QuotaExceeded("bytes", 1024**2 + 1, 1024**2, 1024**2))
    assert "need 1048577 B, 1048576 B free of 1.0 MiB" in told


def test_a_quota_says_what_was_needed_and_what_is_free() -> None:
    told = describe_quota(QuotaExceeded("bytes", 700 * 1024, 424 * 1024, 1024**2)).replace(".0 ", " ")
    assert told == "Quota exceeded: need 700 KiB, 424 KiB free of 1 MiB."
    told = describe_quota(QuotaExceeded("files", 1, 0, 10))
    assert told == "Quota exceeded: need 1 more entries, 0 free of 10."
