"""The self-signed certificate of a fresh installation, and what is wrong with the one in use.

Self-signed means encrypted but not vouched for: clients show it to their users once. An operator replaces it
with one of a real authority by putting other files in its place.
"""

import ipaddress
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAYS = 825
"""The longest life that all clients accept for a certificate an operator installs by hand."""

SOON = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate and its private key, both PEM."""

    certificate: bytes
    private_key: bytes


def make_identity(host_name: str, now: datetime) -> Identity:
    """Return a new self-signed identity (EC P-256) for localhost, the loopback addresses and this host."""
    key = ec.generate_private_key(ec.SECP256R1())
    names = ["localhost"]
    if host_name not in names and re.fullmatch(r"[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*", host_name):
        names.append(host_name)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[-1][:64])])
    alternatives: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
    alternatives += [x509.IPAddress(ipaddress.ip_address(address)) for address in ("127.0.0.1", "::1")]
    usage = x509.KeyUsage(True, False, False, False, False, False, False, False, False)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # A client whose clock is a little behind ours must not find it "not yet valid".
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=DAYS))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Identity(
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    )


def judge_identity(certificate: Path, private_key: Path, now: datetime) -> list[str]:
    """Return what is wrong with the certificate and key in use, or will soon be; nothing means they are fine.

    Raises OSError when one cannot be read.
    """
    try:
        leaf = x509.load_pem_x509_certificates(certificate.read_bytes())[0]
    except ValueError as error:
        return [f"{certificate}: is not a PEM certificate ({error})"]
    key_data = private_key.read_bytes()
    try:
        key = serialization.load_pem_private_key(key_data, password=None)
    except TypeError:
        return [f"{private_key}: is protected by a passphrase; the service cannot ask for one"]
    except (ValueError, UnsupportedAlgorithm) as error:
        return [f"{private_key}: is not a PEM private key ({error})"]
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    pair = [
        public.public_bytes(serialization.Encoding.DER, form)
        for public in (leaf.public_key(), key.public_key())
    ]
    findings = [] if pair[0] == pair[1] else [f"{private_key}: is not the key of {certificate}"]
    ends = leaf.not_valid_after_utc
    if ends <= now:
        findings.append(f"{certificate}: expired on {ends:%Y-%m-%d}")
    elif ends - now < SOON:
        findings.append(f"{certificate}: expires on {ends:%Y-%m-%d}")
    if leaf.not_valid_before_utc > now:
        findings.append(f"{certificate}: is not valid before {leaf.not_valid_before_utc:%Y-%m-%d}")
    return findings
