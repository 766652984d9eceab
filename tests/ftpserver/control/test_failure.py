"""ftpserver.control.failure: which reply says what ended a transfer."""

import errno
import ssl

import pytest

from ftpserver.control.failure import TLS_NOT_RESUMED, Aborted, is_network, reply_to_failure, tls_failure
from ftpserver.data.send import Shrunk
from ftpserver.quota.base import QuotaExceeded


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Aborted("ABOR"), 426),
        (ConnectionResetError(errno.ECONNRESET, "reset"), 426),
        (BrokenPipeError(errno.EPIPE, "pipe"), 426),
        (TimeoutError("slow"), 426),
        (OSError(errno.ENETUNREACH, "no way"), 426),
        (ssl.SSLError("bad record"), 426),
        (Shrunk(), 451),
        (OSError(errno.ENOSPC, "full"), 452),
        (OSError(errno.EIO, "broken disk"), 451),
        (QuotaExceeded("bytes", 10, 5, 20), 552),
    ],
)
def test_every_end_has_its_reply(error: Exception, code: int) -> None:
    assert reply_to_failure(error).code == code
    assert is_network(error) is (code == 426 and not isinstance(error, Aborted))


def test_what_nobody_foresaw_is_told_to_the_operator(caplog: pytest.LogCaptureFixture) -> None:
    assert reply_to_failure(ZeroDivisionError("oops")).code == 451
    assert "ZeroDivisionError" in caplog.text


def test_a_tls_failure_names_the_switch_when_there_is_one() -> None:
    assert tls_failure(TLS_NOT_RESUMED).code == 522
    assert "data_session_reuse" in tls_failure(TLS_NOT_RESUMED).text
    assert tls_failure(ssl.SSLError("no shared cipher")).code == 522
    assert "data_session_reuse" not in tls_failure(ssl.SSLError("no shared cipher")).text
