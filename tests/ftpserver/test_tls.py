"""The TLS service by itself: what it takes as a certificate, what its contexts speak, and how it reloads."""

import contextlib
import logging
import os
import socket
import ssl
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ftpserver.cli.certificate import make_identity
from ftpserver.config.settings import Tls
from ftpserver.tls import TlsFault, TlsService
from tests.certificates import Pair, make_pair
from tests.certificates import pair as shared_pair
from tests.ftpserver.data.conftest import Pair as Sockets
from tests.ftpserver.data.conftest import pair  # noqa: F401 - a fixture
from tests.wire import reset

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


def settings(files: Pair, **more: Any) -> Tls:
    return Tls(certificate=files.certificate, private_key=files.private_key, **more)


@pytest.fixture
def files(tmp_path: Path) -> Pair:
    """A certificate of this test's own, which it may change."""
    return make_pair(tmp_path)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as running:
        yield running


def meet(
    pool: ThreadPoolExecutor,
    sockets: tuple[socket.socket, socket.socket],
    server: ssl.SSLSocket,
    context: ssl.SSLContext,
    session: ssl.SSLSession | None = None,
) -> ssl.SSLSocket:
    """Shake hands; returns the client's side after it has read one byte (with TLS 1.3's tickets)."""
    coming = pool.submit(context.wrap_socket, sockets[1], server_hostname="localhost", session=session)
    server.settimeout(20)
    server.do_handshake()
    client = coming.result()
    server.sendall(b"!")
    assert client.recv(1) == b"!"
    return client


# -- whether there is TLS ------------------------------------------------------------------------------------


def test_off_offers_nothing_and_reads_nothing(tmp_path: Path) -> None:
    tls = TlsService(Tls(mode="off", certificate=tmp_path / "none", private_key=tmp_path / "none"))
    assert not tls.offered
    assert not tls.required
    tls.reload()
    assert not tls.offered


def test_optional_without_a_certificate_says_so_and_offers_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tls = TlsService(Tls(mode="optional", certificate=tmp_path / "x.crt", private_key=tmp_path / "x.key"))
    assert not tls.offered
    assert "x.crt" in caplog.text
    assert "No such file" in caplog.text


def test_required_without_a_certificate_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(TlsFault, match=r"x\.crt.*No such file"):
        TlsService(Tls(mode="required", certificate=tmp_path / "x.crt", private_key=tmp_path / "x.key"))


def test_a_key_that_does_not_fit_is_a_fault(files: Pair, tmp_path: Path) -> None:
    other = make_pair(tmp_path, "other")
    with pytest.raises(TlsFault, match=r"(?i)mismatch"):
        TlsService(Tls(mode="required", certificate=files.certificate, private_key=other.private_key))


def test_an_encrypted_key_is_a_fault_that_says_so_and_never_a_prompt(files: Pair) -> None:
    encrypted = files.private_key.with_name("encrypted.key")
    subprocess.run(
        ["openssl", "pkey", "-in", files.private_key, "-aes256", "-passout", "pass:x", "-out", encrypted],
        check=True,
    )
    with pytest.raises(TlsFault, match="encrypted; store it without a password"):
        TlsService(Tls(mode="required", certificate=files.certificate, private_key=encrypted))


def test_an_authority_that_cannot_be_read_is_a_fault(files: Pair) -> None:
    (files.certificate.parent / "ca").write_text("no certificate")
    with pytest.raises(TlsFault):
        TlsService(settings(files, mode="required", client_ca=files.certificate.parent / "ca"))


def test_required_and_reuse_are_told(files: Pair) -> None:
    strict = TlsService(settings(files, mode="required", data_session_reuse="require"))
    assert strict.offered
    assert strict.required
    assert strict.reuse_required
    assert not TlsService(settings(files)).reuse_required


# -- what is spoken ------------------------------------------------------------------------------------------


