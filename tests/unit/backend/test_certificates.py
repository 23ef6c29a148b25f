"""One port for HTTP and TLS, several certificates by name, and keys that nobody else may read."""

import datetime as dt
import os
import re
import ssl
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from lvsctl.backend.certificates import Certificate, expired, tls_context
from lvsctl.backend.names import dns_names, valid_until
from lvsctl.errors import Denied, Unavailable
from tests.support.sorry_server import Served, answer, everything, sorry_server


def made(folder: Path, *names: str, mode: int = 0o600, password: bytes = b"") -> Certificate:
    """Make a self-signed certificate for *names*, and its key in a file of its own."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    now = dt.datetime.now(dt.UTC)
    alternative = x509.SubjectAlternativeName(
        [x509.RFC822Name("a@b.example"), *(x509.DNSName(each) for each in names)]
    )
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(alternative, critical=False)
        .sign(key, hashes.SHA256())
    )
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    chain, secret = folder / f"{names[0]}.pem", folder / f"{names[0]}.key"
    chain.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(pem)
    secret.chmod(mode)
    return Certificate(chain, secret)


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("tls")
    for each in (folder, folder.parent, folder.parent.parent):
        each.chmod(0o755)
    arguments = ["--listen", "127.0.0.1:0", "--workers", "2"]
    for names in (("first.example",), ("www.shop.example", "shop.example"), ("*.wild.example",)):
        certificate = made(folder, *names)
        if os.geteuid() == 0:
            os.chown(certificate.key, 65534, 65534)
        arguments += ["--certificate", f"{certificate.chain},{certificate.key}"]
    with sorry_server(*arguments) as server:
        yield server


def client() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ("first.example", "first.example"),
        ("WWW.shop.example", "www.shop.example"),
        ("shop.example", "www.shop.example"),
        ("a.wild.example", "*.wild.example"),
        ("a.b.wild.example", "first.example"),
        ("unknown.example", "first.example"),
        (None, "first.example"),
    ],
)
def test_a_visitor_is_shown_the_certificate_of_the_name(
    secure: Served, asked: str | None, shown: str
) -> None:
    with client().wrap_socket(secure.connect(), server_hostname=asked) as sock:
        certificate = x509.load_der_x509_certificate(sock.getpeercert(binary_form=True) or b"")
        assert certificate.subject.rfc4514_string() == f"CN={shown}"
        assert sock.selected_alpn_protocol() == "http/1.1"
        sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert answer(sock)[0].startswith(b"HTTP/1.1 503")
        sock.sendall(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
        assert everything(sock).startswith(b"HTTP/1.1 503")  # and a goodbye: a cut would be an error


def test_many_answers_over_tls_to_a_client_that_reads_late_all_arrive(secure: Served) -> None:
    with client().wrap_socket(secure.connect()) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\n\r\n" * 400 + b"GET / HTTP/1.0\r\n\r\n")
        assert everything(sock).count(b"HTTP/1.1 503") == 401


def test_the_same_port_speaks_plain_http_and_survives_noise_after_a_hello(secure: Served) -> None:
    assert secure.ask(b"GET / HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 503")
    with secure.connect() as sock:
        sock.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 600)
        with suppress(ConnectionResetError):
            assert sock.recv(1024)[:1] in (b"\x15", b"")
    assert secure.ask(b"GET / HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 503")


def test_tls_1_2_is_spoken_and_nothing_older(tmp_path: Path) -> None:
    context = tls_context([made(tmp_path, "a.example")])
    assert context is not None
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize("mode", [0o604, 0o602, 0o644])
def test_a_key_that_others_can_use_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(Denied, match="everybody on this machine"):
        tls_context([made(tmp_path, "a.example", mode=mode)])


def test_a_key_of_another_certificate_one_with_a_password_and_one_that_is_missing_are_refused(
    tmp_path: Path,
) -> None:
    first, second = made(tmp_path, "a.example"), made(tmp_path, "b.example", password=b"secret")
    for wrong in (Certificate(first.chain, second.key), second, Certificate(first.chain, tmp_path / "none")):
        with pytest.raises(Unavailable):
            tls_context([wrong])
    with pytest.raises(Unavailable, match=re.escape(f"{second.key}: this private key wants a password")):
        tls_context([second])
    other = made(tmp_path, "c.example")
    with pytest.raises(Unavailable, match="MISMATCH"):
        tls_context([Certificate(first.chain, other.key)])


def test_what_is_no_file_is_told_and_not_to_be_closed_to_others(tmp_path: Path) -> None:
    chain = made(tmp_path, "a.example").chain
    for other in (tmp_path, Path("/dev/zero")):
        with pytest.raises(Unavailable, match="expected a file") as caught:
            tls_context([Certificate(chain, other)])
        assert "chmod" not in caught.value.hint


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")
def test_a_file_that_cannot_be_read_is_named_and_whoever_should(tmp_path: Path) -> None:
    certificate = made(tmp_path, "a.example")
    for folder in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        folder.chmod(0o755)
    os.seteuid(65534)
    try:
        with pytest.raises(Denied, match=re.escape(f"{certificate.key}: Permission denied")) as caught:
            tls_context([certificate])
    finally:
        os.seteuid(0)
    assert caught.value.hint.startswith("the user nobody serves, and has to read it")


def test_a_certificate_in_another_form_of_pem_serves_without_names(tmp_path: Path) -> None:
    certificate = made(tmp_path, "a.example")
    text = certificate.chain.read_text()
    certificate.chain.write_text(text.replace("CERTIFICATE-----", "X509 CERTIFICATE-----"))
    assert tls_context([certificate]) is not None


def test_one_that_is_over_is_told(tmp_path: Path) -> None:
    certificate = made(tmp_path, "a.example")
    now = dt.datetime.now(dt.UTC)
    assert list(expired([certificate], now)) == []
    (told,) = expired([certificate], now + dt.timedelta(days=2))
    assert told.startswith(
        f"{certificate.chain}: this certificate was valid until {now + dt.timedelta(days=1):%Y-%m-%d}"
    )
    der = ssl.PEM_cert_to_DER_cert(certificate.chain.read_text())
    assert {valid_until(der[:cut]) for cut in range(len(der))} <= {None, valid_until(der)}


def test_names_are_those_that_another_reader_finds(tmp_path: Path) -> None:
    names = tuple(f"host{number}.example" for number in range(40))
    der = ssl.PEM_cert_to_DER_cert(made(tmp_path, *names).chain.read_text())
    assert dns_names(der) == names
    assert all(
        set(dns_names(der[:cut])) <= {*names, *(n[:k] for n in names for k in range(len(n)))}
        for cut in range(len(der))
    )


def test_without_certificates_there_is_no_tls() -> None:
    assert tls_context([]) is None
