"""Reads many entries that are laid out alike: learns where the attributes of the first one are.

A dump of ten thousand destinations repeats one sequence of attributes ten thousand times. Walking it costs 40 steps of
Python per entry; unpacking it with a layout learned from the first entry costs one, and every header is still compared.
An entry laid out otherwise is the caller's to walk. Bytes only.
"""

import struct
from collections.abc import Mapping
from operator import itemgetter
from typing import Any, NamedTuple, Self

from lvsctl.ipvs.wire import ATTRIBUTE, TYPE_MASK, Malformed, aligned


class Field(NamedTuple):
    """How to read an attribute: a struct code, and the payload length that it is for. By default: bytes, any length."""

    code: str = ""
    length: int = 0


class Layout:
    """Where the wanted attributes of one kind of entry are."""

    def __init__(self, entry: memoryview, nest: int | None, wanted: Mapping[int, Field]) -> None:
        """Learn from *entry*: attributes in a row, or one of type *nest* with all of them inside.

        Raises Malformed when it lacks one of *wanted*, or has one of another length.
        """
        code, headers, where = "=", list[int](), dict[int, int]()
        if nest is not None:
            code, headers = "=HH", [0, 1]
        total = len(headers)
        for kind, length, padded in _walk(entry if nest is None else _inside(entry, nest)):
            headers += (total, total + 1)
            total += 2
            field = wanted.get(kind)
            if field is None:
                code += f"HH{padded}x"
                continue
            if kind in where or (field.code and length != field.length):
                raise Malformed(f"netlink: attribute {kind} is not as expected")
            code += f"HH{field.code or f'{length}s'}{padded - length}x"
            where[kind] = total
            total += 1
        if where.keys() != wanted.keys():
            raise Malformed("netlink: attributes are missing")
        self._struct = struct.Struct(code)
        self._headers_of = itemgetter(*headers)
        self._values_of = itemgetter(*(where[kind] for kind in wanted))
        self._headers = self._headers_of(self._struct.unpack(entry))

    @classmethod
    def learn(cls, entry: memoryview, nest: int | None, wanted: Mapping[int, Field]) -> Self | None:
        """Answer the layout of *entry*, or None when it is no example to learn from."""
        try:
            return cls(entry, nest, wanted)
        except (Malformed, struct.error, ValueError):
            return None

    def read(self, entry: memoryview) -> tuple[Any, ...] | None:
        """Answer the wanted values of *entry* in the order of *wanted*; None when it is laid out otherwise."""
        if len(entry) != self._struct.size:
            return None
        fields = self._struct.unpack(entry)
        if self._headers_of(fields) != self._headers:
            return None
        values: tuple[Any, ...] = self._values_of(fields)
        return values


def _inside(entry: memoryview, nest: int) -> memoryview:
    [(kind, length, _)] = _walk(entry)
    if kind != nest or length + ATTRIBUTE.size != len(entry):
        raise Malformed(f"netlink: an attribute of type {kind} instead of {nest}")
    return entry[ATTRIBUTE.size :]


def _walk(entry: memoryview) -> list[tuple[int, int, int]]:
    """Answer the type, length and padded length of each attribute's payload."""
    found: list[tuple[int, int, int]] = []
    offset, end = 0, len(entry)
    while offset < end:
        if end - offset < ATTRIBUTE.size:
            raise Malformed("netlink: stray bytes after the last attribute")
        length, kind = ATTRIBUTE.unpack_from(entry, offset)
        following = min(offset + aligned(length), end)
        if not ATTRIBUTE.size <= length <= end - offset:
            raise Malformed(f"netlink: an attribute says it has {length} bytes, there are {end - offset}")
        found.append((kind & TYPE_MASK, length - ATTRIBUTE.size, following - offset - ATTRIBUTE.size))
        offset = following
    return found