def test_only_modern_versions_and_ciphers(files: Pair, pool: ThreadPoolExecutor, pair: Sockets) -> None:  # noqa: F811
    sockets = pair()
    with TlsService(settings(files)).wrap_control(sockets[0]) as server:
        context = server.context
        assert context.minimum_version is ssl.TLSVersion.TLSv1_2
        for cipher in context.get_ciphers():
            assert cipher["aead"], cipher
            assert cipher["strength_bits"] >= 128, cipher
            assert cipher["kea"] in ("kx-ecdhe", "kx-any"), cipher
        for wanted in (ssl.OP_NO_COMPRESSION, ssl.OP_NO_RENEGOTIATION, ssl.OP_CIPHER_SERVER_PREFERENCE):
            assert context.options & wanted


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("reuse", ["prefer", "require"])
def test_a_data_connection_resumes_its_control_connection_again_and_again(
    pool: ThreadPoolExecutor,
    pair: Sockets,  # noqa: F811
    reuse: str,
    version: ssl.TLSVersion,
) -> None:
    files = shared_pair()
    tls = TlsService(settings(files, data_session_reuse=reuse))
    context = files.client(version)
    first = pair()
    with tls.wrap_control(first[0]) as control, meet(pool, first, control, context) as client:
        session = client.session
        for upload in (False, True, False, True):
            sockets = pair()
            with (
                tls.wrap_data(sockets[0], control.context, upload) as data,
                meet(pool, sockets, data, context, session) as theirs,
            ):
                assert data.session_reused
                assert theirs.session_reused


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("reuse", "resumed"), [("off", False), ("prefer", True), ("require", False)])
def test_another_control_connection_s_session(
    pool: ThreadPoolExecutor,
    pair: Sockets,  # noqa: F811
    reuse: str,
    resumed: bool,
    version: ssl.TLSVersion,
) -> None:
    """With `require` each has keys of its own, so that a resumed session proves the same client."""
    files = shared_pair()
    tls = TlsService(settings(files, data_session_reuse=reuse))
    context = files.client(version)
    first, second, third = pair(), pair(), pair()
    with (
        tls.wrap_control(first[0]) as mine,
        meet(pool, first, mine, context) as client,
        tls.wrap_control(second[0]) as other,
        meet(pool, second, other, context) as stranger,
        tls.wrap_data(third[0], other.context, upload=False) as data,
        meet(pool, third, data, context, client.session) as thief,
    ):
        assert data.session_reused is resumed
        assert stranger.session_reused is False
        assert thief.session_reused is resumed


def test_a_connection_for_an_upload_gets_no_ticket(pool: ThreadPoolExecutor, pair: Sockets) -> None:  # noqa: F811
    files = shared_pair()
    tls = TlsService(settings(files))
    context = files.client(ssl.TLSVersion.TLSv1_3)
    for upload in (True, False):
        first, second = pair(), pair()
        with (
            tls.wrap_control(first[0]) as control,
            meet(pool, first, control, context),
            tls.wrap_data(second[0], control.context, upload) as data,
            meet(pool, second, data, context) as theirs,
        ):
            assert (theirs.session is not None and theirs.session.has_ticket) is not upload


def test_a_client_that_has_gone_is_an_error_and_its_socket_stays_ours(pair: Sockets) -> None:  # noqa: F811
    tls = TlsService(settings(shared_pair()))
    ours, client = pair()
    client.sendall(b"unread")
    reset(client)
    with pytest.raises(OSError, match="not connected"):
        tls.wrap_control(ours)
    assert ours.fileno() >= 0


# -- client certificates -------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
def test_only_clients_with_a_certificate_of_the_authority_come_in(
    files: Pair,
    tmp_path: Path,
    pool: ThreadPoolExecutor,
    pair: Sockets,  # noqa: F811
    version: ssl.TLSVersion,
) -> None:
    mine, stranger = make_pair(tmp_path, "mine"), make_pair(tmp_path, "stranger")
    tls = TlsService(settings(files, client_ca=mine.certificate))
    for shown, welcome in ((mine, True), (stranger, False), (None, False)):
        context = files.client(version)
        if shown is not None:
            context.load_cert_chain(shown.certificate, shown.private_key)
        sockets = pair()
        with tls.wrap_control(sockets[0]) as server:
            if welcome:
                meet(pool, sockets, server, context).close()
                continue
            coming = pool.submit(context.wrap_socket, sockets[1], server_hostname="localhost")
            server.settimeout(20)
            with pytest.raises(ssl.SSLError):
                server.do_handshake()
            server.close()
            with contextlib.suppress(OSError):
                coming.result().close()  # with TLS 1.3 a client hears of it later


# -- reload --------------------------------------------------------------------------------------------------


