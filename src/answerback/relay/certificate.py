"""Gives the relay its TLS certificate: the operator's, or one it makes for itself at its first start.

Theory. A certificate of our own needs no authority: its SHA-256, the *pin*, stands in the invitation, and devices
accept that certificate and no other. It lives five years, because a new one means a new pin on every device.
"""

import datetime as dt
import hashlib
import ipaddress
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from answerback.model.errors import UsageError
from answerback.storage.durable import create_file

OWN_LIFETIME_DAYS = 5 * 365
BACKDATED_DAYS = 1
"""Valid since yesterday: a device whose clock is a little slow must not take the relay for a forgery."""
CERTIFICATE_FILE: Final = "relay.crt"
KEY_FILE: Final = "relay.key"
PUBLIC_KEY_NAME: Final = "answerback relay"


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """Where a certificate (with its chain) and its private key are, as PEM."""

    certificate: Path
    key: Path


class Certificate:
    """The TLS side of the relay's port; what it is made of may be read again while the relay runs."""

    def __init__(self, files: CertificateFiles) -> None:
        self._files = files
        self.context: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.context.set_alpn_protocols(["http/1.1"])
        self.pin = b""
        self.reload()

    def reload(self) -> None:
        """Read the files again; new connections get the new certificate, and after an error all keep the old one."""
        try:
            trial = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)  # a half-written file must not break the one in use
            trial.load_cert_chain(self._files.certificate, self._files.key, password=_no_passphrase)
            pin = pin_of(self._files.certificate.read_bytes())
            self.context.load_cert_chain(self._files.certificate, self._files.key, password=_no_passphrase)
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise UsageError(
                f"the certificate {self._files.certificate} with the key {self._files.key} cannot be used: {why}"
            ) from error
        self.pin = pin


def pin_of(pem: bytes) -> bytes:
    """Return the SHA-256 of the first certificate in a PEM file, as DER: what a device compares."""
    certificate = x509.load_pem_x509_certificate(pem)
    return hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).digest()


def own_certificate(folder: Path, *, hosts: list[str]) -> CertificateFiles:
    """Return the relay's own certificate, making it if there is none; the key is for its owner's eyes alone."""
    files = CertificateFiles(folder / CERTIFICATE_FILE, folder / KEY_FILE)
    if files.certificate.exists() and files.key.exists():
        return files
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _self_signed(key, hosts=hosts)
    # The key is replaced first: a crash in between leaves a pair that is made anew, as the certificate is missing.
    for path in (files.key, files.certificate):
        path.unlink(missing_ok=True)
    create_file(
        files.key,
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )
    create_file(files.certificate, certificate.public_bytes(serialization.Encoding.PEM))
    return files


def hosts_of(host: str) -> list[str]:
    """Name what a certificate for a relay that listens on `host` should be good for."""
    names = ["localhost", "127.0.0.1", "::1", socket.gethostname(), host]
    return list(dict.fromkeys(name.lower() for name in names if name and name not in ("0.0.0.0", "::")))  # noqa: S104  # to leave them out


def _self_signed(key: ec.EllipticCurvePrivateKey, *, hosts: list[str]) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, PUBLIC_KEY_NAME)])
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=BACKDATED_DAYS))
        .not_valid_after(now + dt.timedelta(days=OWN_LIFETIME_DAYS))
        .add_extension(x509.SubjectAlternativeName([_general_name(host) for host in hosts]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _no_passphrase() -> str:
    # Without this OpenSSL would ask on the terminal, and a relay started by the system would wait there for ever.
    raise ValueError("the key is protected by a passphrase; the relay needs it without one")
