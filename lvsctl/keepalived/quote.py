r"""Single words as keepalived must be shown them, so that it reads them back unchanged.

There is no escape in an ordinary value: double quotes keep blanks, ``#``, ``!``, ``{`` and ``}`` from meaning
something, and a double quote itself cannot be written. Only commands and regular expressions know backslashes.
What is in doubt is refused.

Source of the rules: :mod:`lvsctl.keepalived.parse_lexer`; every line passes decomment() twice.
"""

import re
from collections.abc import Hashable, Sequence

from lvsctl.errors import LvsctlError
from lvsctl.keepalived.parse_lexer import as_bytes, split_escaped

SAVE_DIR = "config_save_dir"
"""The keyword whose value keepalived 2.2.7 hands to a shell, as root, also under ``-t``."""

SHELL_SAFE = re.compile(r"/[A-Za-z0-9._/@:+,=-]{0,63}")
"""What means nothing to a shell, and fits into the 128 bytes of its command (lib/parser.c, init_data)."""

_SAFE = re.compile(r"[A-Za-z0-9_./:,%+=-][A-Za-z0-9_./:,%+=@-]*")
_INCLUDE = re.compile(r"include[rmwba]?")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_BRACES = frozenset("{}")
# The standard definitions, and what may follow them is not looked at: releases differ in that. _ENV came after 2.2.7.
_STANDARD = re.compile(r"\$\{?_(?:PWD|INSTANCE|RANDOM|HASH|BANG|ENV)(?![A-Za-z0-9_])")
_ODD_BACKSLASHES = re.compile(r"(?<!\\)\\(?:\\\\)*\Z")


class Unprintable(LvsctlError):
    """A value that no keepalived.conf can carry: it would become something else, or break out."""

    exit_code = 65

    def __init__(self, value: str, reason: str, source: Hashable = None) -> None:
        # Without the value, which may be a secret.
        super().__init__(f"keepalived.conf cannot carry this value: {reason}")
        self.value = value
        self.reason = reason
        self.source = source
        """The source of the statement it stands in."""
        self.all: tuple[Unprintable, ...] = (self,)
        """Every such value of the tree that was to be printed, this one first."""


class Directive(str):
    """A first word that is meant to be read as a directive.

    Words from outside are never of this type, and never equal to one.
    """

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Directive) and str.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash((Directive, str(self)))


def word(text: str) -> str:
    """Answer *text* as keepalived must be shown it: bare where that is safe, else in double quotes.

    Raises Unprintable.
    """
    if _SAFE.fullmatch(text):
        return text
    if '"' in text:
        raise Unprintable(text, "a double quote cannot be written")
    if _ODD_BACKSLASHES.search(text):
        raise Unprintable(text, "a backslash at its end would hide the quote that follows")
    _check(text)
    return f'"{text}"'


def first_word(text: str) -> str:
    """Answer *text* as the first word of a line, where some words are directives unless they are quoted.

    Raises Unprintable.
    """
    if isinstance(text, Directive):
        return text
    if not text:
        raise Unprintable(text, "an empty word cannot begin a line")
    return f'"{text}"' if _INCLUDE.fullmatch(text) else word(text)


def escaped(text: str) -> str:
    r"""Answer *text* as :func:`word` does, for lines on which ``\"`` and ``\\`` are read as escapes.

    Raises Unprintable.
    """
    if _SAFE.fullmatch(text):
        return text
    quotes = text.count('"')
    if quotes % 2:
        raise Unprintable(text, "an odd number of double quotes cannot be written")
    if quotes and not _BRACES.isdisjoint(text):
        raise Unprintable(text, "double quotes and braces cannot be written together")
    _check(text)
    inner = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{inner}"'


def command(text: str) -> str:
    """Answer the command line *text* as keepalived must be shown it. Raises Unprintable."""
    if not split_escaped(as_bytes(text)):
        raise Unprintable(text, "a command that is empty or leaves a quote open is dropped")
    return escaped(text)


def check_save_dir(values: Sequence[str]) -> None:
    """Raise Unprintable when *values* of SAVE_DIR would be a command, or overflow a buffer."""
    for text in values:
        if not SHELL_SAFE.fullmatch(text):
            raise Unprintable(
                text,
                f"keepalived hands {SAVE_DIR} to a shell: expected at most 64 letters, digits and ._/@:+,=-",
            )


def comment(text: str) -> str:
    """Answer *text* when it can stand in a comment. Raises Unprintable."""
    _check_text(text)
    if text.endswith("\\"):
        raise Unprintable(text, "a backslash at the end of a comment is read as a word")
    return text


def _check(text: str) -> None:
    """Raise Unprintable when *text* cannot be written inside double quotes."""
    _check_text(text)
    if text in _BRACES:
        raise Unprintable(text, "a brace alone is a brace even in quotes")
    if _STANDARD.search(text):
        raise Unprintable(text, "keepalived would put its own value in place of this definition")


def _check_text(text: str) -> None:
    if _CONTROL.search(text):
        raise Unprintable(text, "control characters, line ends among them, cannot be written")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Unprintable(text, "bytes that are no UTF-8 cannot be written") from None
