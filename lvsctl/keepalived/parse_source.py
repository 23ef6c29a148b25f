"""Where lines come from: files, in the pieces that keepalived reads them in, and the files they include.

Texts are bytes as in :mod:`lvsctl.keepalived.parse_lexer`. It opens nothing; the files are given to it.

Source of the rules: read_line(), open_conf_file() and check_include() of keepalived 2.2.7's lib/parser.c.
"""

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from lvsctl.keepalived.config import Origin
from lvsctl.keepalived.parse_lexer import MAXBUF, as_bytes

MAX_DEPTH = 32
"""How deep files may include files. keepalived goes on until it has no file descriptors left."""

MAX_FILES = 1_000
MAX_TEXT = 16 * 2**20
"""Bytes in all files together."""

_INCLUDE = re.compile(r"include(?:[ \t\f\r\v]|[rmwba][ \t\f\r\v])[ \t]*")


class Found(NamedTuple):
    """One file that an include names."""

    name: str
    """As messages shall name it; absolute, or relative to keepalived's working directory."""
    text: str = ""
    problem: str = ""
    """Why keepalived does not read it; empty when it does."""


Reader = Callable[[str, str], Sequence[Found]]
"""``reader(pattern, folder)`` answers the files that *pattern* (glob(7) with braces) means in *folder*, in order."""


def nothing(_pattern: str, _folder: str) -> Sequence[Found]:
    """Read no file: every include is noted as not found."""
    return ()


class Raw(NamedTuple):
    """A line as it stands in a file, without its end."""

    text: str
    origin: Origin
    folder: str
    """Where keepalived stands while it reads this line: the folder of the file."""
    problem: str = ""
    """What keepalived does to the line before it looks at it."""


def pattern_of(line: str) -> str | None:
    """Answer which files *line* includes, or None when it is no ``include`` of any kind."""
    found = _INCLUDE.match(line)
    return line[found.end() :] if found else None


def pieces(text: str) -> Iterator[tuple[str, int, str]]:
    """Cut *text* as fgets() does with a buffer of MAXBUF; answer each piece without its end, its line, its problem."""
    fits = MAXBUF - 1
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    for number, line in enumerate(lines, 1):
        if len(line) <= fits and "\0" not in line:
            yield line.rstrip("\r"), number, ""
            continue
        for start in range(0, len(line), fits):
            # For C a NUL byte is the end.
            piece, nul, _ = line[start : start + fits].partition("\0")
            yield piece.rstrip("\r"), number, _NUL if nul else _LONG


_NUL = "a NUL byte: keepalived 2.2.7 loses what follows it on the line"
_LONG = f"a line of {MAXBUF} bytes or more: keepalived 2.2.7 reads it as several lines"


def raws(file: Found, home: str) -> Iterator[Raw]:
    """Answer the lines of *file*; *home* is what its name is relative to."""
    folder = posixpath.join(home, posixpath.dirname(file.name))
    for text, line, problem in pieces(as_bytes(file.text)):
        yield Raw(text, Origin(file.name, line), folder, problem)


@dataclass(slots=True)
class _Frame:
    """A file that is open or waits for its turn."""

    name: str
    lines: Iterator[Raw]
    level: int
    """How many files are included around it."""
    started: bool = False


class Sources:
    """What is still to be read: the innermost file first."""

    def __init__(self, name: str, lines: Iterable[Raw], size: int = 0) -> None:
        self._stack = [_Frame(name, iter(lines), 0)]
        self._files = 1
        self._bytes = size

    def read(self) -> Raw | None:
        """Answer the next line, or None after the last one of all files."""
        while self._stack:
            frame = self._stack[-1]
            frame.started = True
            if raw := next(frame.lines, None):
                return raw
            self._stack.pop()
        return None

    def include(self, files: Sequence[Found], lines: Callable[[Found], Iterator[Raw]]) -> str:
        """Read the *lines* of *files* before going on; answer why not, or the empty string."""
        level = self._stack[-1].level + 1 if self._stack else 1
        self._files += len(files)
        self._bytes += sum(len(file.text) for file in files)
        started = {frame.name for frame in self._stack if frame.started}
        if again := [file.name for file in files if file.name in started]:
            return f"{again[0]} includes itself, which keepalived does until it can open no more files"
        if level > MAX_DEPTH:
            return f"files include each other more than {MAX_DEPTH} deep"
        if self._files > MAX_FILES or self._bytes > MAX_TEXT:
            return f"more than {MAX_FILES} files or {MAX_TEXT // 2**20} MiB"
        self._stack += [_Frame(file.name, lines(file), level) for file in reversed(files)]
        return ""
