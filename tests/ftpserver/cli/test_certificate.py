"""The self-signed identity, and what is said about a bad one."""

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from ftpserver.cli.certificate import DAYS, judge_identity, make_identity

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    identity = make_identity("ftp.example.org", NOW)
    certificate, key = tmp_path / "crt", tmp_path / "key"
    certificate.write_bytes(identity.certificate)
    key.write_bytes(identity.private_key)
    return certificate, key


def test_the_names_in_it() -> None:
    certificate = x509.load_pem_x509_certificate(make_identity("ftp.example.org", NOW).certificate)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost", "ftp.example.org"]
    assert names.get_values_for_type(x509.IPAddress) == [
        ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1")
    ]  # fmt: skip
    assert certificate.not_valid_before_utc < NOW
    assert certificate.not_valid_after_utc - NOW == timedelta(days=DAYS)


@pytest.mark.parametrize("host", ["", "localhost", "a b", "höst", "x" * 70, "a\n"])
def test_a_host_name_that_is_none_is_left_out(host: str) -> None:
    certificate = x509.load_pem_x509_certificate(make_identity(host, NOW).certificate)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]


def test_a_good_pair(pair: tuple[Path, Path]) -> None:
    assert judge_identity(*pair, NOW) == []


@pytest.mark.parametrize(
    ("when", "said"),
    [
        (NOW + timedelta(days=DAYS + 1), "expired on 2029-02-24"),
        (NOW + timedelta(days=DAYS - 3), "expires on 2029-02-24"),
        (NOW - timedelta(days=1), "is not valid before 2026-11-22"),
    ],
)
def test_dates(pair: tuple[Path, Path], when: datetime, said: str) -> None:
    assert judge_identity(*pair, when) == [f"{pair[0]}: {said}"]


def test_files_that_do_not_fit(pair: tuple[Path, Path]) -> None:
    certificate, key = pair
    key.write_bytes(make_identity("other", NOW).private_key)
    assert judge_identity(certificate, key, NOW) == [f"{key}: is not the key of {certificate}"]
    key.write_bytes(b"nonsense")
    (finding,) = judge_identity(certificate, key, NOW)
    assert finding.startswith(f"{key}: is not a PEM private key")
    certificate.write_bytes(b"nonsense")
    (finding,) = judge_identity(certificate, key, NOW)
    assert finding.startswith(f"{certificate}: is not a PEM certificate")
    key.unlink()
    certificate.unlink()
    with pytest.raises(FileNotFoundError):
        judge_identity(certificate, key, NOW)


def test_a_key_with_a_passphrase(pair: tuple[Path, Path]) -> None:
    from cryptography.hazmat.primitives import serialization

    key = serialization.load_pem_private_key(pair[1].read_bytes(), None)
    pair[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"x"),
        )
    )
    (finding,) = judge_identity(*pair, NOW)
    assert "passphrase" in finding
