"""From the spec's ``sorry:`` to the pages: the one place that reads the operator's own template."""

from pathlib import Path
from typing import TYPE_CHECKING

from lvsctl.backend.page import MAX_HTML, PageInvalid, Pages, pages
from lvsctl.backend.words import words_of
from lvsctl.errors import Unavailable
from lvsctl.host.files import read_bytes

if TYPE_CHECKING:
    from datetime import datetime

    from lvsctl.spec.sorry import Sorry


def pages_of(sorry: "Sorry", now: "datetime | None" = None) -> Pages:
    """Answer the pages that *sorry* states; with *now*, an expected end that has passed is not said any more.

    Raises PageInvalid, Denied or Unavailable when ``page:`` names a template that cannot be rendered or read.
    """
    words = words_of(sorry)
    try:
        return pages(words if now is None else words.at(now), template_of(sorry))
    except PageInvalid as error:
        if sorry.page is None:
            raise
        raise PageInvalid(f"{sorry.page}: {error.message}") from error


def template_of(sorry: "Sorry") -> str | None:
    """Answer the text of the operator's template; None when there is none."""
    if sorry.page is None:
        return None
    data = read_bytes(Path(sorry.page), most=MAX_HTML)
    if data is None:
        raise Unavailable(f"{sorry.page}: no such file, and `sorry.page` names it as the page's template")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise PageInvalid(f"the page's template, line {line}: expected UTF-8") from error
