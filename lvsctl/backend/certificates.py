"""The certificates of the sorry backend: load them, refuse keys that others can read, choose by the name asked for."""

import os
import ssl
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from lvsctl.backend.names import dns_names
from lvsctl.errors import Denied, Unavailable, visible
from lvsctl.host.files import read_text, refused

_OTHERS = 0o007


class Certificate(NamedTuple):
    """The files of one certificate, as PEM: the certificate with its chain, and the key (which may be the same file)."""

    chain: Path
    key: Path
    names: tuple[str, ...] = ()
    """The hosts it is shown to; empty: those it is for by itself."""

    @classmethod
    def parse(cls, text: str) -> "Certificate":
        """Read ``CHAIN`` or ``CHAIN,KEY``."""
        chain, _, key = text.partition(",")
        return cls(Path(chain), Path(key or chain))


def tls_context(certificates: Sequence[Certificate]) -> ssl.SSLContext | None:
    """Load *certificates* for a server; the first one is for clients that ask for a name nobody has.

    None when there are none. Raises Denied or Unavailable, also for a key that belongs to another certificate.
    """
    by_name: dict[str, ssl.SSLContext] = {}
    contexts = []
    for each in certificates:
        context = _context(each)
        contexts.append(context)
        for name in each.names or _names(each.chain):
            by_name.setdefault(name.lower(), context)
    if not contexts:
        return None
    if len(contexts) > 1:
        contexts[0].sni_callback = _chooser(by_name)
    return contexts[0]


def _context(certificate: Certificate) -> ssl.SSLContext:
    _refuse_open_key(certificate.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.set_alpn_protocols(["http/1.1"])
    where = visible(f"{certificate.chain} with {certificate.key}")
    try:
        context.load_cert_chain(certificate.chain, certificate.key, password=_no_password)
    except ssl.SSLError as error:
        raise Unavailable(
            f"{where}: {error.reason or error}", hint="expected PEM, and a key that fits"
        ) from error
    except OSError as error:
        raise refused(certificate.chain, error) from error
    return context


def _refuse_open_key(key: Path) -> None:
    try:
        mode = os.stat(key).st_mode  # noqa: PTH116 - the same call, and its error names the file
    except OSError as error:
        raise refused(key, error) from error
    if mode & _OTHERS:
        raise Denied(
            f"{visible(str(key))}: everybody on this machine can use this private key",
            hint=f"chmod o= {visible(str(key))}",
        )


def _no_password() -> str:
    raise Unavailable("a private key wants a password, and nobody is there to type it")


def _names(chain: Path) -> tuple[str, ...]:
    text = read_text(chain) or ""
    begin, end = text.find("-----BEGIN CERTIFICATE-----"), text.find("-----END CERTIFICATE-----")
    return dns_names(ssl.PEM_cert_to_DER_cert(text[begin:end] + "-----END CERTIFICATE-----"))


Contexts = Mapping[str, ssl.SSLContext]
Chooser = Callable[[ssl.SSLObject, str, ssl.SSLContext], None]


def _chooser(by_name: Contexts) -> Chooser:
    def choose(connection: ssl.SSLObject, name: str | None, _default: ssl.SSLContext) -> None:
        found = chosen(by_name, name or "")
        if found is not None:
            connection.context = found

    return choose


def chosen(by_name: Contexts, name: str) -> ssl.SSLContext | None:
    """Answer the one for *name*: its own before ``*.`` and the rest of it (RFC 6125, 6.4.3)."""
    name = name.lower().rstrip(".")
    return by_name.get(name) or by_name.get(f"*.{name.partition('.')[2]}")
