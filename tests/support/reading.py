"""Asks the real keepalived how it reads a text, and our parser; both answers in keepalived's terms."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from lvsctl.host.run import run
from lvsctl.keepalived.grammar import grammar_of
from lvsctl.keepalived.parse_blocks import Blocks
from lvsctl.keepalived.parse_lines import Copied, Line, Reading, Setting
from lvsctl.keepalived.parse_notes import Note, Notes
from lvsctl.keepalived.parse_processes import BFD, CHECKER, PARENT, VRRP
from lvsctl.keepalived.parse_source import Found, Reader, Sources, nothing, raws
from tests.support.cage import MOUNTS, PROCESSES
from tests.support.require import require, require_root

_ASK = 'mount -t proc proc /proc && exec keepalived -t "$@"'
ROOT = grammar_of((2, 2, 7))

_LINED = re.compile(r"\((?:.+: )?Line (\d+)\) (.*)")
_STRUCTURE = {
    "open": (r"Unexpected '\{'", r"a '\{' that opens no block"),
    "missing": (r"Missing '\{' at", r"has no '\{': keepalived reads on"),
    "quote": (r"Unmatched quote", r"what follows it is lost"),
    "skip": (
        r"already defined|must have a name|Group list already",
        r"needs exactly one name|vrrp_.* is there already|second group",
    ),
    "extra": (r"has extra parameters", r"' between "),
    "sequence": (r"Invalid ~(?:SEQ|LST) spec", r"cannot read this ~"),
}


class Remark(NamedTuple):
    """One thing that is said about a line; of what is not about structure, nothing is said here."""

    line: int
    kind: str
    word: str = ""


class Heard(NamedTuple):
    """What keepalived said."""

    remarks: set[Remark]
    texts: list[str]
    """Every message about a line, in order, without its position."""
    finished: bool
    """Whether it read to the end: it did not exit, crash or loop."""


def require_keepalived() -> None:
    """Skip the test where keepalived cannot be asked."""
    require("keepalived")
    require("unshare", name="keepalived")
    require_root("keepalived")


def heard(text: str, folder: Path, node: str) -> Heard:
    """Ask keepalived 2.2.7 (``-t``) about *text*."""
    file = folder / "keepalived.conf"
    file.write_text(text, "utf-8", "surrogateescape", newline="")
    cage = ("timeout", "-k", "1", "5", "unshare", "--net", *MOUNTS, *PROCESSES, "sh", "-c", _ASK, "sh")
    finished = run([*cage, "-f", str(file), "-i", node], timeout=20)
    whole = 0 <= finished.status <= 6 and "*** Configuration line" not in finished.stderr
    lines = filter(None, map(_LINED.fullmatch, finished.stderr.split("\n")))
    return Heard(set(_remarks(finished.stderr)), [found[2] for found in lines], whole)


def _remarks(stderr: str) -> Iterator[Remark]:
    for found in filter(None, map(_LINED.fullmatch, stderr.split("\n"))):
        line, message = int(found[1]), found[2]
        if unknown := re.fullmatch(r"Unknown keyword '(.*)'", message, re.DOTALL):
            yield Remark(line, "unknown", unknown[1])
        for kind, (theirs, _) in _STRUCTURE.items():
            if re.search(theirs, message):
                yield Remark(line, kind)


def ours(text: str, folder: Path, node: str, reader: Reader = nothing) -> set[Remark]:
    """Answer the same remarks by our parser, each process of keepalived followed on its own, as ``-t`` does."""
    first = Found(str(folder / "keepalived.conf"), text)
    notes = Notes()
    setting = Setting(node, reader, "/", 100_000, notes)
    copied = Copied()
    reading = Reading(Sources(first.name, raws(first, "/")), setting, copied)
    parent = list(reading.lines())
    Blocks(parent, ROOT, notes, PARENT).read()
    for acts_on in (CHECKER, VRRP, BFD):
        lines: list[Line] = parent
        if copied.differs or reading.left:
            # One process after the other in -t, so that what one leaves behind is there for the next.
            reading = Reading(Sources("", copied.lines()), setting, before=reading.left)
            lines = list(reading.lines())
        Blocks(lines, ROOT, notes, acts_on).read()
    return {remark for note in notes for remark in _ours(note)}


def _ours(note: Note) -> Iterator[Remark]:
    line = note.origin.line
    if note.message.startswith("a '}' too many"):
        yield Remark(line, "unknown", "}")
    if unknown := re.match(r"(.*) is no keyword of", note.message, re.DOTALL):
        yield Remark(line, "unknown", ast.literal_eval(unknown[1]))
    for kind, (_, pattern) in _STRUCTURE.items():
        if re.search(pattern, note.message):
            yield Remark(line, kind)
