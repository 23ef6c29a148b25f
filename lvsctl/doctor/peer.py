"""The two directors beside each other: what each says of itself, and where they differ.

Both documents are those of ``lvsctl doctor --json``; the other director's comes over ssh and is believed no further than
a text can be. Pure, but for :func:`facts`, which asks a :class:`~lvsctl.doctor.host.Host`.
"""

import hashlib
import json
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import islice
from typing import Any, Final

from lvsctl import __version__
from lvsctl.compose.render import render
from lvsctl.doctor.host import Host
from lvsctl.doctor.keepalived import parsed
from lvsctl.doctor.model import DIRECTOR, ERROR, NOTE, WARNING, Check, Finding, Found, Machine, Unread
from lvsctl.doctor.peer_vrrp import differences
from lvsctl.doctor.scripts import commands
from lvsctl.errors import LvsctlError, visible
from lvsctl.keepalived.config import Config, Statement
from lvsctl.keepalived.program import dotted
from lvsctl.keepalived.secrets import MASK, masked
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
TOLD: Final = (
    "virtual_router_id",
    "advert_int",
    "version",
    "priority",
    "nopreempt",
    "virtual_ipaddress",
    "virtual_ipaddress_excluded",
    "unicast_src_ip",
    "unicast_peer",
)
"""Words of a vrrp_instance that the facts have; auth_type stands with them."""

MOST_FOUND: Final = 100
"""Findings of one check; the other director may tell of as many differences as it likes."""

MOST_APART: Final = 2.0
"""Seconds that the clocks may certainly differ by."""


def facts(machine: Machine) -> dict[str, Any]:
    """Answer what the other director may want to compare. What cannot be read is null."""
    host = machine.host
    return {
        "lvsctl": __version__,
        "keepalived": _or_none(lambda: dotted(program.version) if (program := host.keepalived()) else None),
        "kernel": host.release(),
        "boot": _or_none(lambda: (host.text("/proc/sys/kernel/random/boot_id") or "").strip() or None),
        "truth": None if machine.declared is None else "keepalived.conf" if machine.adoption else "spec",
        "spec": _or_none(lambda: _spec_hash(machine)),
        "vrrp": _or_none(lambda: vrrp(_configurations(host))),
        "sorry": _or_none(
            lambda: sorted(each.name for each in host.snapshots().snapshots if each.phase is Phase.ON)
        ),
        "sysctl": _or_none(lambda: {name: host.sysctl(f"net/ipv4/vs/{name}") for name in SYNC_SYSCTLS}),
        "scripts": _or_none(
            lambda: {path: _hash(host.text(path)) for path in commands(machine)} if machine.declared else {}
        ),
        "time": host.now(),
    }


def _configurations(host: Host) -> Iterator[str]:
    """Yield what each keepalived holds; what its file says where it keeps no copy (before 2.1)."""
    for each in host.daemons():
        text = each.copy if each.copy is not None else host.text(each.config)
        if text is not None:
            yield text


def _or_none(ask: Callable[[], object]) -> object:
    with suppress(LvsctlError):
        return ask()
    return None


def _hash(text: str | None) -> str | None:
    return None if text is None else hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:16]


def _spec_hash(machine: Machine) -> str | None:
    """Answer a hash of what the spec says for all nodes, without its secrets: comments and spelling do not count."""
    declared = machine.declared
    if declared is None or machine.adoption is not None:
        return None
    # What keepalived gets is in the first line of what is rendered, as a hash of the rest; its order counts.
    heads = [render(declared, node).text.partition("\n")[0].rpartition("(")[2] for node in declared.specs]
    told = [_unsecret(spec.model_dump()) for spec in declared.specs.values()]
    return _hash(json.dumps([heads, told], default=str, sort_keys=True))


def _unsecret(value: object) -> object:
    match value:
        case dict():
            return {str(key): MASK if key in SECRETS else _unsecret(each) for key, each in value.items()}
        case list() | tuple():
            return [_unsecret(each) for each in value]
        case str():
            return masked(value)
        case _:
            return value


SECRETS: Final = frozenset({"auth_pass", "password"})
"""Fields that a hash could betray, short as they are."""


