"""How commands speak: the result on standard output, the story on standard error, colour only on a terminal."""

import difflib
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import TextIO

from lvsctl.errors import visible

RED, GREEN, YELLOW, BOLD, CYAN, PLAIN = "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[1m", "\x1b[36m", "\x1b[0m"


def colours(stream: TextIO) -> bool:
    """Answer whether *stream* wants colour: a terminal, unless NO_COLOR is set (no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def painted(text: str, colour: str, stream: TextIO) -> str:
    """Answer *text* in *colour* where *stream* shows it."""
    return f"{colour}{text}{PLAIN}" if colours(stream) else text


def harmless(text: str) -> str:
    """Answer *text* with escapes for all that a terminal acts on but line ends.

    Who tells of a file, a peer or a program says what others wrote; this is the last place to see to it.
    """
    return "\n".join(map(visible, text.split("\n")))


def say(text: str, *, quiet: bool = False, head: str = "") -> None:
    """Tell the operator what is going on, if anybody listens: a story that nobody reads stops no work.

    *head* comes first, as it is: it may have colours.
    """
    if not quiet:
        with suppress(OSError):
            print(head + harmless(text), file=sys.stderr, flush=True)


def diff(old: str, new: str, name: str) -> Iterator[str]:
    """Yield the unified diff from *old* to *new*, without line ends."""
    lines = difflib.unified_diff(
        old.splitlines(), new.splitlines(), f"{name} (as it is)", f"{name} (rendered)", lineterm=""
    )
    yield from lines


def print_diff(lines: Iterator[str]) -> None:
    """Print a unified diff, coloured on a terminal."""
    tones = {"+": GREEN, "-": RED, "@": CYAN}
    for line in lines:
        print(painted(line, tones.get(line[:1], ""), sys.stdout) if line[:1] in tones else line)


def print_json(answer: object) -> None:
    """Print *answer* as one JSON document, in ASCII: names of files are bytes that need be no text, nor harmless."""
    import json

    print(json.dumps(answer, indent=2))
