"""Splits a command line of ipvsadm into options, as popt does: ``-Ln``, ``-w5``, ``-w 5``, ``--pe=sip``, ``-p [300]``.

It knows which options exist and which take a value; what they mean is :mod:`lvsctl.ipvs.compat.parse`'s business.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from lvsctl.errors import Usage

COMMANDS: Final = {
    "A": "add-service",
    "E": "edit-service",
    "D": "delete-service",
    "C": "clear",
    "L": "list",
    "l": "list",
    "Z": "zero",
    "a": "add-server",
    "e": "edit-server",
    "d": "delete-server",
    "R": "restore",
    "S": "save",
    "h": "help",
    "v": "version",
}
_SHORT: Final = COMMANDS | {
    "t": "tcp-service",
    "u": "udp-service",
    "f": "fwmark-service",
    "s": "scheduler",
    "p": "persistent",
    "M": "netmask",
    "r": "real-server",
    "m": "masquerading",
    "i": "ipip",
    "g": "gatewaying",
    "w": "weight",
    "x": "u-threshold",
    "y": "l-threshold",
    "n": "numeric",
    "c": "connection",
    "X": "exact",
    "6": "ipv6",
    "o": "ops",
    "b": "sched-flags",
}
_LONG_ONLY: Final = (
    *("set", "start-daemon", "stop-daemon", "sctp-service", "mcast-interface", "syncid", "timeout", "daemon"),
    *("stats", "rate", "thresholds", "persistent-conn", "nosort", "sort", "pe", "mcast-group", "mcast-port"),
    *(
        "mcast-ttl",
        "sync-maxlen",
        "tun-info",
        "tun-type",
        "tun-port",
        "tun-nocsum",
        "tun-csum",
        "tun-remcsum",
    ),
    # Not ipvsadm's: the kernel has these, and ipvsadm has no words for them.
    *("local", "bypass", "tun-flags"),
)
_LONG: Final = frozenset((*_SHORT.values(), *_LONG_ONLY))
_WITH_VALUE: Final = frozenset(
    (
        *(
            "start-daemon",
            "stop-daemon",
            "tcp-service",
            "udp-service",
            "sctp-service",
            "fwmark-service",
            "scheduler",
        ),
        *(
            "netmask",
            "real-server",
            "weight",
            "u-threshold",
            "l-threshold",
            "mcast-interface",
            "syncid",
            "pe",
        ),
        *(
            "sched-flags",
            "mcast-group",
            "mcast-port",
            "mcast-ttl",
            "sync-maxlen",
            "tun-type",
            "tun-port",
            "tun-flags",
        ),
    )
)
_MAYBE_VALUE: Final = "persistent"


class UnknownOption(Usage):
    """An option that ipvsadm does not have, or one whose value is missing."""


class Option(NamedTuple):
    """An option by its long name; an argument that is none has the name ``""``."""

    name: str
    value: str | None = None


def split(arguments: Sequence[str]) -> Iterator[Option]:
    """Yield the options of *arguments* in order, then the other arguments. Raises UnknownOption where one is reached."""
    rest: list[str] = []
    waiting = list(reversed(arguments))
    while waiting:
        word = waiting.pop()
        if word == "--":
            rest += reversed(waiting)
            break
        if word.startswith("--"):
            yield _long(word[2:], waiting)
        elif word.startswith("-") and word != "-":
            yield from _short(word[1:], waiting)
        else:
            rest.append(word)
    for word in rest:
        yield Option("", word)


def _long(word: str, waiting: list[str]) -> Option:
    name, equals, value = word.partition("=")
    if name not in _LONG:
        raise UnknownOption(f"--{name}: there is no such option")
    if equals:
        if name not in _WITH_VALUE and name != _MAYBE_VALUE:
            raise UnknownOption(f"--{name} takes no value")
        return Option(name, value)
    return Option(name, _value(name, "--" + name, waiting))


def _short(letters: str, waiting: list[str]) -> Iterator[Option]:
    while letters:
        letter, letters = letters[0], letters[1:]
        name = _SHORT.get(letter)
        if name is None:
            raise UnknownOption(f"-{letter}: there is no such option")
        takes_value = name in _WITH_VALUE or name == _MAYBE_VALUE
        if takes_value and letters:
            yield Option(name, letters.removeprefix("="))
            return
        yield Option(name, _value(name, "-" + letter, waiting))


def _value(name: str, spelled: str, waiting: list[str]) -> str | None:
    if name in _WITH_VALUE:
        if not waiting:
            raise UnknownOption(f"{spelled} needs a value")
        return waiting.pop()
    if name == _MAYBE_VALUE and waiting and not waiting[-1].startswith("-"):
        return waiting.pop()
    return None
