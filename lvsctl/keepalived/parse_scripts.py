"""The words of a line whose value keepalived splits once more: commands, and regular expressions.

A command line is brought into the one spelling that every release of keepalived splits alike: arguments bare or in
single quotes. Lines are bytes as in :mod:`lvsctl.keepalived.parse_lexer`.

Source of the rules: notify_script_init() and set_script_params_array() of keepalived 2.2.7's lib/notify.c.
"""

from collections.abc import Iterable
from typing import NamedTuple

from lvsctl.keepalived.grammar import Keyword
from lvsctl.keepalived.parse_lexer import WHITE, split_escaped
from lvsctl.keepalived.parse_notes import Kind

_CRASHES = frozenset({"script", "misc_path"})
"""Keywords with which keepalived 2.2.7 does not survive a line that it cannot split."""

_ALONE = frozenset({"notify_deleted"})
"""Keywords that mean something without a command: only report it (vrrp_notify_deleted_handler)."""

_QUOTING = frozenset("\"'\\")


class Words(NamedTuple):
    """The words of such a line, none when keepalived drops it; and what is wrong with it."""

    words: tuple[str, ...]
    kind: Kind = Kind.IGNORED
    problem: str = ""


def words_of(keyword: Keyword, line: str) -> Words:
    """Answer the words of *line*, which begins with *keyword*."""
    if (words := split_escaped(line)) is None:
        crashes = keyword.name in _CRASHES
        what = "keepalived 2.2.7 crashes" if crashes else "keepalived drops it"
        return Words(
            (), Kind.FATAL if crashes else Kind.IGNORED, f"{keyword.name} has a quote left open: {what}"
        )
    if len(words) == 1 and keyword.name in _ALONE:
        return Words(words)
    if len(words) == 1:
        return Words(words, Kind.FATAL, f"{keyword.name} has no value: keepalived refuses to start")
    if not keyword.script:
        return Words(words)
    if not (argv := split_escaped(words[1])):
        return Words(
            (),
            Kind.IGNORED,
            f"the command of {keyword.name} is empty or has a quote left open: keepalived drops it",
        )
    command = words[1] if _QUOTING.isdisjoint(words[1]) else joined(argv) or words[1]
    return Words((words[0], command, *words[2:]))


def joined(argv: Iterable[str]) -> str:
    """Answer the command line that every release splits into *argv*; empty when there is none."""
    arguments = tuple(argv)
    if any("'" in argument or "\\" in argument for argument in arguments):
        return ""
    return " ".join(map(_quoted, arguments))


def _quoted(argument: str) -> str:
    safe = argument and not any(sign in argument for sign in WHITE + '"')
    return argument if safe else f"'{argument}'"
