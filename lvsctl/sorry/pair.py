"""The same command on the other director, over ssh: its own `lvsctl sorry … --json`, asked and believed no further.

No password is asked for and no host key accepted: root's (or the operator's) keys and known_hosts have to be in order,
because nobody wants to answer questions during an incident.
"""

import json
import os
import re
import shlex
from collections.abc import Mapping, Sequence
from contextlib import suppress
from ipaddress import ip_address
from typing import Any, Final, NamedTuple

from lvsctl.errors import Unavailable, Usage, visible
from lvsctl.host.run import Killed, run

_SSH: Final = ("ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "-o", "ServerAliveInterval=5")
_SSH_FAILED: Final = 255
_NOT_FOUND: Final = 127

MOST_SAID: Final = 16 * 2**20
"""Bytes that the other director may answer with."""
LONGEST_LINE: Final = 500

UNKNOWN, NO = 1, 2


class Peer(NamedTuple):
    """The other director."""

    node: str
    """Its name in the spec, or what ssh calls it."""
    host: str
    """What ssh is told to connect to."""


class Said(NamedTuple):
    """What the other director answered."""

    peer: Peer
    status: int
    """Its exit code; 69 when it could not be asked."""
    document: Mapping[str, Any]
    """Its JSON, empty when there was none."""
    story: str
    """What it told on standard error, or why it could not be asked; shown to nobody unescaped."""


def peers(addresses: Mapping[str, Sequence[str]], here: str, host: str | None) -> tuple[Peer, ...]:
    """Answer the other directors: *host* when it is given, else the other nodes of the spec with their addresses.

    Raises Usage when nothing says who they are.
    """
    if host is not None:
        named = called(host)
        bare = _canonical(named.rpartition("@")[2])
        known = {name: {name, *map(_canonical, own)} for name, own in addresses.items()}
        return (Peer(next((name for name, own in known.items() if bare in own), named), named),)
    others = tuple(Peer(name, own[0]) for name, own in addresses.items() if name != here and own)
    if not others:
        raise Usage(
            "--pair: the spec says no address of another node",
            hint="write it under `nodes`, or name what ssh connects to with --peer HOST",
        )
    return others


_PLAIN: Final = re.compile(r"""[^-\s'"`$;&<>|(){}*?!#~][^\s'"`$;&<>|(){}*?!#~]*""")
"""A user or a host: no dash first, which would be an option of ssh's or of a ProxyCommand's, and no sign that a shell
reads (CVE-2023-51385)."""


def called(host: str) -> str:
    """Answer what ssh is told for *host*, an alias, a name or an address, also ``USER@…``: IPv6 without its brackets.

    Raises Usage for what is no host.
    """
    user, at, name = host.rpartition("@")
    bare = name[1:-1] if name.startswith("[") and name.endswith("]") else name
    if not host.isprintable() or not all(map(_PLAIN.fullmatch, [user, bare] if at else [bare])):
        raise Usage(f"{host!r} is no host: expected what ssh connects to")
    return f"{user}{at}{bare}"


def _canonical(address: str) -> str:
    with suppress(ValueError):
        return str(ip_address(address))
    return address


def ask(peer: Peer, argv: Sequence[str], *, timeout: float) -> Said:
    """Run ``lvsctl`` with *argv* on *peer* and answer what it said. Raises nothing: a silent peer is an answer.

    The far shell gets *argv* as quoted words, so that no word of it is anything but an argument there.
    """
    command = shlex.join(["lvsctl", *argv])
    agent = os.environ.get("SSH_AUTH_SOCK")
    try:
        done = run(
            [*_SSH, "--", peer.host, command],
            timeout=timeout,
            env={"SSH_AUTH_SOCK": agent} if agent else None,
            most=MOST_SAID,
        )
    except Killed as error:
        return Said(peer, error.exit_code, {}, f"ssh {peer.host}: {error.why}")
    except Unavailable as error:
        return Said(peer, error.exit_code, {}, error.message)
    told = visible_lines(done.stderr)
    if done.status == _SSH_FAILED or done.status < 0:
        return Said(peer, Unavailable.exit_code, {}, f"ssh {peer.host}: {told or 'failed'}")
    if done.status == _NOT_FOUND:
        return Said(
            peer, Unavailable.exit_code, {}, f"{told or 'lvsctl: not found'} (is lvsctl on its PATH?)"
        )
    return Said(peer, done.status, _document(done.stdout), told)


def visible_lines(text: str) -> str:
    """Answer *text*, which somebody else wrote, as lines that a terminal only shows."""
    return "\n".join(visible(line[:LONGEST_LINE]) for line in text.strip().splitlines()[:100])


def _document(text: str) -> Mapping[str, Any]:
    """Answer the JSON object in *text*, below whatever a shell's start-up file has printed before it."""
    begins = 0 if text.startswith("{") else text.find("\n{") + 1
    try:
        found = json.loads(text[begins:])
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


_ADVICE: Final = (
    (
        "IDENTIFICATION HAS CHANGED",
        "its host key is another one than before: find out why; then ssh-keygen -R {name}, and connect once by hand",
    ),
    ("Host key verification failed", "connect once by hand as this user, and compare the key: ssh {host}"),
    ("Permission denied", "let this user's key in there (no password is asked for): ssh-copy-id {host}"),
    ("Could not resolve hostname", "name its address, or an alias of ~/.ssh/config"),
    (
        "(is lvsctl on its PATH?)",
        "install lvsctl there; one that is elsewhere needs a link in /usr/local/bin",
    ),
    ("No such command", "upgrade lvsctl there"),
    ("is no node of", "name it as the spec does, or by an address that the spec has"),
    ("there is no such file", "copy the spec to it, under the same name"),
)


def advice(said: Said) -> str:
    """Answer what to do about a peer that could not be asked."""
    found = next(
        (what for words, what in _ADVICE if words in said.story),
        "see that it works: ssh {host} lvsctl doctor",
    )
    return found.format(host=said.peer.host, name=said.peer.host.rpartition("@")[2])


def combined(here: int, others: Sequence[int]) -> int:
    """Answer the exit code for all: the first failure; unknown before no, no before yes."""
    codes = [here, *others]
    failures = [code for code in codes if code not in (0, NO)]
    if failures:
        return failures[0]
    return NO if NO in codes else 0
