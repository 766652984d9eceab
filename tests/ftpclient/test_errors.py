"""Replies become errors of the OSError family."""

import errno

import pytest

from ftpclient import errors
from ftpclient.errors import FtpError, in_words, refusal
from ftpwire.reply import Reply


@pytest.mark.parametrize(
    ("code", "text", "kind"),
    [
        (550, "No such file or directory.", errors.NotFound),
        (550, "Failed to open file.", errors.NotFound),
        (550, "Can't check for file existence", errors.NotFound),
        (550, "Permission denied.", errors.Denied),
        (550, "File exists", errors.Exists),
        (550, "Not a directory", errors.NotDirectory),
        (550, "x: Is a directory", errors.IsDirectory),
        (550, "Directory not empty", errors.Refused),
        (550, "quota exceeded", errors.Full),
        (550, "no", errors.Refused),
        (501, "No such directory.", errors.NotFound),
        (501, "syntax", errors.Refused),
        (502, "not implemented", errors.Unsupported),
        (553, "Could not create file.", errors.Denied),
        (552, "need 700 KiB, 424 KiB free", errors.Full),
        (452, "disk full", errors.Full),
        (530, "Not logged in", errors.LoginRefused),
        (522, "TLS session of data connection not resumed.", errors.TlsFailed),
        (421, "Timeout.", errors.ConnectionLost),
        (426, "aborted", errors.TransferCut),
    ],
)
def test_a_reply_becomes_its_error(code: int, text: str, kind: type[FtpError]) -> None:
    fault = refusal(Reply.of(code, text), "/a/b")
    assert type(fault) is kind
    assert (fault.code, fault.text, fault.filename) == (code, text, "/a/b")
    assert str(fault) == f"/a/b: {text} ({code})"


def test_the_family_is_that_of_files() -> None:
    assert issubclass(errors.NotFound, FileNotFoundError)
    assert issubclass(errors.Denied, PermissionError)
    assert issubclass(errors.TimedOut, TimeoutError)
    assert issubclass(errors.ConnectionLost, ConnectionError)
    assert refusal(Reply.of(552, "full")).errno == errno.ENOSPC


def test_an_error_without_code_or_path_is_its_text() -> None:
    assert str(errors.TimedOut("too late")) == "too late"


def test_a_reply_that_refuses_nothing_is_a_protocol_fault() -> None:
    assert isinstance(refusal(Reply.of(226, "what?")), errors.ProtocolFault)


def test_faults_in_words_have_the_file_and_no_numbers() -> None:
    assert in_words(FileNotFoundError(errno.ENOENT, "No such file", "f")) == "f: No such file"
    assert in_words(OSError(errno.ENOSPC, "No space left")) == "No space left"
    assert in_words(errors.NotFound("gone", code=550, path="f")) == "f: gone (550)"
    assert in_words(ValueError("wrong")) == "wrong"
    assert in_words(RuntimeError()) == "RuntimeError"
