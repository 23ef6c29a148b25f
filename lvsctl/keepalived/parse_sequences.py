"""``~SEQ(NAME, 1, 9) text`` and ``~LST(NAME, a, b) text``: one line of text for each value.

The text is read again for each value, with the names defined; the text of the newest sequence comes first, so
that one inside another nests. Lines are bytes as in :mod:`lvsctl.keepalived.parse_lexer`.

Source of the rules: add_seq(), add_lst() and read_line() of keepalived 2.2.7's lib/parser.c.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from lvsctl.keepalived.parse_lexer import BLANK

Step = tuple[tuple[str, str], ...]
"""The names that one round defines, each with its value."""

MAX_BOUNDS = 64
"""More bytes than this between the name and the closing parenthesis, and keepalived refuses the line."""

# Possessive, because C does not go back to look for another way.
_SEQ = re.compile(
    r"~SEQ(?P<hex>x?)[ \t]*+\([ \t]*+(?P<name>[^ \t,)]++)[ \t]*+[^)][ \t]*+(?P<bounds>[^)]*+\))[ \t]*+"
)
_NUMBER = re.compile(r"[ \t\f\n\r\v]*([+-]?(?:0[xX][0-9A-Fa-f]+|0[0-7]*|[1-9][0-9]*))?[ \t]*")
_LST = re.compile(r"~LST[ \t]*\([ \t]*")
_LONG = 2**63


class Sequence:
    """A text and the values that are still to come."""

    def __init__(self, text: str, steps: Iterator[Step]) -> None:
        self.text = text
        self._steps = steps
        self._next = next(steps, None)

    def __bool__(self) -> bool:
        return self._next is not None

    def take(self) -> Step:
        """Take the next values."""
        taken = self._next or ()
        self._next = next(self._steps, None)
        return taken


class Bounds(NamedTuple):
    """A ``~SEQ`` whose numbers are still to be read, because definitions may stand for them."""

    name: str
    bounds: str
    """``1, 2, 9)``"""
    hex: bool
    text: str


def bounds_of(line: str) -> Bounds | None:
    """Take *line* as a ``~SEQ``, or answer None when it is not formed like one."""
    found = _SEQ.match(line)
    if not found or len(found["bounds"]) + 1 > MAX_BOUNDS:
        return None
    return Bounds(found["name"], found["bounds"], bool(found["hex"]), line[found.end() :])


def numbers(seq: Bounds) -> Sequence | None:
    """Answer the sequence that *seq* counts through; None when keepalived refuses its bounds."""
    given = _integers(seq.bounds)
    match given:
        case [last]:
            first, step = (-1 if last < 0 else 1), (-1 if last < 1 else 1)
        case [first, last]:
            step = 1 if first <= last else -1
        case [first, step, last] if step and (last - first) * step >= 0:
            pass
        case _:
            return None
    if seq.hex and (first < 0 or last < 0):
        return None
    form = "x" if seq.hex else "d"
    counted = range(first, last + (1 if step > 0 else -1), step)
    return Sequence(seq.text, (((seq.name, format(value, form)),) for value in counted))


def _integers(bounds: str) -> list[int] | None:
    """Read one to three numbers, separated by commas and ended by a parenthesis; a missing one is 0."""
    found: list[int] = []
    at = 0
    while len(found) < 3:  # noqa: PLR2004 - first, step, last
        number = _NUMBER.match(bounds, at)
        found.append(_c_integer(number[1] or "0") if number else 0)
        at = number.end() if number else at
        if bounds[at : at + 1] == ")":
            return found
        if bounds[at : at + 1] != ",":
            return None
        at += 1
    return None


def _c_integer(text: str) -> int:
    digits = text.lstrip("+-")
    base = 16 if digits[:2].lower() == "0x" else 8 if digits.startswith("0") else 10
    value = int(digits, base) * (-1 if text.startswith("-") else 1)
    return max(-_LONG, min(_LONG - 1, value))


def values(line: str) -> Sequence | None:
    """Take *line* as a ``~LST`` and answer its sequence; None when keepalived refuses it."""
    if not (found := _LST.match(line)) or not (names := _group(line, found.end(), ends="")):
        return None
    at = names.end
    if line[at : at + 1] != ",":
        return None
    at = _skip(line, at + 1)
    rounds: list[Step] = []
    while group := _group(line, at, ends=")"):
        if len(group.items) > len(names.items):
            return None
        missing = ("",) * (len(names.items) - len(group.items))
        rounds.append(tuple(zip(names.items, group.items + missing, strict=True)))
        if line[group.end : group.end + 1] == ")":
            return Sequence(line[group.end + 1 :].lstrip(BLANK), iter(rounds))
        if line[group.end : group.end + 1] != ",":
            return None
        at = _skip(line, group.end + 1)
    return None


class _Group(NamedTuple):
    items: tuple[str, ...]
    end: int


def _group(line: str, at: int, *, ends: str) -> _Group | None:
    """Read ``a`` or ``{a, b}``. Without braces it is one item, ended by a comma or a sign of *ends*."""
    braced = line[at : at + 1] == "{"
    if braced:
        at = _skip(line, at + 1)
    end_sign = "}" if braced else ","
    item = re.compile(r"[^ \t,}" + re.escape(ends) + "]*")
    items: list[str] = []
    while found := item.match(line, at):
        items.append(found[0])
        at = _skip(line, found.end())
        sign = line[at : at + 1]
        if sign == end_sign or (sign and sign in ends and not braced):
            return _Group(tuple(items), _skip(line, at + 1) if sign == "}" else at)
        if sign != ",":
            return None
        at = _skip(line, at + 1)
    return None


def _skip(line: str, at: int) -> int:
    while line[at : at + 1] in (" ", "\t"):
        at += 1
    return at
