"""The words of a statement as the text that a spec has for them."""

import re
from collections.abc import Iterable, Iterator, Sequence

from lvsctl.compose.adopt.reading import Plain
from lvsctl.spec.next_hops import OPTIONS


def joined(words: Iterable[str]) -> str:
    """Write words as the shorthand of a Line: quoted where they would fall apart."""
    return " ".join(map(_quoted, map(number, words)))


def named_line(words: tuple[str, ...]) -> str:
    """Write the words of a Line that begins with a name: a name stays as it is, even when it is a number."""
    return " ".join([_quoted(words[0]), *map(_quoted, map(number, words[1:]))])


def literal_line(words: tuple[str, ...]) -> str:
    """Write the words of a Line that are compared as they stand: 007 is not 7 there."""
    return " ".join(map(_quoted, words))


def _quoted(word: str) -> str:
    return f'"{word}"' if not word or any(sign.isspace() for sign in word) else word


_NUMBER = re.compile(r"\s*([+-]?)0*([0-9]+)((?:\.[0-9]*)?)\s*\Z", re.ASCII)


def number(word: str) -> str:
    """Answer a number as people write it: keepalived takes white space and leading zeros, to the base of ten."""
    if not (word[:1].isspace() or word[-1:].isspace() or word[:1] in ("0", "+", "-")):
        return word
    found = _NUMBER.match(word)
    return "".join(found.groups()).removeprefix("+") if found else word


def one_line(words: tuple[str, ...]) -> str:
    """Answer the words of a Line; a number alone, and nothing at all, need no quotes in YAML."""
    line = joined(words)
    return Plain(line or "true") if not line or re.fullmatch(r"-?(?:0|[1-9][0-9]*)", line, re.ASCII) else line


def own_words(words: Sequence[str]) -> Iterator[str]:
    """Yield the words of a route but those of its tunnel and its next hops, which have words of the same name."""
    at = 0
    while at < len(words) and words[at] != "nexthop":
        yield words[at]
        at += 1 if words[at] != "encap" else 1 + _length_of_encap(words[at + 1 :])


def _length_of_encap(words: Sequence[str]) -> int:
    options = OPTIONS.get(words[0], frozenset()) if words else frozenset()
    at = 1 if options else 2  # mpls and ila have one word behind them and no options
    while at < len(words) and words[at] in options:
        at += 2
    return at
