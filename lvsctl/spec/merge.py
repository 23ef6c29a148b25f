"""What one node's spec says: the common part with ``per_node`` merged into it.

A mapping is merged into a mapping, key by key; null removes the key; anything else, lists too, replaces what was
there. That is JSON Merge Patch (RFC 7386). Which keys make sense is the models' business.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from lvsctl.errors import Fault, Place
from lvsctl.spec.document import Document
from lvsctl.spec.paths import dotted, shown
from lvsctl.spec.reader.findings import ENOUGH
from lvsctl.spec.suggest import suggest

PER_NODE = "per_node"
NODES = "nodes"

_COMMON = frozenset({NODES, PER_NODE})
"""Keys that no ``per_node`` may contain."""

_FEW = 8
"""Names that are listed in a message."""

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Merged:
    """The spec of one *node*, untyped and without ``per_node``; treat *data* as read-only."""

    document: Document
    node: str
    data: dict[str, Any]

    def origin(self, path: Sequence[str | int]) -> Path:
        """Answer where in the document *path* was typed: itself, or below ``per_node.NODE``.

        What ``per_node`` removed was typed where it is removed.
        """
        base: Any = self.document.data
        override: Any = _override(self.document, self.node)
        for step in path:
            if step not in override:
                break
            base, override = base.get(step), override[step]
            if not (isinstance(base, dict) and isinstance(override, dict)):
                return (PER_NODE, self.node, *path)
        return tuple(path)

    def place(self, path: Sequence[str | int], *, key: bool = False) -> Place:
        """Answer the position of the value at *path* of the merged data, or of its key, as Document.place does."""
        return self.document.place(self.origin(path), key=key)


def merged(document: Document, node: str) -> Merged:
    """Answer what the spec says for *node*; for a node that ``per_node`` does not name, the common part.

    Never fails: what is wrong with ``per_node`` itself is left out here and said by :func:`per_node_faults`.
    """
    base = {key: value for key, value in document.data.items() if key != PER_NODE}
    override = {key: value for key, value in _override(document, node).items() if key not in _COMMON}
    return Merged(document, node, _patched(base, override))


def per_node_faults(document: Document) -> Iterator[Fault]:
    """Yield what is wrong with ``per_node`` itself; what it says is judged as part of each node's merged spec.

    At most ENOUGH faults, as in reading.
    """
    return islice(_per_node_faults(document), ENOUGH)


def _per_node_faults(document: Document) -> Iterator[Fault]:
    overrides = document.data.get(PER_NODE)
    if overrides is not None and not isinstance(overrides, dict):
        yield _fault(document, (PER_NODE,), "expected a mapping from node names to what differs there")
    for node, override in _mapping(overrides).items():
        if node not in _mapping(document.data.get(NODES)):
            yield _fault(document, (PER_NODE, node), _unknown(document, node), key=True)
        if override is not None and not isinstance(override, dict):
            yield _fault(
                document, (PER_NODE, node), "expected what differs on this node, as in the rest of the spec"
            )
        for key in _COMMON & _mapping(override).keys():
            yield _fault(
                document,
                (PER_NODE, node, key),
                f"{key} is the same on all nodes: it belongs at the top",
                key=True,
            )
        yield from _removes_nothing(document, document.data, _mapping(override), (PER_NODE, node))


def _removes_nothing(document: Document, base: Any, override: dict[str, Any], path: Path) -> Iterator[Fault]:
    known = _mapping(base)
    for key, value in override.items():
        if isinstance(value, dict):
            yield from _removes_nothing(document, known.get(key), value, (*path, key))
        elif value is None and key not in known:
            near = suggest(key, known)
            hint = f"did you mean {shown(near)}?" if near else "expected a value"
            message = f"null removes a key, but there is no {shown(key)} to remove: {hint}"
            yield _fault(document, (*path, key), message, key=True)


def _unknown(document: Document, node: str) -> str:
    nodes = list(_mapping(document.data.get(NODES)))
    near = suggest(node, nodes)
    expected = (
        f"did you mean {shown(near)}?" if near else f"expected one of {', '.join(map(shown, nodes[:_FEW]))}"
    )
    return f"there is no node {shown(node)}: {expected if nodes else 'nodes names none'}"


def _fault(document: Document, path: Path, message: str, *, key: bool = False) -> Fault:
    return Fault(document.place(path, key=key), dotted(path), message)


def _override(document: Document, node: str) -> dict[str, Any]:
    return _mapping(_mapping(document.data.get(PER_NODE)).get(node))


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _patched(base: Any, patch: dict[str, Any]) -> dict[str, Any]:
    """Apply RFC 7386. Only what differs is copied, to at most the depth of a document."""
    result = dict(_mapping(base))
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = _patched(result.get(key), value) if isinstance(value, dict) else value
    return result
