"""Which services ``lvsctl sorry`` is about: those of the spec, those that a snapshot remembers, those named by address."""

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lvsctl.cli.options import DEFAULT_SPEC
from lvsctl.cli.output import say
from lvsctl.errors import Invalid, LvsctlError, Usage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from lvsctl.compose.sorry_targets import Switchable
    from lvsctl.ipvs import ServiceKey
    from lvsctl.sorry.model import Snapshot
    from lvsctl.sorry.preflight import Candidate


class Subject(NamedTuple):
    """One service in the kernel, and what is known of its sorry."""

    name: str
    key: "ServiceKey"
    candidate: "Candidate | None" = None
    """What it would be switched to; None where only a snapshot knows it."""
    owner: str | None = None
    """Who should own it by the spec; None without one."""
    snapshot: "Snapshot | None" = None
    """What it was, while a sorry is on."""


class Known(NamedTuple):
    """What the spec says, as far as there is one."""

    services: "Mapping[str, Switchable]"
    node: str
    addresses: "Mapping[str, Sequence[str]]"
    """Of each node, for --pair."""
    spec: str
    """The file that was read; empty when there was none."""


NOTHING = Known({}, "", {}, "")


def known(spec: str | None, node: str, *, set_sysctl: bool = False, needed: bool = True) -> Known:
    """Read the spec, if there is one. A spec that was named has to be there; the default one need not.

    Unless it is *needed*, a spec that makes no sense is only told about: the snapshots are enough to go back.
    """
    file = spec or DEFAULT_SPEC
    if spec is None and not Path(file).exists():
        return NOTHING
    try:
        return _read(file, node, set_sysctl=set_sysctl)
    except LvsctlError as error:
        if needed:
            raise
        why = error.faults[0] if isinstance(error, Invalid) else error.message
        say(f"the spec cannot be used ({why}): only services whose sorry is on are known")
        return NOTHING


def _read(file: str, node: str, *, set_sysctl: bool) -> Known:
    from lvsctl.cli.render import chosen
    from lvsctl.compose.sorry_targets import switchable
    from lvsctl.spec.load import read

    declared = read(file)
    name = chosen(declared, node)
    spec = declared.spec(name)
    addresses = {each: [str(address) for address in own.address] for each, own in spec.nodes.items()}
    return Known(switchable(spec, name, set_sysctl=set_sysctl), name, addresses, file)


class Remembered(NamedTuple):
    """The snapshots that can be used, and whether there are others."""

    snapshots: "tuple[Snapshot, ...]"
    whole: bool


def remembered(netns: str | None) -> Remembered:
    """Read the snapshots; those that cannot be used are told, with what to do."""
    from lvsctl.sorry.journal import Journal

    found = Journal(netns=netns).all()
    for fault in found.faults:
        say(fault.message + (f"\n  {fault.hint}" if fault.hint else ""))
    return Remembered(tuple(found.snapshots.values()), not found.faults)


def subjects(what: Known, snapshots: "Sequence[Snapshot]") -> "list[Subject]":
    """Answer every service that the spec or a snapshot knows."""
    left = {each.key: each for each in snapshots}
    found = [
        Subject(name, each.target.key, each, service.owner, left.pop(each.target.key, None))
        for name, service in what.services.items()
        for each in service.candidates
    ]
    return found + [Subject(each.name, each.key, None, None, each) for each in left.values()]


def selected(
    everything: "Sequence[Subject]", patterns: "Sequence[str]", *, every: bool, more: "Iterable[str]" = ()
) -> "list[Subject]":
    """Answer the services that *patterns* mean, or every one. *more* are names that are known, but lead to nothing.

    A service by address that nobody knows comes back as such. Raises Usage for names that nobody has.
    """
    from lvsctl.sorry.choose import choose

    named: dict[str, list[Subject]] = {}
    for each in everything:
        named.setdefault(each.name, []).append(each)
    names = dict.fromkeys([*named, *more]) if patterns else named
    chosen = choose(patterns, names, every=every)
    by_key = {each.key: each for each in everything}
    found = [each for name in chosen.names for each in named.get(name, ())]
    found += [by_key.get(key, Subject(str(key), key)) for key in chosen.keys]
    return list({each.key: each for each in found}.values())


def to_switch_on(
    what: Known,
    snapshots: "Sequence[Snapshot]",
    patterns: "Sequence[str]",
    *,
    every: bool,
    sorry: str | None,
    method: str,
    set_sysctl: bool,
) -> "list[Subject]":
    """Answer what to switch on, each with its candidate. Raises Usage where that is not known."""
    for name in patterns:
        if name in what.services and (why := what.services[name].why_not):
            raise Usage(f"{name}: {why}")
    chosen = selected(subjects(what, snapshots), patterns, every=every, more=what.services)
    for name in _left_out(what, patterns):
        say(f"{name}: left out: {what.services[name].why_not}")
    found = [
        each if each.candidate else _without_spec(each, sorry, method, set_sysctl=set_sysctl)
        for each in chosen
    ]
    if sorry is not None and (not chosen or any(each.candidate for each in chosen)):
        raise Usage("--sorry is for services that no spec knows; those of the spec have their sorry_server")
    if not found and not what.services:
        raise Usage(
            f"no service is known: {what.spec} has none"
            if what.spec
            else f"no service is known: there is no {DEFAULT_SPEC}",
            hint="name the spec with --spec; or a service by address: tcp/ADDR:PORT --sorry ADDR:PORT",
        )
    if not found:
        raise Usage(
            "none of them has a sorry server", hint="write `sorry_server: {}` in virtual servers of the spec"
        )
    return found


def _left_out(what: Known, patterns: "Sequence[str]") -> "Iterator[str]":
    from fnmatch import fnmatchcase

    for name, service in what.services.items():
        if service.why_not and any(fnmatchcase(name, each) for each in patterns):
            yield name


def _without_spec(subject: Subject, sorry: str | None, method: str, *, set_sysctl: bool) -> Subject:
    from lvsctl.compose.sorry_targets import HTTPS
    from lvsctl.ipvs import Dest, DestKey, ForwardingMethod
    from lvsctl.sorry.model import Target
    from lvsctl.sorry.preflight import Candidate

    key = subject.key
    if sorry is None and subject.snapshot is not None:
        return subject._replace(candidate=Candidate(subject.snapshot.target, tls=key.port == HTTPS))
    if sorry is None:
        raise Usage(
            f"{key} is no service of the spec, so it needs --sorry ADDR:PORT",
            hint="an own address of this node that is not loopback, where `lvsctl sorry serve` listens",
        )
    if method.upper() not in ("NAT", "DR", "TUN"):
        raise Usage(f"--sorry-method: expected NAT, DR or TUN, not {method!r}")
    how = ForwardingMethod(method.upper())
    try:
        dest_key = DestKey.parse(sorry)
    except ValueError as error:
        raise Usage(f"--sorry: {error}") from error
    if how is not ForwardingMethod.NAT and key.port:
        # The kernel keeps the client's port, whatever is written; keepalived lists it so, too.
        dest_key = dest_key._replace(port=key.port)
    target = Target(key, str(key), dest_key, Dest(how, 1), set_sysctl)
    return subject._replace(candidate=Candidate(target, tls=key.port == HTTPS))
