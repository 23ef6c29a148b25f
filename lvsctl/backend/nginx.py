"""The sorry backend as a site for nginx: one file for its ``http`` block, with the page inside. Pure.

There is nothing to serve beside it: no file that could be missing or that a worker could not read, and nothing that
makes nginx answer a POST with 405. It greets no mail servers.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined

from lvsctl.backend.negotiate import KINDS
from lvsctl.backend.page import CONTENT_TYPES, PageInvalid, Pages

if TYPE_CHECKING:
    from lvsctl.spec.sorry import Sorry

MAX_TOKEN = 4000
"""Bytes of one word, a little below where nginx gives up: NGX_CONF_BUFFER of its ngx_conf_file.c, 4096."""
MAX_PAGE = 256 * 1024
"""Bytes of a page in a site: the names of its pieces are one word too."""


class Form(NamedTuple):
    """One form of the answer: where it stands in the site, and in which pieces."""

    name: str
    variable: str
    content_type: str
    policy: str
    pieces: tuple[str, ...]


def site(sorry: "Sorry", made: Pages) -> str:
    """Answer the site that sends *made* on the port and with the certificates that *sorry* states.

    Raises PageInvalid (65) for a page that nginx's configuration cannot hold, and for a certificate whose hosts are not
    stated: nginx does not look into it.
    """
    if unnamed := [each.certificate for each in sorry.certificates[1:] if not each.names]:
        raise PageInvalid(
            f"nginx has to be told which hosts {unnamed[0]} is for",
            hint="state `names` for every certificate after the first",
        )
    environment = Environment(
        loader=PackageLoader("lvsctl"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - nginx's configuration is no HTML; every text in it goes through `quoted`
    )
    environment.filters["quoted"] = quoted
    return environment.get_template("sorry.nginx.j2").render(
        forms=[_form(name, made) for name in KINDS],
        port=sorry.port,
        retry_after=sorry.retry_after,
        certificates=sorry.certificates or ({"certificate": "", "names": ()},),
    )


def _form(name: str, made: Pages) -> Form:
    body: bytes = getattr(made, name)
    if len(body) > MAX_PAGE:
        raise PageInvalid(
            f"the page has {len(body)} bytes, and an nginx site holds {MAX_PAGE} at most",
            hint="`lvsctl sorry serve` sends it",
        )
    return Form(
        name,
        f"lvsctl_sorry_{name}",
        CONTENT_TYPES[name],
        made.policy if name == "html" else "",
        tuple(_pieces(body.decode())),
    )


def _pieces(text: str) -> Iterator[str]:
    """Cut *text* so that every piece is one word of nginx's, and lines stay whole where they can."""
    piece, size = "", 0
    for part in _short(text):
        length = len(quoted(part).encode())
        if size + length > MAX_TOKEN:
            yield piece
            piece, size = "", 0
        piece, size = piece + part, size + length
    yield piece


def _short(text: str) -> Iterator[str]:
    """Yield the lines of *text*; of one that could become too long, parts (a character has 4 bytes at most)."""
    step = MAX_TOKEN // 8
    for line in text.splitlines(keepends=True):
        yield from (line[at : at + step] for at in range(0, len(line), step))


def quoted(text: str) -> str:
    """Write *text* as one word of nginx's configuration (ngx_conf_read_token); a ``$`` stays what it is only in geo.

    Raises PageInvalid for a NUL, at which nginx would stop reading.
    """
    if "\0" in text:
        raise PageInvalid("the page holds a NUL, which nginx's configuration cannot")
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
