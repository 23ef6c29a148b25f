"""Load a spec: read the text, merge what differs per node, give every value its type, expand the shorthands.

All faults of all nodes are found in one go. Nothing here looks at a host.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from lvsctl.errors import Fault, Place, SpecInvalid, Usage
from lvsctl.spec.document import Document, read_file
from lvsctl.spec.faults import faults
from lvsctl.spec.merge import Merged, merged, per_node_faults
from lvsctl.spec.resolve import resolve
from lvsctl.spec.spec import Spec
from lvsctl.spec.suggest import suggest
from lvsctl.spec.typed import typed

ENOUGH = 100
"""Faults after which no more are told: nobody reads further."""

MOST_NODES = 16
"""Directors in one spec: two make a pair, some have spares; each costs a file and a verdict."""

NO_NODE = ""
"""The name under which a spec without ``nodes`` is resolved."""


@dataclass(frozen=True)
class Declared:
    """A spec that was accepted: for each node what it says there, typed, merged and with its shorthands expanded."""

    document: Document
    specs: Mapping[str, Spec]
    """Per node name, in the order of ``nodes``; a spec without nodes has one entry, under NO_NODE."""
    sources: Mapping[str, Merged]

    @cached_property
    def nodes(self) -> tuple[str, ...]:
        """The names of the nodes; empty when the spec has none."""
        return tuple(name for name in self.specs if name != NO_NODE)

    def spec(self, node: str) -> Spec:
        """Answer the resolved spec of *node*; raise Usage when there is no such node."""
        if not self.nodes:
            return self.specs[NO_NODE]
        if node not in self.specs:
            near = suggest(node, self.nodes)
            raise Usage(
                f"{self.document.file} has no node {node!r}" + (f"; did you mean {near!r}?" if near else ""),
                hint=f"name one with --node: {', '.join(self.nodes)}",
            )
        return self.specs[node]

    def place(self, node: str, path: Sequence[str | int]) -> Place:
        """Answer where the value at *path* of the resolved spec of *node* was typed."""
        source = self.sources[node]
        return source.place(typed(self.specs[node], tuple(path), node, source.data))


def read(file: str | Path) -> Declared:
    """Read and load the spec in *file* (``-``: standard input).

    Raises SpecInvalid with all faults; Denied or Unavailable when the file cannot be read.
    """
    return load(read_file(file))


def load(document: Document) -> Declared:
    """Give the values of *document* their types, for every node; raise SpecInvalid with all faults."""
    sources = {node: merged(document, node) for node in _node_names(document)}
    found = dict.fromkeys(per_node_faults(document))
    specs: dict[str, Spec] = {}
    for data, nodes in _alike(sources):
        try:
            spec = Spec.model_validate(data)
        except ValidationError as error:
            found.update(dict.fromkeys(faults(error, Spec, sources[nodes[0]])))
            if len(found) >= ENOUGH:
                break
        else:
            specs |= dict.fromkeys(nodes, spec)
    if found:
        raise SpecInvalid(sorted(found, key=lambda fault: fault.place)[:ENOUGH])
    return Declared(document, {node: resolve(specs[node], node) for node in sources}, sources)


def _alike(sources: Mapping[str, Merged]) -> list[tuple[dict[str, Any], list[str]]]:
    """Answer each different data once, with the nodes that have it: most nodes have the same."""
    found: list[tuple[dict[str, Any], list[str]]] = []
    for node, source in sources.items():
        for data, nodes in found:
            if data == source.data:
                nodes.append(node)
                break
        else:
            found.append((source.data, [node]))
    return found


def _node_names(document: Document) -> tuple[str, ...]:
    """Answer the names of the nodes, before anything has been typed."""
    nodes = document.data.get("nodes")
    if not isinstance(nodes, dict) or not nodes:
        return (NO_NODE,)
    if len(nodes) > MOST_NODES:
        place = document.place(("nodes",), key=True)
        message = f"expected the directors of one pair, at most {MOST_NODES} nodes, not {len(nodes)}"
        raise SpecInvalid([Fault(place, "nodes", message)])
    return tuple(nodes)
