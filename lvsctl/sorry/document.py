"""A snapshot as a JSON document and back. Tables in it are rules, as ``lvsctl ipvs save`` writes them. Pure.

Only what :func:`write` writes is read: the file is ours alone, so anything else in it is damage.
"""

from collections.abc import Mapping
from typing import Any, Final

from lvsctl.errors import LvsctlError
from lvsctl.ipvs import rules
from lvsctl.ipvs.model import Dest, DestKey, Service, VirtualServer
from lvsctl.sorry.model import Hold, Holder, Phase, Removal, Snapshot, Target, Way
from lvsctl.vocabulary import ServiceKey

VERSION: Final = 1
"""Raised when an older lvsctl would misread the document; a reader of a higher version migrates the lower ones."""


class Damaged(ValueError):
    """Not what :func:`write` writes."""


def write(snapshot: Snapshot) -> dict[str, Any]:
    """Answer *snapshot* as a JSON document."""
    key, target = snapshot.key, snapshot.target
    return {
        "version": VERSION,
        "service": str(key),
        "name": snapshot.name,
        "way": snapshot.way,
        "phase": snapshot.phase,
        "since": snapshot.since,
        "forced": snapshot.forced,
        "boot_id": snapshot.boot_id,
        "removal": snapshot.removal,
        "sorry": _lines(key, snapshot.service, {target.dest_key: target.dest}),
        "set_sysctl": target.set_sysctl,
        "before": _lines(key, snapshot.before.service, snapshot.before.dests),
        "meanwhile": _lines(key, snapshot.before.service, snapshot.meanwhile),
        "sysctls": dict(snapshot.sysctls),
        "holders": {holder: hold._asdict() for holder, hold in snapshot.holders.items()},
    }


def read(document: Mapping[str, Any]) -> Snapshot:
    """Read a document of this VERSION. Raises Damaged."""
    try:
        return _read(document)
    except (KeyError, TypeError, ValueError, AttributeError, LvsctlError) as error:
        raise Damaged(str(error)) from error


def _read(document: Mapping[str, Any]) -> Snapshot:
    key = ServiceKey.parse(document["service"])
    during = _server(key, document["sorry"])
    ((sorry, dest),) = during.dests.items()
    name = _text(document["name"])
    return Snapshot(
        key=key,
        name=name,
        way=Way(document["way"]),
        phase=Phase(document["phase"]),
        target=Target(key, name, sorry, dest, bool(document["set_sysctl"])),
        removal=Removal(document["removal"]),
        before=_server(key, document["before"]),
        service=during.service,
        holders={Holder(holder): _hold(hold) for holder, hold in document["holders"].items()},
        boot_id=_text(document["boot_id"]),
        meanwhile=_server(key, document["meanwhile"]).dests,
        sysctls={_text(name): int(value) for name, value in document["sysctls"].items()},
        since=float(document["since"]),
        forced=bool(document["forced"]),
    )


def _lines(key: ServiceKey, service: Service, dests: Mapping[DestKey, Dest]) -> list[str]:
    return rules.write({key: VirtualServer(service, dests)}).splitlines()


def _server(key: ServiceKey, lines: list[str]) -> VirtualServer:
    table = rules.read("\n".join(map(_text, lines)))
    if list(table) != [key]:
        raise Damaged(f"rules of another service than {key}")
    return table[key]


def _hold(hold: Mapping[str, Any]) -> Hold:
    until = hold["until"]
    return Hold(
        float(hold["since"]),
        _text(hold["reason"]),
        None if until is None else float(until),
        _text(hold["user"]),
        int(hold["pid"]),
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise Damaged(f"{value!r} is not a text")
    return value
