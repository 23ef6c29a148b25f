"""Build plain data and its positions from a stream of scalars, openings, closings and aliases.

It knows nothing of syntax (:mod:`~lvsctl.spec.reader.yaml`, :mod:`~lvsctl.spec.reader.json`). It works without
recursion, and bounds depth, size and what aliases expand to, because libyaml's own composer does neither: it
overflows the C stack at 100,000 nested lists.
"""

from typing import Any, TypeAlias

from lvsctl.errors import SpecInvalid
from lvsctl.spec.paths import shown
from lvsctl.spec.reader.findings import Findings

MAX_DEPTH = 64
"""Blocks within blocks; a real spec has about ten."""

MAX_SIZE = 1_000_000
"""Scalars (keys too) and blocks with aliases expanded; 1,000 virtual servers of 10 real servers have 105,000."""

MAX_SCALAR = 64 * 1024
"""Characters of one scalar; keepalived reads lines of up to 1,023 bytes."""

Spots: TypeAlias = "dict[str, Spot] | list[Spot] | None"
"""The positions of what a mapping or a list contains, under the same keys or in the same order; None in a scalar."""

Spot: TypeAlias = tuple[int, int, Spots]
"""The offsets of a key and of its value (a list item is its own key), and the positions inside the value."""


Data: TypeAlias = "str | dict[str, Any] | list[Any] | None"


class Anchored:
    """What an anchor names. Its *size* counts the scalars and blocks in it; 0 until it is complete."""

    __slots__ = ("before", "size", "spots", "value")

    def __init__(self, before: int) -> None:
        self.before = before
        self.size = 0
        self.value: Data = None
        self.spots: Spots = None


class Tree:
    """The document as far as it has been read. Offsets count characters from the start of the text.

    Every method raises SpecInvalid when reading cannot go on, with all faults found so far.
    """

    def __init__(self, findings: Findings) -> None:
        self.findings = findings
        self._root = _List(0)
        self._blocks: list[_List | _Mapping] = [self._root]
        self._anchors: dict[str, Anchored] = {}
        self._size = 0

    def scalar(self, value: str | None, offset: int, anchor: str | None = None) -> None:
        """Take a scalar: text, or None for the plain null."""
        self._grow(1, offset)
        if value and len(value) > MAX_SCALAR:
            self.fault(
                offset, f"{len(value)} characters are too long for one value; at most {MAX_SCALAR} are read"
            )
        if anchor:
            self._complete(self._anchor(anchor), value, None)
        self._blocks[-1].add(value, offset, None)

    def open_list(self, offset: int, anchor: str | None = None) -> None:
        """Begin a list; what follows is in it until it is closed."""
        self._open(_List(offset), anchor)

    def open_mapping(self, offset: int, anchor: str | None = None) -> None:
        """Begin a mapping; keys and values follow in turn until it is closed."""
        self._open(_Mapping(offset, self), anchor)

    def close(self) -> None:
        """End the innermost list or mapping."""
        block = self._blocks.pop()
        block.finish()
        if block.anchored:
            self._complete(block.anchored, block.data, block.spots)
        self._blocks[-1].add(block.data, block.offset, block.spots)

    def alias(self, name: str, offset: int) -> None:
        """Take what the anchor *name* names. It is shared, not copied, but counts as if it were."""
        anchored = self._anchors.get(name)
        if anchored is None:
            self.fault(offset, f"*{name} names nothing: there is no &{name} before it")
        elif not anchored.size:
            self.fault(offset, f"*{name} stands inside of what it names, which would have no end")
        else:
            self._grow(anchored.size, offset)
            if len(self._blocks) + _height(anchored.value) > MAX_DEPTH + 1:
                raise self._too_deep(offset)
            self._blocks[-1].add(anchored.value, offset, anchored.spots)
            return
        self._blocks[-1].add("", offset, None)

    def merge_key(self, offset: int) -> None:
        """Take a plain ``<<``: where a key is due the entries of its value are merged, elsewhere it is text."""
        block = self._blocks[-1]
        if isinstance(block, _Mapping) and block.awaits_key:
            block.begin_merge(offset)
        else:
            self.scalar("<<", offset)

    def fault(self, offset: int, message: str) -> None:
        """Note a fault of what is being read."""
        self.findings.add(offset, message, self._path())

    def finish(self) -> tuple[dict[str, Any], Spot]:
        """Answer the data and its positions; raises SpecInvalid if anything was wrong."""
        data = self._root.data[0] if self._root.data else None
        if data is None:
            raise self.findings.failed(
                0, "there is nothing in it: expected a mapping with 'nodes' and what they are to do"
            )
        if not isinstance(data, dict):
            kind = "a list" if isinstance(data, list) else f"the text {shown(data)}"
            raise self.findings.failed(
                self._root.spots[0][1], f"expected 'key: value' lines at the top, not {kind}"
            )
        self.findings.stop_if_any()
        return data, self._root.spots[0]

    def _open(self, block: "_List | _Mapping", anchor: str | None) -> None:
        self._grow(1, block.offset)
        if len(self._blocks) > MAX_DEPTH:
            raise self._too_deep(block.offset)
        if anchor:
            block.anchored = self._anchor(anchor)
        self._blocks.append(block)

    def _anchor(self, name: str) -> Anchored:
        anchored = self._anchors[name] = Anchored(self._size - 1)
        return anchored

    def _complete(self, anchored: Anchored, value: Data, spots: Spots) -> None:
        anchored.value = value
        anchored.spots = spots
        anchored.size = self._size - anchored.before

    def _grow(self, size: int, offset: int) -> None:
        self._size += size
        if self._size > MAX_SIZE:
            raise self.findings.failed(
                offset, f"more than {MAX_SIZE} values, counting aliases as what they stand for"
            )

    def _too_deep(self, offset: int) -> SpecInvalid:
        return self.findings.failed(offset, f"nested deeper than {MAX_DEPTH} levels")

    def _path(self) -> list[str | int]:
        return [step for block in self._blocks[1:] if (step := block.step()) is not None]


