"""Which statements of a configuration an import lost: in neither the rendered spec nor the list of faults.

It knows the spellings that mean the same (synonyms, aliases, numbers, addresses) from the models' own marks, and
that the spec may add words: it asks whether what was written is still there, not whether nothing else is.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from functools import cache
from ipaddress import ip_interface
from typing import NamedTuple

from lvsctl.compose.adopt.read import RENAMED
from lvsctl.errors import Fault
from lvsctl.keepalived.config import Config, Origin, Statement
from lvsctl.spec.base import Line
from lvsctl.spec.forms import Place, Positioned
from lvsctl.spec.layout import fields
from lvsctl.spec.spec import Spec
from lvsctl.spec.synonyms import SYNONYMS

Heads = tuple[tuple[str, ...], ...]
VALUES = dict.fromkeys(("on", "yes"), "true") | dict.fromkeys(("off", "no"), "false")
VALUES |= {protocol.lower(): protocol for protocol in ("TCP", "UDP", "SCTP")}


LISTS = frozenset({"notification_email", "group", "interfaces"})
"""Blocks whose words all stand for themselves, however many are on a line."""


FAMILIES = dict.fromkeys(
    ("static_routes", "virtual_routes", "static_rules", "virtual_rules"), ("inet", "inet6")
)
"""Blocks in whose lines a family may be named that the addresses tell anyway."""


class Leaf(NamedTuple):
    """One statement with the heads of the blocks around it."""

    heads: Heads
    words: tuple[str, ...]
    lines: tuple[tuple[str, int], ...]
    """Where it and the blocks around it were read."""


def lost(original: Config, again: Config, faults: Iterable[Fault]) -> list[Leaf]:
    """Answer the statements of *original* that are neither in *again* nor named by one of *faults*."""
    told = {(fault.place.file, fault.place.line) for fault in faults}
    kept: dict[Heads, list[Counter[str]]] = {}
    for leaf in leaves(again):
        kept.setdefault(leaf.heads, []).append(Counter(leaf.words))
        # An empty block is there when one with something in it is.
        for depth in range(len(leaf.heads)):
            kept.setdefault(leaf.heads[:depth], []).append(Counter(leaf.heads[depth]))
    return [
        leaf
        for leaf in leaves(original)
        if told.isdisjoint(leaf.lines) and not _taken(leaf, kept.get(leaf.heads, []))
    ]


def _taken(leaf: Leaf, kept: list[Counter[str]]) -> bool:
    """Take the statement that says what *leaf* says out of *kept*; answer whether there is one."""
    wanted = Counter(leaf.words)
    fitting = [words for words in kept if wanted <= words]
    if not fitting:
        return False
    kept.remove(min(fitting, key=Counter.total))
    return True


def leaves(config: Config, heads: Heads = (), lines: tuple[tuple[str, int], ...] = ()) -> Iterator[Leaf]:
    """Yield every statement: lines, items, and blocks without anything in them."""
    for statement in config:
        here = (*lines, _line(statement))
        words = tuple(
            word for word in _canonical(statement) if word not in (heads and FAMILIES.get(heads[-1][0], ()))
        )
        if heads and heads[-1][0] in LISTS:
            yield from (Leaf(heads, (word,), here) for word in words)
        elif statement.body:
            yield from leaves(statement.body, (*heads, words), here)
        elif words:
            yield Leaf(heads, words, here)


def _line(statement: Statement) -> tuple[str, int]:
    source = statement.source
    return (source.file, source.line) if isinstance(source, Origin) else ("", 0)


def _canonical(statement: Statement) -> tuple[str, ...]:
    return tuple(_word(word) for word in statement.words if word not in introductions())


def _word(word: str) -> str:
    try:
        return str(ip_interface(word))
    except ValueError:
        known = VALUES.get(word, word)
    while known in spellings():
        known = spellings()[known]
    try:
        return str(int(known, 0) if known[:2] in ("0x", "0X") else Decimal(known).normalize())
    except (ValueError, ArithmeticError):
        return " ".join(known.split())


@cache
def spellings() -> Mapping[str, str]:
    """Answer other spellings of keywords and of words on lines, with the one that is rendered."""
    renamed = {other: key for (_, other), key in RENAMED.items()}
    synonyms = {other: key for block in SYNONYMS.values() for other, key in block.items()}
    aliases = {
        alias: mark.word or name
        for name, mark in _marks()
        for alias in mark.aliases
        if mark.place is not Place.CHOICE
    }
    return {**aliases, **synonyms, **renamed, "vrrp_track_file": "track_file"}


@cache
def introductions() -> frozenset[str]:
    """Answer the words of lines that may be left out."""
    return frozenset(
        mark.word for _, mark in _marks() if mark.word and mark.place in (Place.FIRST, Place.CHOICE)
    )


@cache
def _marks() -> tuple[tuple[str, Positioned], ...]:
    return tuple(
        (field.alias or name, mark)
        for model in _lines(Line)
        for name, field in model.model_fields.items()
        for mark in field.metadata
        if isinstance(mark, Positioned)
    )


def _lines(model: type[Line]) -> Iterator[type[Line]]:
    assert fields(Spec), "the models are there only once the spec is"
    for each in model.__subclasses__():
        yield each
        yield from _lines(each)
