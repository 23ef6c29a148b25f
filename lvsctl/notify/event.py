"""What can have happened, and how a record of the spool and a line of keepalived's FIFO say it. Pure.

An event is a hint: it says that somebody should look, and who is meant. What is true is asked before anything is
changed.
"""

import json
from dataclasses import dataclass
from typing import Any

STATES = ("MASTER", "BACKUP", "FAULT", "STOP", "DELETED")
"""The states of an instance or a group that keepalived tells of (vrrp_notify.c)."""

PRIORITY_CHANGES = ("MASTER_PRIORITY", "BACKUP_PRIORITY")
LOWER_PRIORITY_SEEN = "MASTER_RX_LOWER_PRI"

RECORD_LIMIT = 4096
"""Bytes of a record or a line; keepalived's names make at most a few hundred."""

LONGEST_NAME = 255
MAX_PRIORITY = 255


class Malformed(ValueError):
    """It is no record of ours, or no line of keepalived's."""


@dataclass(frozen=True, slots=True)
class Transition:
    """An instance (or sync group) is in a state."""

    name: str
    state: str
    priority: int | None = None
    """Effective; 0 for a group, None when nobody said."""
    is_group: bool = False


@dataclass(frozen=True, slots=True)
class LowerPrioritySeen:
    """A master has heard an advert of lower priority: somebody else may have taken the address meanwhile."""

    name: str


@dataclass(frozen=True, slots=True)
class PriorityChanged:
    """The priority of an instance is another one; its state is not."""

    name: str
    priority: int


@dataclass(frozen=True, slots=True)
class Quorum:
    """A virtual server, by its name in the spec, has lost its quorum or has it again."""

    name: str
    up: bool


Event = Transition | LowerPrioritySeen | PriorityChanged | Quorum


def from_record(data: bytes) -> Event:
    """Answer the event of one file of the spool. Malformed says why it is none."""
    if len(data) > RECORD_LIMIT:
        raise Malformed(f"longer than {RECORD_LIMIT} bytes")
    try:
        fields = json.loads(data)
    except (ValueError, RecursionError):
        raise Malformed("not JSON") from None
    if not isinstance(fields, dict) or fields.get("version") != 1:
        raise Malformed("not a record of version 1")
    name = _name(fields.get("name"))
    match fields.get("event"):
        case "notify":
            is_group = _one_of(("INSTANCE", "GROUP"), fields.get("type")) == "GROUP"
            return Transition(
                name, _one_of(STATES, fields.get("state")), _priority(fields.get("priority")), is_group
            )
        case "notify_master_rx_lower_pri":
            return LowerPrioritySeen(name)
        case "quorum_up" | "quorum_down" as event:
            return Quorum(name, up=event == "quorum_up")
        case other:
            raise Malformed(f"unknown event {other!r:.40}")


def from_line(line: bytes) -> Event | None:
    """Answer the event of one FIFO line, such as ``INSTANCE "VI_1" MASTER 150``.

    None for what a FIFO shared with the checker may say of virtual and real servers, and for an empty line.
    Newer keepalived end records with NUL, which is stripped. Malformed says what is wrong.
    """
    if len(line) > RECORD_LIMIT:
        raise Malformed(f"longer than {RECORD_LIMIT} bytes")
    text = line.strip(b"\0\n ").decode(errors="surrogateescape")
    if not text or text.startswith(("VS ", "RS ")):
        return None
    kind, _, rest = text.partition(' "')
    name, closed, end = rest.rpartition('" ')
    words = end.split()
    if kind not in ("INSTANCE", "GROUP") or not closed or len(words) != 2:  # noqa: PLR2004 - state and priority
        raise Malformed("not a line of keepalived's")
    state, priority = words[0], _priority(_digits(words[1]))
    if state == LOWER_PRIORITY_SEEN:
        return LowerPrioritySeen(_name(name))
    if state in PRIORITY_CHANGES and priority is not None:
        return PriorityChanged(_name(name), priority)
    return Transition(_name(name), _one_of(STATES, state), priority, kind == "GROUP")


def _name(value: Any) -> str:
    if not isinstance(value, str) or not value.isprintable() or '"' in value:
        raise Malformed("no name")
    if not 0 < len(value.encode(errors="replace")) <= LONGEST_NAME:
        raise Malformed(f"a name that is not 1 to {LONGEST_NAME} bytes long")
    return value


def _one_of(words: tuple[str, ...], value: Any) -> str:
    if value not in words:
        raise Malformed(f"neither {' nor '.join(words)}: {value!r:.40}")
    return str(value)


def _priority(value: Any) -> int | None:
    if value is None or (type(value) is int and 0 <= value <= MAX_PRIORITY):
        return value
    raise Malformed(f"no priority: {value!r:.40}")


def _digits(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 4):  # noqa: PLR2004 - digits of a byte
        raise Malformed(f"no priority: {text!r:.40}")
    return int(text)
