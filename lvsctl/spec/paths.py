"""How paths and values of a spec are written in messages: on one line, short, and safe for a terminal."""

import re
from collections.abc import Iterable

_WORD = re.compile(r"[\w/-]+|<<", re.ASCII)

_LONGEST = 60


def dotted(path: Iterable[str | int]) -> str:
    """Write a path as people do: ``virtual_servers.web.real_servers[0].port``.

    A key that is more than a word stands in brackets: ``return_paths['203.0.113.10'].gateway``.
    """
    return "".join(map(_step, path)).removeprefix(".")


def _step(step: str | int) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    return f".{step}" if _WORD.fullmatch(step) and len(step) <= _LONGEST else f"[{shown(step)}]"


def shown(text: str) -> str:
    """Answer *text* in quotes for a message: what does not print is escaped, what is long is cut short."""
    return repr(text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…")
