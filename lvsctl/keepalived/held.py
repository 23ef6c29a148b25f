"""The copy of its configuration that a running keepalived holds, compared with a file.

Pure. The parent writes every line it reads, comments taken off, to an anonymous file from which its children
parse (lib/parser.c of 2.2.7). There a line ``# PATH`` begins a file, ``!`` ends it and ``#! …`` says what went
wrong, so that included files, secrets among them, can be told from the main one.
"""

import re
from collections.abc import Iterable, Iterator

from lvsctl.keepalived.parse_lexer import decomment

_BRACES = re.compile(r"[{}]")
_INCLUDE = re.compile(r"include[rmwba]?\s")


def holds(copy: str, text: str) -> bool:
    """Answer whether *copy* was made from *text*, whatever is in the files that it includes."""
    return _without_end(main_lines(copy)) == _without_end(bare_lines(text))


def values(lines: Iterable[str], keyword: str) -> tuple[str, ...]:
    """Answer what follows *keyword* wherever one of *lines* has it in front, as it is written."""
    statements = (part.strip() for line in lines for part in _BRACES.split(line))
    return tuple(
        each.removeprefix(keyword).strip() for each in statements if each.split(maxsplit=1)[:1] == [keyword]
    )


def bare_lines(text: str) -> Iterator[str]:
    """Answer the lines of a file as its keepalived would hold them."""
    return map(_bare, text.split("\n"))


def main_lines(copy: str) -> Iterator[str]:
    """Answer the lines of the main file that *copy* was made from."""
    depth = 0
    for line in copy.split("\n"):
        if line.startswith("# "):
            depth += 1
        elif line == "!":
            depth -= 1
        elif depth == 1 and not line.startswith("#! "):
            yield line


def _bare(line: str) -> str:
    text = decomment(line.rstrip("\r")).text
    return "" if _INCLUDE.match(text) else text


def _without_end(lines: Iterable[str]) -> list[str]:
    kept = list(lines)
    while kept and not kept[-1]:
        kept.pop()
    return kept
