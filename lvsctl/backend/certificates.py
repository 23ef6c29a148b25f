"""The certificates of the sorry backend: load them, refuse keys that others can read, choose by the name asked for."""

import os
import ssl
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from lvsctl.backend.names import dns_names, valid_until
from lvsctl.backend.privileges import name_of
from lvsctl.errors import Denied, Unavailable, visible
from lvsctl.host.files import no_file, read_text, refused

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
    _readable(certificate.chain)
    _refuse_open_key(certificate.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.set_alpn_protocols(["http/1.1"])
    where = visible(f"{certificate.chain} with {certificate.key}")
    try:
        context.load_cert_chain(
            certificate.chain, certificate.key, password=lambda: _no_password(certificate.key)
        )
    except ssl.SSLError as error:
        raise Unavailable(
            f"{where}: {error.reason or error}", hint="expected PEM, and a key that fits"
        ) from error
    except OSError as error:
        raise refused(certificate.chain, error) from error
    return context


def _readable(path: Path) -> int:
    """Answer the permissions of the file *path*, which whoever serves has to be able to read.

    Raises Denied or Unavailable. OpenSSL would not say which of the two files it could not read.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except PermissionError as error:
        who = name_of(os.geteuid())
        raise Denied(
            refused(path, error).message,
            hint=f"the user {who} serves, and has to read it: give it a group of that user's, and let that group into its folders",
        ) from error
    except OSError as error:
        raise refused(path, error) from error
    try:
        mode = os.fstat(handle).st_mode
        if not stat.S_ISREG(mode):
            raise no_file(path)
        return mode
    finally:
        os.close(handle)


def _refuse_open_key(key: Path) -> None:
    if _readable(key) & _OTHERS:
        raise Denied(
            f"{visible(str(key))}: everybody on this machine can use this private key",
            hint=f"chmod o= {visible(str(key))}",
        )


def _no_password(key: Path) -> str:
    raise Unavailable(
        f"{visible(str(key))}: this private key wants a password, and nobody is there to type it",
        hint="openssl pkey -in KEY -out NEW writes one without",
    )


def _names(chain: Path) -> tuple[str, ...]:
    return dns_names(_der(chain))


def _der(chain: Path) -> bytes:
    """Answer the first certificate of a file; nothing when it is written in another form than PEM's usual one."""
    text = read_text(chain) or ""
    begin, end = text.find("-----BEGIN CERTIFICATE-----"), text.find("-----END CERTIFICATE-----")
    try:
        return ssl.PEM_cert_to_DER_cert(text[begin:end] + "-----END CERTIFICATE-----")
    except ValueError:
        return b""


def expired(certificates: Sequence[Certificate], now: datetime) -> Iterator[str]:
    """Say which of *certificates*, that have been loaded, are over: visitors get them, and a warning of their browser's."""
    for each in certificates:
        until = valid_until(_der(each.chain))
        if until is not None and until < now:
            yield f"{visible(str(each.chain))}: this certificate was valid until {until:%Y-%m-%d %H:%M} UTC"


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
