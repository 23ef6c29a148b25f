"""From the spec's ``sorry:`` to the pages: the one place that reads the operator's own template."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lvsctl.backend.page import MAX_HTML, PageInvalid, Pages, pages
from lvsctl.backend.words import words_of
from lvsctl.errors import Unavailable
from lvsctl.host.files import read_bytes

if TYPE_CHECKING:
    from datetime import datetime

    from lvsctl.spec.sorry import Sorry


MOST_SECONDS = 5.0
"""Of a processor, to make the pages: the built-in ones take milliseconds."""


def pages_of(sorry: "Sorry", now: "datetime | None" = None) -> Pages:
    """Answer the pages that *sorry* states; with *now*, an expected end that has passed is not said any more.

    Raises PageInvalid, Denied or Unavailable when ``page:`` names a template that cannot be rendered or read.
    """
    words = words_of(sorry)
    try:
        with _in_time():
            return pages(words if now is None else words.at(now), template_of(sorry))
    except (PageInvalid, TimeoutError) as error:
        if sorry.page is None:
            raise
        raise PageInvalid(f"{sorry.page}: {error}") from error


@contextmanager
def _in_time() -> Iterator[None]:
    """Have what runs too long raise TimeoutError: loops in a template may be nested. Only in the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(_number: int, _frame: object) -> None:
        raise TimeoutError(f"not done after {MOST_SECONDS:g} s")

    before = signal.signal(signal.SIGVTALRM, end)
    signal.setitimer(signal.ITIMER_VIRTUAL, MOST_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


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
