"""A certificate of this machine's own for `assessor serve --https`.

Browsers give a page the camera over HTTPS only, localhost apart: a phone needs it. Nobody vouches for
this one, so a browser warns once; the fingerprint tells that it is the right one.
"""

from __future__ import annotations

import datetime
import hashlib
import ipaddress
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.x509 import GeneralName

# Browsers refuse certificates that live longer than 398 days.
LIFE = datetime.timedelta(days=397)
RENEW_BEFORE = datetime.timedelta(days=30)
FOLDER = "tls"


@dataclass(frozen=True, slots=True)
class Certificate:
    """Files (PEM) of a certificate and its key, and its SHA-256 as browsers show it: AB:CD:..."""

    certificate: Path
    key: Path
    fingerprint: str


def own_certificate(data_dir: Path, names: tuple[str, ...]) -> Certificate:
    """That of the data folder where it holds for all `names` (host names, addresses), else a new one.

    Kept, so that a phone warns once. OSError where the folder cannot be written.
    """
    folder = data_dir / FOLDER
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    if not (certificate.exists() and key.exists() and _holds(certificate.read_bytes(), names)):
        folder.mkdir(parents=True, exist_ok=True)
        _write(certificate, key, names)
    return Certificate(certificate, key, _fingerprint(certificate.read_bytes()))


def own_names() -> tuple[str, ...]:
    """What this machine is called: localhost, its host name, and the address at which the network sees it."""
    names = ["localhost", "127.0.0.1", socket.gethostname()]
    found = lan_address()
    return tuple(dict.fromkeys([*names, *([found] if found else [])]))


def lan_address() -> str | None:
    """The address that this machine speaks to the network from; None without a network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # a documentation address: nothing is sent, a route is chosen
        except OSError:
            return None
        address = str(probe.getsockname()[0])
    return None if address.startswith("0.") else address


def _holds(pem: bytes, names: tuple[str, ...]) -> bool:
    from cryptography import x509

    try:
        found = x509.load_pem_x509_certificate(pem)
        known = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound):
        return False
    said = {str(name.value) for name in known}
    now = datetime.datetime.now(datetime.UTC)
    return set(names) <= said and now + RENEW_BEFORE < found.not_valid_after_utc


def _write(certificate: Path, key: Path, names: tuple[str, ...]) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Suture practice assessor")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))  # a phone's clock may be behind
        .not_valid_after(now + LIFE)
        .add_extension(x509.SubjectAlternativeName([_general_name(each) for each in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(private, hashes.SHA256())
    )
    secret = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    key.unlink(missing_ok=True)
    with open(os.open(key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(secret)
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))


def _general_name(name: str) -> GeneralName:
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _fingerprint(pem: bytes) -> str:
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization

    der = x509.load_pem_x509_certificate(pem).public_bytes(serialization.Encoding.DER)
    digest = hashlib.sha256(der).hexdigest().upper()
    return ":".join(digest[i : i + 2] for i in range(0, len(digest), 2))