def shown(tls: TlsService, pool: ThreadPoolExecutor, sockets: tuple[socket.socket, socket.socket]) -> bytes:
    """The certificate that a new control connection shows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with tls.wrap_control(sockets[0]) as server, meet(pool, sockets, server, context) as client:
        found = client.getpeercert(binary_form=True)
        assert found is not None
        return found


def der(files: Pair) -> bytes:
    return ssl.PEM_cert_to_DER_cert(files.certificate.read_text())


def replaced(files: Pair, by: Pair) -> None:
    """As certbot's hooks do: each file at once, one after the other."""
    os.replace(by.private_key, files.private_key)
    os.replace(by.certificate, files.certificate)


@pytest.mark.parametrize("reuse", ["prefer", "require"])
def test_a_new_certificate_is_for_new_connections(
    files: Pair,
    tmp_path: Path,
    pool: ThreadPoolExecutor,
    pair: Sockets,  # noqa: F811
    reuse: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    tls = TlsService(settings(files, data_session_reuse=reuse))
    old = der(files)
    other = make_pair(tmp_path, "other")
    new = der(other)
    sockets = pair()
    with tls.wrap_control(sockets[0]) as control:
        context = files.client()
        with meet(pool, sockets, control, context) as client:
            replaced(files, other)
            assert shown(tls, pool, pair()) == old  # not before it is told to look
            tls.reload()
            assert shown(tls, pool, pair()) == new
            assert "read anew" in caplog.text
            data = pair()  # who was connected goes on with the old one, data connections too
            with (
                tls.wrap_data(data[0], control.context, upload=False) as ours,
                meet(pool, data, ours, context, client.session) as theirs,
            ):
                assert theirs.session_reused
                assert theirs.getpeercert(binary_form=True) == old


@pytest.mark.parametrize("reuse", ["prefer", "require"])
def test_a_pair_that_cannot_be_read_leaves_the_old_one_in_force(
    files: Pair,
    tmp_path: Path,
    pool: ThreadPoolExecutor,
    pair: Sockets,  # noqa: F811
    reuse: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    tls = TlsService(settings(files, data_session_reuse=reuse))
    old, other = der(files), make_pair(tmp_path, "other")
    new = der(other)
    os.replace(other.certificate, files.certificate)  # and its key is not there yet
    tls.reload()
    assert "is not used" in caplog.text
    assert shown(tls, pool, pair()) == old
    files.private_key.unlink()
    tls.reload()
    assert shown(tls, pool, pair()) == old
    os.replace(other.private_key, files.private_key)
    tls.reload()
    assert shown(tls, pool, pair()) == new


def test_nothing_is_read_again_while_nothing_changes(files: Pair, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    tls = TlsService(settings(files))
    tls.reload()
    assert caplog.text == ""


def test_a_certificate_that_comes_later_is_offered_then(files: Pair, tmp_path: Path) -> None:
    late = Pair(tmp_path / "late.crt", tmp_path / "late.key")
    tls = TlsService(settings(late, mode="optional"))
    assert not tls.offered
    replaced(late, files)
    tls.reload()
    assert tls.offered


@pytest.mark.parametrize(
    ("days", "said"), [(-900, "expired on 20"), (2, "is not valid before 20"), (0, ""), (-824.5, "")]
)
def test_a_certificate_whose_time_is_not_now_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, days: float, said: str
) -> None:
    files = make_pair(tmp_path)
    tls = TlsService(settings(files))
    assert "clients may refuse it" not in caplog.text  # at the start
    identity = make_identity("x", datetime.now(UTC) + timedelta(days=days))
    files.certificate.write_bytes(identity.certificate)
    files.private_key.write_bytes(identity.private_key)
    tls.reload()
    assert (f"{files.certificate}: {said}" in caplog.text) == bool(said)
    caplog.clear()
    TlsService(settings(files))
    assert (f"{files.certificate}: {said}" in caplog.text) == bool(said)


@pytest.mark.parametrize("more", [{"client_ca": True}, {"data_session_reuse": "off"}])
def test_the_dates_are_seen_however_the_certificate_is_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, more: dict[str, object]
) -> None:
    identity = make_identity("x", datetime.now(UTC) - timedelta(days=900))
    files = make_pair(tmp_path)
    authority = make_pair(tmp_path, "authority").certificate
    files.certificate.write_bytes("# Zürich\n".encode() + identity.certificate + authority.read_bytes())
    files.private_key.write_bytes(identity.private_key)
    TlsService(settings(files, **{key: authority if value is True else value for key, value in more.items()}))
    assert "expired on" in caplog.text
