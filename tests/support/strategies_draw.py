"""What hypothesis draws values of a spec from, so that they fit together."""

from typing import Any, Protocol, TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

T = TypeVar("T")
Data = dict[str, Any]


class Draw(Protocol):
    """What hypothesis hands to a composite strategy."""

    def __call__(self, strategy: SearchStrategy[T]) -> T: ...


class Nothing(Exception):
    """There is nothing that the field could refer to."""


class Values:
    """Draws values that fit together: names that exist, addresses that no two have, one family at a time."""

    def __init__(self, draw: Draw) -> None:
        self.draw = draw
        self.version = 4
        self.names: dict[str, list[str]] = {}
        self._serial = 0

    def one(self, *choices: T) -> T:
        """Draw one of *choices*."""
        return self.draw(st.sampled_from(choices))

    def number(self) -> int:
        """Answer the next number: for what must not be there twice."""
        self._serial += 1
        return self._serial

    def address(self, version: int = 0) -> str:
        """Answer an address that no one else has, of the family at hand."""
        number = self.number()
        if (version or self.version) == 4:
            return f"10.{self.one(0, 1, 200)}.{number // 250}.{number % 250 + 1}"
        return self.one("2001:db8::{:x}", "2001:DB8:0:0:1::{:x}", "fd00:0:0:a::{:x}").format(number)

    def prefixed(self) -> str:
        """Answer such an address with or without a prefix length."""
        return (
            self.address() + self.one("", "/24", "/32")
            if self.version == 4
            else self.address() + self.one("", "/64", "/128")
        )

    def name_of(self, kind: str) -> str:
        """Answer the name of something that is declared as *kind*; raises Nothing when there is none."""
        if not self.names.get(kind):
            raise Nothing(kind)
        return self.one(*self.names[kind])
