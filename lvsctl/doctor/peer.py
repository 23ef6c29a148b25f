"""The two directors beside each other: what each says of itself, and where they differ.

Both documents are those of ``lvsctl doctor --json``; the other director's comes over ssh and is believed no further than
a text can be. Pure, but for :func:`facts`, which asks a :class:`~lvsctl.doctor.host.Host`.
"""

import hashlib
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

from lvsctl import __version__
from lvsctl.compose.render import render
from lvsctl.doctor.model import DIRECTOR, ERROR, NOTE, WARNING, Check, Finding, Found, Machine
from lvsctl.doctor.scripts import commands
from lvsctl.errors import LvsctlError, visible
from lvsctl.keepalived.config import Statement
from lvsctl.keepalived.parse import parse
from lvsctl.keepalived.program import dotted
from lvsctl.sorry.model import Phase

Facts = Mapping[str, Any]

SYNC_SYSCTLS: Final = (
    "sync_threshold",
    "sync_version",
    "sync_sock_size",
    "sync_ports",
    "conntrack",
    "sloppy_tcp",
)
AGREE: Final = (
    "virtual_router_id",
    "advert_int",
    "version",
    "nopreempt",
    "virtual_ipaddress",
    "virtual_ipaddress_excluded",
)
"""Words of a vrrp_instance that have to be the same on both directors."""

MOST_APART: Final = 5.0
"""Seconds that the clocks may differ by; ssh and the other examination take a part of it."""


def facts(machine: Machine) -> dict[str, Any]:
    """Answer what the other director may want to compare. What cannot be read is null."""
    host = machine.host
    return {
        "lvsctl": __version__,
        "keepalived": _or_none(lambda: dotted(program.version) if (program := host.keepalived()) else None),
        "kernel": host.release(),
        "spec": _or_none(lambda: _spec_hash(machine)),
        "vrrp": _or_none(lambda: vrrp(copy for each in host.daemons() if (copy := each.copy) is not None)),
        "sorry": _or_none(
            lambda: sorted(each.name for each in host.snapshots().snapshots if each.phase is Phase.ON)
        ),
        "sysctl": _or_none(lambda: {name: host.sysctl(f"net/ipv4/vs/{name}") for name in SYNC_SYSCTLS}),
        "scripts": _or_none(
            lambda: {path: _hash(host.text(path)) for path in commands(machine)} if machine.declared else {}
        ),
        "time": host.now(),
    }


def _or_none(ask: Callable[[], object]) -> object:
    with suppress(LvsctlError):
        return ask()
    return None


def _hash(text: str | None) -> str | None:
    return None if text is None else hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:16]


def _spec_hash(machine: Machine) -> str | None:
    """Answer a hash of what the spec renders for all nodes: comments and spelling do not count."""
    declared = machine.declared
    if declared is None:
        return None
    # The first line names the file, and carries a hash of the rest without its secrets.
    heads = [render(declared, node).text.partition("\n")[0].rpartition("(")[2] for node in declared.specs]
    return _hash("".join(heads))


def vrrp(copies: Iterable[str]) -> dict[str, dict[str, list[str]]]:
    """Answer the settings of every VRRP instance in the configurations that keepaliveds hold; no secret is among them."""
    return {
        " ".join(block.words[1:2]): _instance(block)
        for copy in copies
        for block in parse(copy).config
        if block.keyword == "vrrp_instance" and block.body is not None
    }


def _instance(block: Statement) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for each in block.body or ():
        if each.keyword in (*AGREE, "priority"):
            items = (
                [" ".join(line.words) for line in each.body]
                if each.body is not None
                else [" ".join(each.words[1:])]
            )
            found[each.keyword] = sorted([*found.get(each.keyword, []), *items])
    return found


Compares = Callable[[Facts, Facts], Iterable[Found]]

CHECKS: dict[str, tuple[Check, Compares]] = {}
"""The checks of a pair, by id."""


def _pair(name: str, severity: Any, title: str, *, why: str, remedy: str) -> Callable[[Compares], Compares]:
    def register(compares: Compares) -> Compares:
        CHECKS[name] = Check(name, severity, title, why, remedy, DIRECTOR, lambda _: ()), compares
        return compares

    return register


def compare(here: Facts, there: Facts) -> Iterator[Finding]:
    """Yield where two directors differ; *there* is not trusted."""
    for check, compares in CHECKS.values():
        for found in compares(here, there):
            yield check.finding(Found(visible(found.subject), visible(found.read), visible(found.remedy)))


def _text(value: object) -> str:
    return str(value)[:100]


def _dict(found: Facts, key: str) -> dict[str, Any]:
    value = found.get(key)
    return value if isinstance(value, dict) else {}


@_pair(
    "LVD900",
    WARNING,
    "Different releases on the two directors",
    why="What was tried on one of them is not what the other does at a failover: defaults and keywords change between releases.",
    remedy="Upgrade the other one; the backup first.",
)
def releases(here: Facts, there: Facts) -> Iterator[Found]:
    """Releases of lvsctl, keepalived and the kernel."""
    for word in ("lvsctl", "keepalived", "kernel"):
        if here.get(word) is not None and here.get(word) != there.get(word):
            yield Found(
                word,
                f"{_text(here[word])} here, {_text(there.get(word))} there",
                "apt upgrade, on the older of the two",
            )


