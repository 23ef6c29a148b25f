"""Which names a certificate is for: the DNS names of its subjectAltName (RFC 5280, 4.2.1.6); and until when. Pure.

The standard library shows them only of a peer that it has verified, and a server's own certificate is no peer. So
this walks the few layers of DER that lead there, and nothing else; the certificate is the operator's own, and OpenSSL
has taken it before.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

_SEQUENCE: Final = 0x30
_OCTETS: Final = 0x04
_EXTENSIONS: Final = 0xA3
_DNS_NAME: Final = 0x82
_SUBJECT_ALT_NAME: Final = b"\x55\x1d\x11"
_LONG_FORM: Final = 0x80
_TIMES: Final = {0x17: "%y%m%d%H%M%SZ", 0x18: "%Y%m%d%H%M%SZ"}
"""UTCTime and GeneralizedTime as certificates write them (RFC 5280, 4.1.2.5)."""
_VALIDITY: Final = 2
"""Sequences before it: the signature's algorithm and the issuer."""


def dns_names(certificate: bytes) -> tuple[str, ...]:
    """Answer the names of a certificate in DER, in lower case; none when it has none, or is cut off."""
    try:
        return tuple(name.decode("ascii", "replace").lower() for name in _names(certificate))
    except IndexError:
        return ()


def valid_until(certificate: bytes) -> datetime | None:
    """Answer when a certificate in DER ceases to be valid; None when it does not say so in a way that is known here."""
    try:
        signed = _only(_only(certificate, _SEQUENCE), _SEQUENCE)
        sequences = [content for tag, content in _elements(signed) if tag == _SEQUENCE]
        _, (tag, text) = _elements(sequences[_VALIDITY])
        return datetime.strptime(text.decode("ascii"), _TIMES[tag]).replace(tzinfo=UTC)
    except (IndexError, KeyError, ValueError):
        return None


def _names(certificate: bytes) -> Iterator[bytes]:
    signed = _only(certificate, _SEQUENCE)
    for tag, part in _elements(_only(signed, _SEQUENCE)):
        if tag == _EXTENSIONS:
            for _, extension in _elements(_only(part, _SEQUENCE)):
                yield from _names_of_extension(extension)


def _names_of_extension(extension: bytes) -> Iterator[bytes]:
    parts = list(_elements(extension))
    if parts and parts[0][1] == _SUBJECT_ALT_NAME:
        value = _only(extension, _OCTETS)
        yield from (content for tag, content in _elements(_only(value, _SEQUENCE)) if tag == _DNS_NAME)


def _only(data: bytes, wanted: int) -> bytes:
    """Answer the content of the first element, or nothing when it is of another kind."""
    return next((content for tag, content in _elements(data) if tag == wanted), b"")


def _elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield tag and content of each element, in order (X.690, 8.1)."""
    at = 0
    while at < len(data):
        tag, length = data[at], data[at + 1]
        at += 2
        if length >= _LONG_FORM:
            size = length - _LONG_FORM
            length = int.from_bytes(data[at : at + size], "big")
            at += size
        yield tag, data[at : at + length]
        at += length
