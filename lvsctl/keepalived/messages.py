"""What ``keepalived -t`` says about a configuration, as values.

Pure: text in, messages out. It neither starts keepalived nor knows where a line of the file came from.
"""

import re
from typing import NamedTuple


class Message(NamedTuple):
    """One complaint of keepalived's parser."""

    line: int | None
    """Line of the judged text, from 1; None where keepalived does not say."""
    subject: str | None
    """What it is about when keepalived names it: ``VI_1``, ``[10.0.0.1]:tcp:80``; else None."""
    text: str
    """The complaint without the position."""

    def __str__(self) -> str:
        return f"line {self.line}: {self.text}" if self.line else self.text


_LINED = re.compile(r"\((?:(?P<file>.+): )?Line (?P<line>\d+)\) (?P<text>.*)")


def messages(stderr: str) -> tuple[Message, ...]:
    """Parse what ``keepalived -t`` wrote to standard error: each complaint once, in the order of appearance."""
    return tuple(dict.fromkeys(_message(line) for line in stderr.splitlines() if line.strip()))


def _message(line: str) -> Message:
    if found := _LINED.fullmatch(line):
        return Message(int(found["line"]), None, found["text"])
    return Message(None, None, line)