@_pair(
    "LVD901",
    ERROR,
    "Different specs on the two directors",
    why="The pair is declared in one file: with two of them each director believes in another pair.",
    remedy="Copy the spec, and render on both.",
)
def specs(here: Facts, there: Facts) -> Iterator[Found]:
    """A hash of what the spec renders for every node; its comments do not count."""
    if here.get("spec") is not None and here.get("spec") != there.get("spec"):
        yield Found(
            "the spec",
            f"it renders {_text(here['spec'])} here, {_text(there.get('spec'))} there",
            "copy it to the other director; lvsctl render --reload on both",
        )


@_pair(
    "LVD902",
    ERROR,
    "VRRP settings that do not fit together",
    why="Directors with different settings do not hear each other: both become master, or the addresses are compared and the advertisement is dropped.",
    remedy="Render the same spec on both, and reload.",
)
def settings(here: Facts, there: Facts) -> Iterator[Found]:
    """What the running keepaliveds hold: router id, interval, version, nopreempt, addresses; and priorities that are equal."""
    theirs = _dict(there, "vrrp")
    for name, own in _dict(here, "vrrp").items():
        other = theirs.get(name)
        if not isinstance(other, dict):
            yield Found(
                f"vrrp_instance {name}",
                "the other director does not have it",
                "lvsctl render --reload on both",
            )
            continue
        for word in AGREE:
            if own.get(word) != other.get(word):
                yield Found(
                    f"vrrp_instance {name}",
                    f"{word}: {_text(own.get(word))} here, {_text(other.get(word))} there",
                    "lvsctl render --reload on both",
                )
        if own.get("priority") is not None and own.get("priority") == other.get("priority"):
            yield Found(
                f"vrrp_instance {name}",
                f"priority {_text(own['priority'][0])} on both",
                "give the nodes of the spec different priorities",
            )


@_pair(
    "LVD903",
    WARNING,
    "A sorry that is on at one director only",
    why="A sorry belongs to its director: after a failover visitors get the other answer.",
    remedy="lvsctl sorry on (or off) SERVICE --pair.",
)
def sorries(here: Facts, there: Facts) -> Iterator[Found]:
    """Sorries that somebody holds."""
    theirs = there.get("sorry")
    if isinstance(here.get("sorry"), list) and isinstance(theirs, list):
        own, other = set(map(_text, here["sorry"])), set(map(_text, theirs))
        for name in sorted(own ^ other):
            where = "here" if name in own else "there"
            yield Found(name, f"the sorry is on {where} only", f"lvsctl sorry on {shlex.quote(name)} --pair")


@_pair(
    "LVD904",
    WARNING,
    "Different IPVS settings on the two directors",
    why="The sync daemons understand each other only with the same settings, and a failover should change nothing for connections.",
    remedy="The same file in /etc/sysctl.d on both.",
)
def sysctls(here: Facts, there: Facts) -> Iterator[Found]:
    """Settings below net.ipv4.vs that the sync daemon and connections depend on."""
    theirs = _dict(there, "sysctl")
    for name, value in _dict(here, "sysctl").items():
        if name in theirs and theirs[name] != value:
            yield Found(
                f"net.ipv4.vs.{name}",
                f"{value} here, {_text(theirs[name])} there",
                "the same file in /etc/sysctl.d on both",
            )


@_pair(
    "LVD905",
    WARNING,
    "Different scripts on the two directors",
    why="The same name does different things, depending on who is master.",
    remedy="Copy the newer one; install scripts on both by the same package or playbook.",
)
def scripts(here: Facts, there: Facts) -> Iterator[Found]:
    """Programs that the rendered file names, by their content."""
    theirs = _dict(there, "scripts")
    for path, own in _dict(here, "scripts").items():
        if theirs and own != theirs.get(path):
            said = "it is missing there" if theirs.get(path) is None else "its content differs"
            yield Found(path, said, f"copy {path} to the other director")


@_pair(
    "LVD906",
    WARNING,
    "Clocks that differ",
    why="Logs of the two directors cannot be put side by side, and an end time of a sorry comes twice.",
    remedy="Keep both by NTP: timedatectl set-ntp true.",
)
def clocks(here: Facts, there: Facts) -> Iterator[Found]:
    """The time at the end of each examination, so a few seconds are let pass."""
    theirs = there.get("time")
    if isinstance(theirs, int | float) and abs(here["time"] - theirs) > MOST_APART:
        yield Found(
            "the clocks",
            f"they differ by {abs(here['time'] - theirs):.0f} s",
            "timedatectl set-ntp true, on both",
        )


@_pair(
    "LVD907",
    NOTE,
    "The other director has findings of its own",
    why="This examination is about this machine only.",
    remedy="ssh PEER lvsctl doctor.",
)
def its_own(_here: Facts, there: Facts) -> Iterator[Found]:
    """How many it has, notes left out."""
    count = there.get("findings")
    if isinstance(count, int) and count:
        yield Found(
            "the other director", f"it has {count} findings", "ssh to it, and run lvsctl doctor there"
        )
