"""The sorry page in its three forms: HTML, JSON and plain text, made once and then only sent. Pure.

Who gets which form is :mod:`lvsctl.backend.negotiate`'s business; headers other than the page's own policy are the
server's.
"""

from typing import NamedTuple

from lvsctl.backend.words import Words


class Pages(NamedTuple):
    """The bodies of the answer, encoded as UTF-8, and the policy under which the HTML runs."""

    html: bytes
    json: bytes
    text: bytes
    policy: str
    """The value of ``Content-Security-Policy`` for the HTML: its own style and script by their hashes, nothing else."""


CONTENT_TYPES = {
    "html": "text/html; charset=utf-8",
    "json": "application/json",
    "text": "text/plain; charset=utf-8",
}
"""The value of ``Content-Type`` for each form (the names are the fields of Pages)."""


def pages(words: Words, template: str = "") -> Pages:
    """Answer the page in its three forms.

    *template* is the text of the operator's own Jinja2 template for the HTML; empty is the built-in one. Raises
    PageInvalid (65) when it cannot be rendered.
    """
    raise NotImplementedError(words, template)
