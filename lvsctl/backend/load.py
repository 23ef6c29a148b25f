"""From the spec's ``sorry:`` to the pages: the one place that reads the operator's own template."""

from pathlib import Path
from typing import TYPE_CHECKING

from lvsctl.backend.page import Pages, pages
from lvsctl.backend.words import words_of
from lvsctl.errors import Unavailable
from lvsctl.host.files import read_text

if TYPE_CHECKING:
    from datetime import datetime

    from lvsctl.spec.sorry import Sorry


def pages_of(sorry: "Sorry", now: "datetime | None" = None) -> Pages:
    """Answer the pages that *sorry* states; with *now*, an expected end that has passed is not said any more.

    Raises PageInvalid, Denied or Unavailable when ``page:`` names a template that cannot be rendered or read.
    """
    words = words_of(sorry)
    return pages(words if now is None else words.at(now), template_of(sorry))


def template_of(sorry: "Sorry") -> str | None:
    """Answer the text of the operator's template; None when there is none."""
    if sorry.page is None:
        return None
    text = read_text(Path(sorry.page))
    if text is None:
        raise Unavailable(f"{sorry.page}: no such file, and `sorry.page` names it as the page's template")
    return text
