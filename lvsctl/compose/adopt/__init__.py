"""Adopt existing keepalived.conf files: one file, or one of each director, becomes a spec that means the same.

What cannot be carried is listed with file and line, never dropped silently. The result has `maintenance: off` and
`notify: none`, so rendering it gives keepalived exactly what it had; taking those out is the operator's next step.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from lvsctl.compose.adopt.arrange import arrange
from lvsctl.compose.adopt.decode import decoded
from lvsctl.compose.adopt.emit import yaml_text
from lvsctl.compose.adopt.flaws import flaws, ignored
from lvsctl.compose.adopt.heads import plain
from lvsctl.compose.adopt.lift import lift_checks
from lvsctl.compose.adopt.order import Declared
from lvsctl.compose.adopt.pair import merge
from lvsctl.compose.adopt.read import read_root
from lvsctl.compose.adopt.reading import Reading
from lvsctl.compose.adopt.settle import settle
from lvsctl.compose.rules import Finding
from lvsctl.errors import Fault, Place
from lvsctl.keepalived.config import Config, Origin
from lvsctl.keepalived.parse import Parsed
from lvsctl.keepalived.parse_notes import Kind
from lvsctl.spec.spec import Spec

Data = dict[str, Any]

RUNNING = frozenset({("vrrp_instance",), ("virtual_server",), ("bfd_instance",)})
"""What keepalived needs at least one of, to have anything to do."""


@dataclass(frozen=True)
class Adopted:
    """A spec made of existing files."""

    data: Data
    """As it would be typed: dict, list and str."""
    faults: tuple[Fault, ...]
    """What is not carried, or not as it was written, with file and line."""
    flaws: tuple[Finding, ...]
    """Rules that the files break and `render` would stop at: carried as they are, and listed under `ignore`."""
    comments: int
    """How many comments the files had; a spec cannot hold them where they were."""
    carried: int
    """How many statements are carried as they were, those of all files together."""
    text: str
    """The spec as YAML."""

    @property
    def says_something(self) -> bool:
        """Whether anything of the files is in the spec."""
        return bool(self.data.keys() - {"nodes", "notify"})

    @property
    def has_secrets(self) -> bool:
        """Whether a password stands in the spec itself."""
        return "auth_pass" in self.text


def adopt(files: Mapping[str, Parsed]) -> Adopted:
    """Make a spec of parsed files: of one, under the name "" when the spec needs no nodes, or of each director by name.

    Accepts whatever was parsed; raises nothing.
    """
    readings = {name: _read(parsed) for name, parsed in files.items()}
    merged = len(readings) > 1 or "" not in readings
    faults = {fault for reading in readings.values() for fault in reading.faults}
    if merged:
        faults |= set(_named_after_node(files, readings))
    data = _whole({name: reading.data for name, reading in readings.items()}, merged=merged)
    kept = flaws(data)
    if kept:
        data["ignore"] = ignored(kept)
    ordered = tuple(sorted(faults))
    comments = sum(parsed.comments for parsed in files.values())
    carried = sum(_untouched(parsed.config, ordered) for parsed in files.values())
    header = "".join(f"# {line}\n" for line in _header(files, data, ordered, comments))
    return Adopted(data, ordered, tuple(kept), comments, carried, header + "\n" + yaml_text(data))


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
    if not any(statement.words[:1] in RUNNING for statement in parsed.config):
        what = "no vrrp_instance, virtual_server or bfd_instance: keepalived has nothing to run"
        reading.faults.append(Fault(Place(parsed.files[0]), "", what))
    settle(reading)
    lift_checks(reading.data)
    return reading


def _named_after_node(files: Mapping[str, Parsed], readings: Mapping[str, Reading]) -> Iterator[Fault]:
    """Yield a fault for each node that left its router_id to keepalived, which takes the host's name."""
    for name, reading in readings.items():
        if "router_id" not in reading.data.get("global_defs", {}):
            what = f"no router_id: keepalived takes the name of the host; the spec writes {name}"
            yield Fault(Place(files[name].files[0]), f"nodes.{name}", what)


def _whole(datas: Mapping[str, Data], *, merged: bool) -> Data:
    for data in datas.values():
        for service in data.get("virtual_servers", {}).values():
            service["maintenance"] = "off"
    return {**arrange(merge(datas) if merged else datas[""]), "notify": "none"}


def _untouched(config: Config, faults: Sequence[Fault]) -> int:
    """Answer how many statements no fault names, neither them nor a block around them."""
    told = {(fault.place.file, fault.place.line) for fault in faults}

    def count(statements: Config) -> int:
        kept = [each for each in statements if not (isinstance(each.source, Origin) and each.source in told)]
        return sum(count(each.body) if each.body else 1 for each in kept)

    return count(config)


def _header(files: Mapping[str, Parsed], data: Data, faults: Sequence[Fault], comments: int) -> Iterator[str]:
    names = ", ".join(dict.fromkeys(file for parsed in files.values() for file in parsed.files))
    yield f"Made by `lvsctl import` from {_clean(names)}."
    yield "It renders to what keepalived has now. Next: take out `maintenance: off` and `notify: none`, and see"
    yield "what that adds:  lvsctl render --check -o /etc/keepalived/keepalived.conf THIS_FILE"
    if "'auth_pass'" in str(data):
        yield "It holds passwords: move each into a file of its own, `auth_pass: {file: /etc/lvsctl/NAME.conf}`."
    if comments:
        yield f"{comments} comment{'s' * (comments > 1)} of the original stay{'s' * (comments == 1)} there."
    if faults:
        yield "Not carried, or not as it was written:"
    for fault in faults:
        yield f"  {_clean(str(fault))}"


def _clean(text: str) -> str:
    """Keep text of a file that may say anything inside the comment it stands in."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]", "?", text)
