"""Lines and columns of offsets in a text."""

import re
from array import array
from bisect import bisect_right

_BREAK = re.compile(r"\r\n?|\n")


class Lines:
    """Turns an offset into line and column, both from 1. Looks at the text only when first asked."""

    __slots__ = ("_starts", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        self._starts: array[int] = array("L")

    def position(self, offset: int) -> tuple[int, int]:
        """Answer (line, column) of the character at *offset*; the column is counted in characters."""
        if not self._starts:
            self._starts.append(0)
            self._starts.extend(found.end() for found in _BREAK.finditer(self._text))
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1
