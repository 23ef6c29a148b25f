"""Which file a keepalived reads, from the command line that started it.

Pure. The options are those of keepalived 2.2.7 (keepalived/core/main.c).
"""

from collections.abc import Iterator, Sequence

DEFAULT_CONFIG = "/etc/keepalived/keepalived.conf"
"""What Debian's keepalived reads without ``-f``."""

_VALUED = frozenset("uSfpisrcbA")
"""Short options with a value."""
_MAYBE_VALUED = frozenset("Mgt")
"""Short options whose value, if any, is attached."""
_LONG = {
    "use-file": "f",
    "umask": "u",
    "log-facility": "S",
    "pid": "p",
    "config-id": "i",
    "namespace": "s",
    "vrrp_pid": "r",
    "checkers_pid": "c",
    "bfd_pid": "b",
    "snmp-agent-socket": "A",
    "config-test": "t",
    "vrrp": "P",
}


def config_of(command: Sequence[str]) -> str | None:
    """Answer the file that a keepalived started with *command* reads; None for one that only tests it."""
    given = dict(_options(iter(command[1:])))
    return None if "t" in given else given.get("f", DEFAULT_CONFIG)


def config_id_of(command: Sequence[str]) -> str | None:
    """Answer what a keepalived started with *command* compares ``@word`` with; None: the name of its host."""
    return dict(_options(iter(command[1:]))).get("i")


def checks(command: Sequence[str]) -> bool:
    """Answer whether a keepalived started with *command* works on virtual servers: ``--vrrp`` alone leaves them out."""
    return "P" not in dict(_options(iter(command[1:])))


def _options(words: Iterator[str]) -> Iterator[tuple[str, str]]:
    for word in words:
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            letter = _LONG.get(name, "")
            yield letter, value if equals or letter not in _VALUED else next(words, "")
        elif word.startswith("-"):
            yield from _cluster(word[1:], words)


def _cluster(letters: str, words: Iterator[str]) -> Iterator[tuple[str, str]]:
    for at, letter in enumerate(letters, start=1):
        if letter in _VALUED:
            yield letter, letters[at:] or next(words, "")
            return
        yield letter, letters[at:]
        if letter in _MAYBE_VALUED:
            return
