"""Asks the real keepalived about statements that a model of the spec writes, one complaint per statement.

A printer of its own, so that what is wrong with lvsctl's printer cannot hide what is wrong with the models.
"""

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from lvsctl.host.run import find, run
from lvsctl.keepalived.config import Statement
from tests.support.cage import MOUNTS, PROCESSES

INTERFACES = ("eth0", "eth1")
"""Interfaces that exist where keepalived is asked."""

_NAMESPACES = ("unshare", "--net", *MOUNTS, *PROCESSES, "sh", "-c")
_ASK = 'mount -t proc proc /proc && ip link add eth0 type veth peer name eth1 && exec keepalived -t -f "$0"'
_LINED = re.compile(r"\((?:.+: )?Line (\d+)\) (.*)")


class Complaint(NamedTuple):
    """What keepalived says, and the statement that it says it about, where it names a line (of a block: its first or last)."""

    about: Statement | None
    text: str


def require_keepalived() -> None:
    """Skip the test without keepalived or root; fail when LVSCTL_REQUIRE asks for it."""
    missing = [program for program in ("keepalived", "unshare", "ip") if find(program) is None]
    reason = (
        f"{', '.join(missing)} not installed" if missing else "namespaces need root" if os.geteuid() else ""
    )
    if reason and "keepalived" in os.environ.get("LVSCTL_REQUIRE", "").replace(",", " ").split():
        pytest.fail(f"LVSCTL_REQUIRE=keepalived, but {reason}", pytrace=False)
    if reason:
        pytest.skip(reason)


def complaints(statements: Iterable[Statement], folder: Path) -> tuple[Complaint, ...]:
    """Have ``keepalived -t`` read *statements* from a file in *folder*, with INTERFACES present; answer what it says."""
    lines = list(_lines(statements))
    config = folder / "keepalived.conf"
    config.write_text("".join(f"{line}\n" for line, _ in lines))
    said = run((*_NAMESPACES, _ASK, str(config)), timeout=30)
    found = [
        _complaint(text, [statement for _, statement in lines]) for text in said.stderr.splitlines() if text
    ]
    if said.status and not found:
        found = [Complaint(None, f"status {said.status} {said.killed_by}")]
    return tuple(dict.fromkeys(found))


def _complaint(text: str, statements: list[Statement]) -> Complaint:
    found = _LINED.fullmatch(text)
    return Complaint(statements[int(found[1]) - 1], found[2]) if found else Complaint(None, text)


def _lines(statements: Iterable[Statement]) -> Iterator[tuple[str, Statement]]:
    for statement in statements:
        line = " ".join(map(_word, statement.words))
        if statement.body is None:
            yield line, statement
        else:
            yield f"{line} {{", statement
            yield from _lines(statement.body)
            yield "}", statement


def _word(word: str) -> str:
    return word if re.fullmatch(r"[A-Za-z0-9_./:+@|-]+", word) else f'"{word}"'
