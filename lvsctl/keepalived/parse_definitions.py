"""What ``$NAME`` and ``${NAME}`` stand for, and putting it in their place.

A definition counts from its line on, for what is read after it; its value is substituted anew at each use. The
standard ones (``_PWD``, ``_INSTANCE``, ``_RANDOM``, ``_HASH``, ``_BANG``) are there from the start and can be
overridden. Lines are bytes as in :mod:`lvsctl.keepalived.parse_lexer`.

Source of the rules: find_definition(), replace_param() and check_definition() of keepalived 2.2.7's lib/parser.c.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from lvsctl.keepalived.parse_lexer import BLANK, MAXBUF

LINE_END = "\n"
"""What separates the lines of a value of several."""

MAX_STEPS = 64 * MAXBUF
"""Substitutions in one line after which it can only be a circle, which keepalived never leaves."""

_DEFINES = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)=[ \t]*")
_USED = re.compile(
    r"\$(?:(?P<bare>[A-Za-z_][A-Za-z0-9_]*)(?=[ \t,)]|\Z)"
    r"|\{(?P<braced>[A-Za-z_][A-Za-z0-9_]*)(?P<tail>[ 0-9]*)\})"
)
_RANGE = re.compile(r"(\d+)(?: +(\d+))?")


@dataclass(slots=True)
class Definition:
    """What a name stands for; *value* may be of several lines, of which all but the last end in LINE_END."""

    value: str = ""
    multiline: bool = False
    compute: Callable[[str], str] | None = None
    """Makes the value anew at each use, from the parameters: the standard definitions do."""
    parameters: bool = False
    """Whether ``${NAME 1 9}`` may be written."""

    def add(self, line: str) -> bool:
        """Add the next *line* of a definition of several; answer whether another one follows."""
        more = line.endswith("\\")
        if more:
            line = line[:-1].rstrip(BLANK) + LINE_END
        else:
            self.end()
        if len(line) > 1 or (line and not more):
            self.value += line
        return more

    def end(self) -> None:
        """Note that no further line follows."""
        if not self.value:
            self.multiline = False


class Use(NamedTuple):
    """A name that is used in a line, and what becomes of its place."""

    definition: Definition
    start: int
    length: int
    """How much of the line gives way. Not always the whole of ``${NAME }``."""
    parameters: str


class Definitions:
    """All that is defined so far."""

    def __init__(self, config_id: str, folder: Callable[[], str]) -> None:
        self._known = {
            "_PWD": Definition(compute=lambda _: folder()),
            "_INSTANCE": Definition(compute=lambda _: config_id),
            "_RANDOM": Definition(compute=lowest, parameters=True),
            "_HASH": Definition("#"),
            "_BANG": Definition("!"),
        }

    def define(self, line: str) -> Definition | None:
        r"""Take *line* as ``$NAME=VALUE`` and answer the definition, or None when it is none.

        With a backslash at its end it is multiline: the next lines are for :meth:`Definition.add`.
        """
        if not (found := _DEFINES.match(line)):
            return None
        value = line[found.end() :]
        definition = self._get(found[1])
        definition.multiline = value.endswith("\\")
        definition.compute = None
        if definition.multiline:
            value = value[:-1].rstrip(BLANK)
            value += LINE_END if value else ""
        definition.value = value
        return definition

    def set(self, name: str, value: str) -> None:
        """Define *name* as a sequence does. Names that no reference can spell are not kept."""
        if re.match(r"[A-Za-z_]", name):
            definition = self._get(name)
            definition.value, definition.compute = value, None

    def use_in(self, line: str, at: int) -> Use | None:
        """Answer the definition that is used in *line* at the ``$`` at *at*, if one is."""
        if not (found := _USED.match(line, at)):
            return None
        tail = found["tail"] or ""
        parameters = tail.strip(" ")
        definition = self._known.get(found["bare"] or found["braced"])
        # Several lines can only take the place of a line's end.
        if not definition or (definition.multiline and (found.end() != len(line) or tail)):
            return None
        if parameters and (tail.endswith(" ") or not definition.parameters):
            return None
        braces = 2 if found["braced"] else 0
        length = 1 + len(found["bare"] or found["braced"]) + braces + (len(tail) if parameters else 0)
        return Use(definition, at, length, parameters)

    def _get(self, name: str) -> Definition:
        return self._known.setdefault(name, Definition())


def lowest(parameters: str) -> str:
    """Answer the smallest number that ``${_RANDOM LOW HIGH}`` can be, so that reading twice gives the same."""
    found = _RANGE.match(parameters)
    low, high = (found[1], found[2] or "32767") if found else ("0", "32767")
    return str(int(low))[: len(str(int(high)))]


class Expansion:
    """The lines that definitions of several lines still have to give, innermost first."""

    def __init__(self) -> None:
        self.depth = 0
        """How many sequences were open when the innermost one began: only newer ones come before its lines."""
        self._pending: str | None = None
        self._outer: list[tuple[str, int]] = []

    def __bool__(self) -> bool:
        return self._pending is not None

    def enter(self, rest: str, sequences: int) -> None:
        """Begin with the lines in *rest*, *sequences* being open."""
        if self._pending is not None:
            self._outer.append((self._pending, self.depth))
        self._pending, self.depth = rest, sequences

    def take(self) -> str:
        """Take the next line."""
        line, end, rest = (self._pending or "").partition(LINE_END)
        if end:
            self._pending = rest
        else:
            self._pending, self.depth = self._outer.pop() if self._outer else (None, 0)
        return line


class Replaced(NamedTuple):
    """A line after substitution."""

    line: str
    steps: int
    """How many substitutions were made."""
    problem: str = ""
    """Why they were not finished."""


TOO_LONG = "substituting makes the line longer than keepalived's buffer: it stops half-way"
ENDLESS = "the definitions go round in a circle: keepalived never gets past this line"


def replace(line: str, definitions: Definitions, expansion: Expansion, sequences: int) -> Replaced:
    """Put values in the place of the definitions that *line* uses, and of those that their values use.

    Of a value of several lines the first is put in place; *expansion* gives the others.
    """
    at = steps = 0
    while 0 <= (at := line.find("$", at)) < len(line) - 1:
        if not (use := definitions.use_in(line, at)):
            at += 1
            continue
        steps += 1
        if steps > MAX_STEPS:
            return Replaced(line, steps, ENDLESS)
        value, end, rest = _value(use).partition(LINE_END)
        if use.definition.multiline:
            expansion.enter(rest, sequences)
        elif end:
            value += end + rest
        if len(line) + len(value) - use.length >= MAXBUF:
            return Replaced(line, steps, TOO_LONG)
        line = _put(line, use, value)
        if value.lstrip(BLANK).startswith("~"):
            break
    return Replaced(line, steps)


def _value(use: Use) -> str:
    if compute := use.definition.compute:
        use.definition.value = compute(use.parameters)
    return use.definition.value


def _put(line: str, use: Use, value: str) -> str:
    after = use.start + use.length
    shorter = use.length - len(value)
    if use.parameters and shorter > 0:
        # Only one character of the rest moves up; the others stay where they were, old text before them.
        return (
            line[: use.start]
            + value
            + line[after : after + 1]
            + line[after + 1 - shorter :] * (after < len(line))
        )
    return line[: use.start] + value + line[after:]
