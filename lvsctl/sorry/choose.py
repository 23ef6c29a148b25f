"""Which services a command line means: names, globs, or services by address that no spec knows. Pure.

It knows names, not what they stand for; the caller has them from the spec and from the snapshots.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from itertools import islice
from typing import NamedTuple

from lvsctl.errors import Usage
from lvsctl.spec.suggest import suggest
from lvsctl.vocabulary import ServiceKey

KINDS = ("tcp", "udp", "sctp", "fwmark", "fwmark6")
"""What stands before the slash of a service by address; names have no slash."""

_LISTED = 20
"""Names in one message; a spec may have thousands."""


class Chosen(NamedTuple):
    """What was meant, each once, in the order in which it was written."""

    names: tuple[str, ...]
    keys: tuple[ServiceKey, ...]


def choose(patterns: Sequence[str], names: Collection[str], *, every: bool = False) -> Chosen:
    """Find what *patterns* mean: some of *names*, and services by address.

    With *every* it is all names, and there may be no patterns. Raises Usage for nothing, for a name that nobody has
    (with the one that was probably meant) and for a pattern that fits none.
    """
    if every:
        if patterns:
            raise Usage("--all is every service: leave out the names")
        return Chosen(tuple(names), ())
    if not patterns:
        raise Usage("which services?", hint=f"name them, or --all: {listed(names) or 'there are none'}")
    found: dict[str | ServiceKey, None] = {}
    for pattern in patterns:
        found.update(dict.fromkeys(_meant(pattern, names)))
    return Chosen(
        tuple(each for each in found if isinstance(each, str)),
        tuple(each for each in found if isinstance(each, ServiceKey)),
    )


def listed(names: Collection[str]) -> str:
    """Answer *names* in one line, the first of them when there are many."""
    more = len(names) - _LISTED
    return ", ".join(islice(names, _LISTED)) + (f" and {more} more" if more > 0 else "")


def _meant(pattern: str, names: Collection[str]) -> Iterable[str | ServiceKey]:
    if pattern in names:
        return (pattern,)
    if pattern.partition("/")[0].lower() in KINDS and "/" in pattern:
        return (_key(pattern),)
    if any(letter in pattern for letter in "*?["):
        return _matching(pattern, names)
    near = suggest(pattern, names)
    raise Usage(
        f"there is no service {pattern!r}" + (f"; did you mean {near!r}?" if near else ""),
        hint=f"there are: {listed(names)}" if names else "a service without a spec is tcp/ADDR:PORT",
    )


def _matching(pattern: str, names: Collection[str]) -> Iterator[str]:
    found = [name for name in names if fnmatchcase(name, pattern)]
    if not found:
        raise Usage(f"no service is like {pattern!r}", hint=f"there are: {listed(names) or 'none'}")
    yield from found


def _key(text: str) -> ServiceKey:
    try:
        return ServiceKey.parse(text)
    except ValueError as error:
        raise Usage(str(error)) from error
