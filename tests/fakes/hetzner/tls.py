"""A certificate authority of the fake's own, and certificates: a good one, and those that a client has to refuse."""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NAMES = ("localhost", "127.0.0.1", "::1", "robot-ws.your-server.de", "api.hetzner.cloud")


@dataclass(frozen=True, slots=True)
class Tls:
    """The server's contexts by what is wrong with them (``good``, ``wrong-name``, ``expired``, ``unknown-ca``)."""

    ca_file: Path
    contexts: dict[str, ssl.SSLContext]

    def client_context(self) -> ssl.SSLContext:
        """Answer a context that trusts this authority and no other."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cafile=str(self.ca_file))
        return context


def make(folder: Path, names: tuple[str, ...] = ()) -> Tls:
    """Make an authority and its certificates in *folder*, also for further *names*."""
    authority, stranger = _Authority("fake hetzner"), _Authority("somebody else")
    ca_file = folder / "ca.pem"
    ca_file.write_bytes(authority.pem)
    every = (*NAMES, *names)
    contexts = {
        "good": authority.context(folder / "good.pem", every),
        "wrong-name": authority.context(folder / "wrong-name.pem", ("evil.example",)),
        "expired": authority.context(folder / "expired.pem", every, ended_days_ago=1),
        "unknown-ca": stranger.context(folder / "unknown-ca.pem", every),
    }
    return Tls(ca_file, contexts)


class _Authority:
    def __init__(self, name: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.now(UTC)
        certificate = self._builder(self._name, self._key, now + timedelta(days=30)).add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True
        )
        self.pem = certificate.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def context(self, file: Path, names: tuple[str, ...], ended_days_ago: int = -7) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        ends = datetime.now(UTC) - timedelta(days=ended_days_ago)
        alternatives = x509.SubjectAlternativeName([_alternative(each) for each in names])
        certificate = (
            self._builder(subject, key, ends)
            .add_extension(alternatives, critical=False)
            .sign(self._key, hashes.SHA256())
        )
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, ends: datetime
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(ends - timedelta(days=60))
            .not_valid_after(ends)
        )


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)
