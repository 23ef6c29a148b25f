"""Adopt existing keepalived.conf files: one file, or one of each director, becomes a spec that means the same.

What cannot be carried is listed with file and line, never dropped silently. The result has `maintenance: off` and
`notify: none`, so rendering it gives keepalived exactly what it had; taking those out is the operator's next step.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from lvsctl.compose.adopt.decode import decoded
from lvsctl.compose.adopt.emit import yaml_text
from lvsctl.compose.adopt.heads import plain
from lvsctl.compose.adopt.lift import lift_checks
from lvsctl.compose.adopt.order import Declared
from lvsctl.compose.adopt.pair import merge
from lvsctl.compose.adopt.read import read_root
from lvsctl.compose.adopt.reading import Reading
from lvsctl.compose.adopt.settle import settle
from lvsctl.errors import Fault
from lvsctl.keepalived.parse import Parsed
from lvsctl.keepalived.parse_notes import Kind
from lvsctl.spec.spec import Spec

Data = dict[str, Any]


@dataclass(frozen=True)
class Adopted:
    """A spec made of existing files."""

    data: Data
    """As it would be typed: dict, list and str."""
    faults: tuple[Fault, ...]
    """What is not carried, or not as it was written, with file and line."""
    comments: int
    """How many comments the files had; a spec cannot hold them where they were."""
    text: str
    """The spec as YAML."""


def adopt(files: Mapping[str, Parsed]) -> Adopted:
    """Make a spec of parsed files: one alone, or those of several directors by node name."""
    readings = {name: _read(parsed) for name, parsed in files.items()}
    data = _whole({name: reading.data for name, reading in readings.items()})
    faults = tuple(sorted(fault for reading in readings.values() for fault in reading.faults))
    comments = sum(parsed.comments for parsed in files.values())
    header = "".join(f"# {line}\n" for line in _header(files, faults, comments))
    return Adopted(data, faults, comments, header + yaml_text(data))


def node_names(files: Sequence[str], configs: Sequence[Parsed]) -> tuple[str, ...]:
    """Name the nodes: by router_id where those differ, else by what the file names differ in, else by number."""
    ids = tuple(plain(_router_id(parsed)) for parsed in configs)
    if "unnamed" not in ids and len(set(ids)) == len(ids):
        return ids
    for names in zip(
        *([PurePath(file).stem, *reversed(PurePath(file).parts[:-1])] for file in files), strict=False
    ):
        if len(set(names)) == len(names):
            return tuple(plain(name) for name in names)
    return tuple(f"node{number}" for number in range(1, len(files) + 1))


def _router_id(parsed: Parsed) -> str:
    for statement in parsed.config:
        if statement.words[:1] == ("global_defs",):
            for each in statement.body or ():
                if each.words[:1] == ("router_id",) and len(each.words) > 1:
                    return each.words[1]
    return ""


def _read(parsed: Parsed) -> Reading:
    reading = Reading(Declared(parsed.config))
    read_root(Spec, decoded(parsed.config, reading), reading)
    reading.faults += [note.fault for note in parsed.notes if note.kind is not Kind.RESOLVED]
    settle(reading)
    lift_checks(reading.data)
    return reading


def _whole(datas: Mapping[str, Data]) -> Data:
    data = merge(datas) if len(datas) > 1 else next(iter(datas.values()))
    for services in [data.get("virtual_servers", {}), *_per_node(data)]:
        for service in services.values():
            service["maintenance"] = "off"
    return {**data, "notify": "none"}


def _per_node(data: Data) -> Iterator[Data]:
    for rest in data.get("per_node", {}).values():
        yield {
            name: each
            for name, each in rest.get("virtual_servers", {}).items()
            if "address" in each or "fwmark" in each or "group" in each
        }


def _header(files: Mapping[str, Parsed], faults: Sequence[Fault], comments: int) -> Iterator[str]:
    names = ", ".join(dict.fromkeys(file for parsed in files.values() for file in parsed.files))
    yield f"Made by `lvsctl import` from {_clean(names)}."
    yield "It renders to what keepalived has now. Next: take out `maintenance: off` and `notify: none`, and see"
    yield "what that adds:  lvsctl render --check -o /etc/keepalived/keepalived.conf THIS_FILE"
    if comments:
        yield f"{comments} comments stay behind in the original."
    if faults:
        yield "Not carried, or not as it was written:"
    for fault in faults:
        yield f"  {_clean(str(fault))}"


def _clean(text: str) -> str:
    """Keep text of a file that may say anything inside the comment it stands in."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff\ud800-\udfff]", "?", text)