def vrrp(copies: Iterable[str]) -> dict[str, dict[str, list[str]]]:
    """Answer the settings of every VRRP instance in the configurations that keepaliveds hold; no secret is among them."""
    found: dict[str, dict[str, list[str]]] = {}
    for copy in copies:
        config = parsed(copy)
        version = next((each.words[1] for each in _global(config) if each.keyword == "vrrp_version"), None)
        for block in config:
            if block.keyword == "vrrp_instance" and block.body is not None:
                own = _instance(block.body)
                found[" ".join(block.words[1:2])] = ({"version": [version]} if version else {}) | own
    return found


def _global(config: Config) -> Iterator[Statement]:
    for block in config:
        if block.keyword == "global_defs":
            yield from (each for each in block.body or () if len(each.words) > 1)


def _instance(body: Config) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for each in body:
        if each.keyword == "authentication":
            kinds = [
                line.words[1]
                for line in each.body or ()
                if line.words[:1] == ("auth_type",) and line.words[1:]
            ]
            found["auth_type"] = kinds[-1:]
        elif each.keyword in TOLD and each.body is not None:
            lines = [" ".join(line.words) for line in each.body]
            found[each.keyword] = sorted([*found.get(each.keyword, []), *lines])
        elif each.keyword in TOLD:
            found[each.keyword] = [" ".join(each.words[1:])]
    return found


Compares = Callable[[Facts, Facts], Iterable[Found]]

CHECKS: dict[str, tuple[Check, Compares]] = {}
"""The checks of a pair, by id."""

NEEDED: dict[str, tuple[str, type]] = {}
"""The fact, and its form, that both directors have to tell for a check to be made, by its id."""


def _pair(
    name: str, severity: Any, title: str, *, why: str, remedy: str, needs: tuple[str, type] | None = None
) -> Callable[[Compares], Compares]:
    def register(compares: Compares) -> Compares:
        CHECKS[name] = Check(name, severity, title, why, remedy, DIRECTOR, lambda _: ()), compares
        if needs:
            NEEDED[name] = needs
        return compares

    return register


def compare(here: Facts, there: Facts) -> Iterator[Finding]:
    """Yield where two directors differ, as far as both tell; *there* is not trusted."""
    left = {name for each in unknown(here, there) for name in each.checks}
    for name, (check, compares) in CHECKS.items():
        if name not in left:
            for found in islice(compares(here, there), MOST_FOUND):
                shown = found._replace(
                    subject=visible(found.subject), read=visible(found.read), remedy=visible(found.remedy)
                )
                yield check.finding(shown)


def unknown(here: Facts, there: Facts) -> Iterator[Unread]:
    """Yield the checks of a pair that cannot be made, because one of the two does not tell what they need."""
    for name, (word, form) in NEEDED.items():
        if not _is(here.get(word), form):
            yield Unread((name,), f"{word} could not be read here", "run lvsctl as root")
        elif word not in there:
            release = visible(_text(there.get("lvsctl")))
            yield Unread((name,), f"lvsctl {release} there does not tell {word}", "upgrade it")
        elif not _is(there[word], form):
            yield Unread(
                (name,), f"{word} could not be read there", "let ssh log in as root: --peer root@HOST"
            )


def _is(value: object, form: type) -> bool:
    return isinstance(value, form) or (form is float and isinstance(value, int))


