"""Blocks whose words after the keyword are more than a name: how they become fields, and what the spec calls them."""

import re
from collections.abc import Callable
from typing import Any

from lvsctl.compose.adopt.reading import Path, Plain, Reading
from lvsctl.compose.adopt.words import number
from lvsctl.keepalived.config import Statement
from lvsctl.spec.base import Model
from lvsctl.spec.real_server import RealServer
from lvsctl.spec.virtual_server import VirtualServer


def _virtual_server(statement: Statement, path: Path, reading: Reading) -> dict[str, Any]:
    data: dict[str, Any] = {}
    match statement.words[1:]:
        case ("fwmark", mark, *more):
            data["fwmark"] = Plain(number(mark))
        case ("group", name, *more):
            data["group"] = name
        case (address, port, *more):
            data |= {"address": address, "port": Plain(number(port))}
        case (address,):
            data["address"] = address
            more = []
        case _:
            more = []
    return _head(data, more, statement, path, reading)


def _real_server(statement: Statement, path: Path, reading: Reading) -> dict[str, Any]:
    address, port, *more = *statement.words[1:], "", ""
    data: dict[str, Any] = {"address": address} | ({"port": Plain(number(port))} if port else {})
    return _head(data, [word for word in more if word], statement, path, reading)


def _head(
    data: dict[str, Any], more: list[str], statement: Statement, path: Path, reading: Reading
) -> dict[str, Any]:
    for key in data:
        reading.came_from((*path, key), statement)
    if more:
        what = f"{' '.join(more)!r} before its '{{': not carried: keepalived ignores it"
        reading.leave(statement, path, what)
    return data


def _service_name(statement: Statement) -> str:
    """Name a service after what it listens on: the file has no name for it."""
    match statement.words[1:]:
        case ("fwmark" | "group" as kind, name, *_):
            return plain(f"{kind}-{name}")
        case (address, *port):
            protocol = next(
                (
                    each.words[1]
                    for each in statement.body or ()
                    if each.words[:1] == ("protocol",) and len(each.words) > 1
                ),
                "tcp",
            )
            return plain("-".join([protocol.lower(), address, *port[:1]]))
    return "unnamed"


def plain(text: str) -> str:
    """Answer *text* as a name that the spec accepts."""
    return re.sub(r"[^A-Za-z0-9_.:-]", "_", text).lstrip(".:-") or "unnamed"


HEADS: dict[type[Model], Callable[[Statement, Path, Reading], dict[str, Any]]] = {
    VirtualServer: _virtual_server,
    RealServer: _real_server,
}
"""How the words of a head become fields."""

NAMES: dict[type[Model], Callable[[Statement], str]] = {VirtualServer: _service_name}
"""What the spec calls a block that keepalived.conf has no name for."""
