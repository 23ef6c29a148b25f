"""Which keywords keepalived has, where, since which release, and what follows each.

From keepalived's own keyword tables (its install_keyword calls, releases 1.3.0 to 2.4.3), shipped as JSON. It
knows no values: types and ranges are the spec's.
"""

import json
import re
from collections.abc import Mapping
from difflib import get_close_matches
from enum import StrEnum
from functools import cache
from pathlib import Path as File
from typing import Any, NamedTuple

Version = tuple[int, int, int]
"""A release of keepalived: ``(2, 2, 7)``."""

Path = tuple[str, ...]
"""Keywords from the outermost block inwards: ``("virtual_server", "real_server", "weight")``."""

OLDEST: Version = (1, 3, 0)
"""The oldest release whose tables were read: ``since`` (1, 3, 0) means "this one or before"."""


class Form(StrEnum):
    """What follows a keyword."""

    LINE = "line"
    """The rest of its line."""
    BLOCK = "block"
    """A block of keywords of its own."""
    ITEMS = "items"
    """A block of free-form lines."""


class Keyword(NamedTuple):
    """One keyword at its place."""

    name: str
    form: Form
    since: Version
    keywords: Mapping[str, "Keyword"]
    """What its block knows, when it opens one of keywords."""
    named: bool = False
    """Words follow it before its block: ``vrrp_instance NAME {``."""
    script: bool = False
    """Its value is a command line that keepalived splits again, then user and group."""
    escaped: bool = False
    """Backslashes and single quotes mean something on its line: scripts and regular expressions."""


def version(text: str) -> Version:
    """Read a release as people write it: ``2.2.7``, ``v2.3``. Raises ValueError."""
    if not (found := re.fullmatch(r"v?(\d{1,4})\.(\d{1,4})(?:\.(\d{1,4}))?", text, re.ASCII)):
        raise ValueError(f"{text!r} is no release of keepalived: expected something like 2.2.7")
    return int(found[1]), int(found[2]), int(found[3] or 0)


@cache
def grammar() -> Keyword:
    """Answer the root: the keyword without a name, whose block is the file. Every release's keywords are in it."""
    table = json.loads(File(__file__).with_name("grammar.json").read_text("utf-8"))
    return Keyword("", Form.BLOCK, OLDEST, _keywords(table))


@cache
def grammar_of(target: Version) -> Keyword:
    """Answer the same root with those keywords only that release *target* has."""
    return _until(grammar(), target)


def find(path: Path) -> Keyword | None:
    """Answer the keyword at *path*, or None when no release has it there."""
    found = grammar()
    for name in path:
        if (inner := found.keywords.get(name)) is None:
            return None
        found = inner
    return found


def since(path: Path) -> Version | None:
    """Answer the first release with the keyword at *path*; None when there is none."""
    found = find(path)
    return found.since if found else None


def known(path: Path, target: Version) -> bool:
    """Answer whether release *target* has the keyword at *path*."""
    first = since(path)
    return first is not None and first <= target


def suggest(path: Path, word: str) -> str | None:
    """Answer the keyword of the block at *path* that *word* was probably meant to be, if one is near."""
    block = find(path)
    near = get_close_matches(word, block.keywords, n=1, cutoff=0.7) if block and len(word) < 64 else ()  # noqa: PLR2004 - no keyword is half as long, and the comparison is quadratic
    return next(iter(near), None)


def _keywords(table: Mapping[str, Any]) -> dict[str, Keyword]:
    return {name: _keyword(name, entry) for name, entry in table.items()}


def _keyword(name: str, entry: Any) -> Keyword:
    """Build one keyword from its entry: the first release, or a table when there is more to say than that."""
    if isinstance(entry, str):
        return Keyword(name, Form.LINE, version(entry), {})
    script = entry.get("script", False)
    return Keyword(
        name,
        Form.BLOCK if "block" in entry else Form.ITEMS if "items" in entry else Form.LINE,
        version(entry["since"]),
        _keywords(entry.get("block", {})),
        named=entry.get("named", False),
        script=script,
        escaped=script or entry.get("escaped", False),
    )


def _until(keyword: Keyword, target: Version) -> Keyword:
    inner = {name: _until(k, target) for name, k in keyword.keywords.items() if k.since <= target}
    return keyword._replace(keywords=inner)