def _text(value: object) -> str:
    return "none" if value is None else str(value)[:100]


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
        if here.get(word) != there.get(word):
            yield Found(
                word,
                f"{_text(here.get(word))} here, {_text(there.get(word))} there",
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
    """A hash of what the spec says for every node, passwords left out; its comments do not count."""
    own, other = here.get("spec"), there.get("spec")
    if own is not None and other is not None:
        said = f"its content is {_text(own)} here, {_text(other)} there"
    else:
        said = f"there is {_source(here)} here, {_source(there)} there"
    if own != other and _source(here) and _source(there):
        yield Found("the spec", said, "copy it to the other director; lvsctl render --reload on both")


def _source(found: Facts) -> str:
    """Answer what a director goes by; empty when it does not tell, or could not read it."""
    if found.get("spec") is not None:
        return "a spec"
    known = {"keepalived.conf": "only a keepalived.conf", None: "none"}
    told = found.get("truth", "")
    return known.get(told, "") if told is None or isinstance(told, str) else ""


@_pair(
    "LVD902",
    ERROR,
    "VRRP settings that do not fit together",
    why="Directors with different settings do not hear each other: both become master, or the addresses are compared and the advertisement is dropped.",
    remedy="Render the same spec on both, and reload; without a spec, correct keepalived.conf.",
    needs=("vrrp", dict),
)
def settings(here: Facts, there: Facts) -> Iterator[Found]:
    """What the running keepaliveds hold: router id, interval, version, way of authentication, addresses, unicast peers; and priorities that are equal."""
    mend = (
        "lvsctl render --reload on both"
        if here.get("spec")
        else "correct keepalived.conf on one of them; keepalived -t && systemctl reload keepalived"
    )
    for subject, said, severity in differences(_dict(here, "vrrp"), _dict(there, "vrrp")):
        yield Found(subject, said, mend, severity)


@_pair(
    "LVD903",
    WARNING,
    "A sorry that is on at one director only",
    why="A sorry belongs to its director: after a failover visitors get the other answer.",
    remedy="lvsctl sorry on (or off) SERVICE --pair.",
    needs=("sorry", list),
)
def sorries(here: Facts, there: Facts) -> Iterator[Found]:
    """Sorries that somebody holds."""
    own, other = set(map(_text, here["sorry"])), set(map(_text, there["sorry"]))
    for name in sorted(own ^ other):
        where = "here" if name in own else "there"
        yield Found(name, f"the sorry is on {where} only", f"lvsctl sorry on {shlex.quote(name)} --pair")


@_pair(
    "LVD904",
    WARNING,
    "Different IPVS settings on the two directors",
    why="The sync daemons understand each other only with the same settings, and a failover should change nothing for connections.",
    remedy="The same file in /etc/sysctl.d on both.",
    needs=("sysctl", dict),
)
def sysctls(here: Facts, there: Facts) -> Iterator[Found]:
    """Settings below net.ipv4.vs that the sync daemon and connections depend on."""
    theirs = _dict(there, "sysctl")
    for name, value in _dict(here, "sysctl").items():
        if name in theirs and theirs[name] != value:
            yield Found(
                f"net.ipv4.vs.{name}",
                f"{_text(value)} here, {_text(theirs[name])} there",
                "the same file in /etc/sysctl.d on both",
            )


@_pair(
    "LVD905",
    WARNING,
    "Different scripts on the two directors",
    why="The same name does different things, depending on who is master.",
    remedy="Copy the newer one; install scripts on both by the same package or playbook.",
    needs=("scripts", dict),
)
def scripts(here: Facts, there: Facts) -> Iterator[Found]:
    """Programs that both keepalived.confs name, by their content."""
    theirs = _dict(there, "scripts")
    for path, own in _dict(here, "scripts").items():
        if theirs and own != theirs.get(path):
            said = "it is missing there" if theirs.get(path) is None else "its content differs"
            yield Found(path, said, f"copy {shlex.quote(path)} to the other director")


@_pair(
    "LVD906",
    WARNING,
    "Clocks that differ",
    why="Logs of the two directors cannot be put side by side, and an end time of a sorry comes twice.",
    remedy="Keep both by NTP: timedatectl set-ntp true.",
    needs=("time", float),
)
def clocks(here: Facts, there: Facts) -> Iterator[Found]:
    """The other's clock at the beginning and the end of its examination, between the moments when it was asked and had answered: what ssh and the examination take is no difference."""
    end, began = there["time"], there.get("began")
    if not isinstance(began, int | float):
        began = end
    if not all(abs(each) < BEYOND for each in (began, end)):
        yield Found("the clocks", "the time there makes no sense", "timedatectl set-ntp true, on both")
        return
    ahead = end - here.get("answered", here["time"])
    behind = here.get("asked", here["time"]) - began
    if (least := max(ahead, behind)) > MOST_APART:
        which = "ahead" if ahead > behind else "behind"
        yield Found(
            "the clocks",
            f"the other one is at least {least:.0f} s {which}",
            "timedatectl set-ntp true, on both",
        )


BEYOND: Final = 1e12
"""Seconds since 1970 that no clock shows."""


@_pair(
    "LVD907",
    NOTE,
    "The other director has findings of its own",
    why="This examination is about this machine only.",
    remedy="ssh PEER lvsctl doctor.",
    needs=("findings", int),
)
def its_own(_here: Facts, there: Facts) -> Iterator[Found]:
    """How many it has, notes left out."""
    if count := there["findings"]:
        told = f"it has {_text(count)} finding{'s'[: count != 1]}"
        yield Found("the other director", told, "ssh to it, and run lvsctl doctor there")
