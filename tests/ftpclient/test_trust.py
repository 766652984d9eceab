"""Whose certificates are believed."""

import ssl
from pathlib import Path

import pytest

from ftpclient.errors import in_words
from ftpclient.trust import make_context


def test_certificates_are_verified_by_default() -> None:
    context = make_context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


def test_a_named_file_is_the_only_authority(certificate: Path) -> None:
    context = make_context(str(certificate))
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert len(context.get_ca_certs()) == 1


def test_insecure_turns_verification_off() -> None:
    assert make_context(insecure=True).verify_mode is ssl.CERT_NONE


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        make_context(str(tmp_path / "none.pem"))
    assert in_words(caught.value) == f"{tmp_path}/none.pem: No such file or directory"


def test_a_file_without_a_certificate_is_named(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("diary")
    with pytest.raises(OSError, match="holds no certificate") as caught:
        make_context(str(tmp_path / "f"))
    assert in_words(caught.value) == f"{tmp_path}/f holds no certificate"
