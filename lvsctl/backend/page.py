"""The sorry page in its three forms: HTML, JSON and plain text, made once and then only sent. Pure.

Who gets which form is :mod:`lvsctl.backend.negotiate`'s business; headers other than the page's own policy are the
server's.
"""

import json
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple

from jinja2 import PackageLoader, StrictUndefined, TemplateNotFound
from jinja2.sandbox import ImmutableSandboxedEnvironment

from lvsctl.backend.words import Words
from lvsctl.errors import LvsctlError

MAX_HTML = 1 << 20
"""Bytes of HTML at most: a page that a visitor of a broken site still gets quickly, logo included."""


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


class PageInvalid(LvsctlError):
    """The operator's own template cannot be rendered."""

    exit_code = 65


def pages(words: Words, template: str | None = None) -> Pages:
    """Answer the page in its three forms.

    *template* is the text of the operator's own Jinja2 template for the HTML; None is the built-in one. Raises
    PageInvalid (65) when it cannot be rendered, or gives nothing, or more than MAX_HTML.
    """
    page = _html(words, template)
    html = page.encode(errors="replace")
    if not html.strip():
        raise PageInvalid("the page's template gives an empty page")
    if len(html) > MAX_HTML:
        raise PageInvalid(f"the page has more than {MAX_HTML} bytes, and that is the most that is sent")
    return Pages(html, _json(words), _text(words).encode(errors="replace"), policy(page))


def _html(words: Words, template: str | None) -> str:
    # An operator's template is text from outside: the sandbox keeps it from attributes and from the longest loops.
    environment = ImmutableSandboxedEnvironment(
        loader=PackageLoader("lvsctl"),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    meant = words.expected_end
    try:
        chosen = (
            environment.get_template("sorry.html.j2")
            if template is None
            else environment.from_string(template)
        )
        parts = chosen.generate(
            words=words,
            phrases=words.phrases,
            expected_end=meant and shown(meant),
            moment=meant and meant.isoformat(),
            link=link(words.contact),
        )
        return "".join(_enough(parts))
    except Exception as error:  # an operator's template computes, so it can raise anything
        line = getattr(error, "lineno", None)
        raise PageInvalid(f"the page's template{f', line {line}' if line else ''}: {_why(error)}") from error


def _enough(parts: Iterable[str]) -> Iterator[str]:
    """Yield *parts*, and no more of them when they are too many already."""
    size = 0
    for part in parts:
        yield part
        size += len(part)
        if size > MAX_HTML:
            return


def _why(error: Exception) -> str:
    if isinstance(error, TemplateNotFound):
        return f"it includes {error}, which is not there"
    return str(error) or type(error).__name__


def policy(html: str) -> str:
    """Answer the Content-Security-Policy under which *html*, as it stands, works and nothing else does.

    Every ``<style>`` and ``<script>`` in it is allowed by its hash (CSP level 2); pictures may stand in the page
    itself (``data:``). A script may ask this site, which is how the page learns that it can reload. Other sites may
    frame it: a service that lives in their frames is sorry there too, and there is nothing on the page to be tricked into.
    """
    styles, scripts = (" ".join(_hashes(html, name)) for name in ("style", "script"))
    parts = [
        "default-src 'none'",
        f"style-src {styles}" if styles else "",
        f"script-src {scripts}; connect-src 'self'" if scripts else "",
        "img-src data:; base-uri 'none'; form-action 'none'",
    ]
    return "; ".join(filter(None, parts))


def _hashes(html: str, element: str) -> Iterator[str]:
    for found in re.finditer(rf"<{element}\b[^>]*>(.*?)</{element}\s*>", html, re.DOTALL | re.IGNORECASE):
        # The parser of HTML makes every line end a line feed before it hashes.
        content = found[1].replace("\r\n", "\n").replace("\r", "\n").encode(errors="replace")
        yield f"'sha256-{b64encode(sha256(content).digest()).decode()}'"


def link(contact: str) -> str:
    """Answer what *contact* links to: mail, telephone or the web, where it is wholly that; else nothing."""
    if re.fullmatch(r"https?://[^\s\"'<>\\]+", contact, re.IGNORECASE):
        return contact
    if re.fullmatch(r"[A-Za-z0-9._+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", contact):
        return f"mailto:{contact}"
    if re.fullmatch(r"\+[0-9][0-9 ()/.-]{3,30}", contact):
        return "tel:" + re.sub(r"[^+0-9]", "", contact)
    return ""


def shown(moment: datetime) -> str:
    """Write a time the same in every language: ``2026-11-21 18:00 UTC+01:00``."""
    offset = moment.strftime("%z")
    zone = "UTC" if offset == "+0000" else f"UTC{offset[:3]}:{offset[3:5]}"
    return f"{moment:%Y-%m-%d %H:%M} {zone}"


def _json(words: Words) -> bytes:
    answer = {
        "error": "service_unavailable",
        "status": 503,
        "retry_after": words.retry_after,
        "message": words.phrases.message,
        "expected_end": words.expected_end and words.expected_end.isoformat(),
        "contact": words.contact,
    }
    said = {key: value for key, value in answer.items() if value not in (None, "")}
    return json.dumps(said).encode() + b"\n"  # ASCII: whoever reads it needs to know no encoding


def _text(words: Words) -> str:
    phrases = words.phrases
    lines = [
        f"{words.name}: {phrases.title}" if words.name else phrases.title,
        phrases.message,
        f"{phrases.expected_end}: {shown(words.expected_end)}" if words.expected_end else "",
        f"{phrases.contact}: {words.contact}" if words.contact else "",
    ]
    return "".join(f"{line}\n" for line in lines if line)