def _height(value: Data) -> int:
    """Answer how many blocks lie in one another; no more than MAX_DEPTH, so recursion is fine."""
    if isinstance(value, dict):
        return 1 + max(map(_height, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(_height, value), default=0)
    return 0


class _List:
    """A list that is being read; also the place of the top value."""

    __slots__ = ("anchored", "data", "offset", "spots")

    def __init__(self, offset: int) -> None:
        self.offset = offset
        self.anchored: Anchored | None = None
        self.data: list[Data] = []
        self.spots: list[Spot] = []

    def add(self, value: Data, offset: int, spots: Spots) -> None:
        self.data.append(value)
        self.spots.append((offset, offset, spots))

    def step(self) -> str | int | None:
        return len(self.data)

    def finish(self) -> None:
        """Nothing is left to do."""


class _Mapping:
    """A mapping that is being read: takes a key and a value in turn."""

    __slots__ = (
        "_key",
        "_key_offset",
        "_merged",
        "_merging",
        "_tree",
        "anchored",
        "data",
        "offset",
        "spots",
    )

    def __init__(self, offset: int, tree: Tree) -> None:
        self.offset = offset
        self.anchored: Anchored | None = None
        self.data: dict[str, Data] = {}
        self.spots: dict[str, Spot] = {}
        self._tree = tree
        self._key: str | None = None
        self._key_offset = 0
        self._merging = False
        self._merged: list[tuple[dict[str, Any], dict[str, Spot]]] = []

    @property
    def awaits_key(self) -> bool:
        return self._key is None

    def step(self) -> str | int | None:
        return self._key

    def add(self, value: Data, offset: int, spots: Spots) -> None:
        key = self._key
        if key is None:
            self._begin(value, offset)
            return
        if self._merging:
            self._merge(value, offset, spots)
        else:
            self.data[key] = value
            self.spots[key] = (self._key_offset, offset, spots)
        self._key = None

    def _begin(self, key: Data, offset: int) -> None:
        if not isinstance(key, str):
            key = self._not_a_key(key, offset)
        self._key = key
        self._key_offset = offset
        if key in self.data:
            first = self._tree.findings.place(self.spots[key][0])
            self._tree.fault(
                offset, f"written twice: the first is at line {first.line}, column {first.column}"
            )

    def _not_a_key(self, key: Data, offset: int) -> str:
        if key is None:
            self._tree.fault(
                offset, "a key is missing before ':' (a key that is called null or ~ needs quotes)"
            )
        else:
            self._tree.fault(
                offset, "a key must be text, not a list or a mapping (does '{{ … }}' lack quotes?)"
            )
        return "?"

    def begin_merge(self, offset: int) -> None:
        self._key = "<<"
        self._key_offset = offset
        if self._merged:
            self._tree.fault(offset, "'<<' is written twice: expected one with a list, '<<: [*one, *two]'")
        self._merging = True

    def _merge(self, value: Data, offset: int, spots: Spots) -> None:
        self._merging = False
        sources: list[tuple[Data, Spots]] = [(value, spots)]
        if isinstance(value, list) and isinstance(spots, list):
            sources = [(item, spot[2]) for item, spot in zip(value, spots, strict=True)]
        for data, inside in sources:
            if isinstance(data, dict) and isinstance(inside, dict):
                self._merged.append((data, inside))
            else:
                self._tree.fault(offset, "'<<' takes a mapping or a list of mappings, such as '<<: *name'")

    def finish(self) -> None:
        """Put what is merged before what was typed, which wins; of several merged the first wins (YAML 1.1)."""
        if self._merged:
            own = (dict(self.data), dict(self.spots))
            self.data.clear()
            self.spots.clear()
            for data, spots in (*reversed(self._merged), own):
                self.data.update(data)
                self.spots.update(spots)
