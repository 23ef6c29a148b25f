"""One spec as a person typed it: plain data without types, and where in the text each part of it stands.

Scalars are the text that was typed; what they mean is decided by the models. Reading is strict, finds all faults
that can be found at once, and takes bounded time and memory whatever the file contains.
"""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import Any

from lvsctl.errors import Fault, Place, SpecInvalid, Unavailable, visible
from lvsctl.host.files import refused
from lvsctl.spec.reader import json, yaml
from lvsctl.spec.reader.characters import MAX_BYTES, decoded, too_large
from lvsctl.spec.reader.findings import Findings, Malformed
from lvsctl.spec.reader.lines import Lines
from lvsctl.spec.reader.tree import Spot, Tree


@dataclass(frozen=True, slots=True, eq=False)
class Document:
    """One YAML or JSON file."""

    file: str
    """As the operator named it; standard input is ``<stdin>``."""
    text: str
    """Without the byte order mark, if there was one."""
    data: dict[str, Any]
    """Only dict, list, str and None. Aliased parts are shared: treat it as read-only."""
    _root: Spot = field(repr=False)
    _lines: Lines = field(repr=False)

    def place(self, path: Sequence[str | int], *, key: bool = False) -> Place:
        """Answer the position of the value at *path*, or of its key.

        When the path does not exist it is the key of its nearest ancestor that does: where the missing thing
        belongs. A list item has no key, so it is the item.
        """
        spot = self._root
        for step in path:
            try:
                spot = spot[2][step]  # type: ignore[index]  # that it may not fit is the question
            except (KeyError, IndexError, TypeError):
                key = True
                break
        return Place(self.file, *self._lines.position(spot[0] if key else spot[1]))


DEFAULT_FILE = "/etc/lvsctl/lvs.yaml"
"""Where the spec of a director lies; commands that are given none read this one."""

STDIN = "-"
"""The path that means standard input."""


def read(text: bytes | str, *, file: str) -> Document:
    """Read a spec; raises SpecInvalid with every fault that was found. *file* is its name in messages."""
    name = _shown(file)
    text, lines = decoded(text, name)
    data, root = _understood(text, name, lines).finish()
    return Document(name, text, data, root, lines)


def _shown(file: str) -> str:
    return "<stdin>" if file == STDIN else file


def _understood(text: str, file: str, lines: Lines) -> Tree:
    """Read JSON if it is, else YAML; when it is neither, the reader that came lines further says why."""
    failures: list[tuple[Malformed, Tree]] = []
    for parse in (json.parse, yaml.parse) if text.lstrip().startswith("{") else (yaml.parse,):
        tree = Tree(Findings(file, lines))
        try:
            parse(text, tree)
        except Malformed as failure:
            failures.append((failure, tree))
        else:
            return tree

    def reach(failed: tuple[Malformed, Tree]) -> int:
        offset = failed[0].offset
        return lines.position(offset)[0] if ":" in text[:offset] else 0

    furthest, tree = max(failures, key=reach)
    raise tree.findings.failed(furthest.offset, furthest.message)


def read_file(path: str | Path) -> Document:
    """Read the spec at *path*, or from standard input for ``-``.

    Raises SpecInvalid; Denied or Unavailable when there is no regular file that may be read.
    """
    return read(read_bytes(path), file=str(path))


def read_bytes(path: str | Path) -> bytes:
    """Answer what the regular file at *path* holds, or standard input for ``-``; see :func:`read_file`."""
    name = str(path)
    try:
        return _from_stdin() if name == STDIN else _from_file(name)
    except FileNotFoundError:
        hint = "name a spec, or set LVSCTL_SPEC; `lvsctl import` makes one of a keepalived.conf"
        raise Unavailable(
            f"{visible(name)}: there is no such file", hint=hint if name == DEFAULT_FILE else ""
        ) from None
    except OSError as error:
        raise refused(Path(_shown(name)), error) from error


def _from_stdin() -> bytes:
    if sys.stdin is None:
        raise Unavailable("standard input is closed: there is no spec to read")
    return sys.stdin.buffer.read(MAX_BYTES + 1)


def _from_file(name: str) -> bytes:
    if "\0" in name:
        raise Unavailable(f"{name!r}: no file can be called that")
    _check(name, Path(name).stat())  # before it is opened, which would already set off some devices
    handle = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # if it is a pipe by now: do not wait
    with os.fdopen(handle, "rb") as file:
        _check(name, os.fstat(handle))
        return file.read(MAX_BYTES + 1)


def _check(name: str, status: os.stat_result) -> None:
    if not S_ISREG(status.st_mode):
        kind = "a folder" if S_ISDIR(status.st_mode) else "a pipe, socket or device"
        raise Unavailable(
            f"{visible(name)}: expected a file, but this is {kind}",
            hint="" if S_ISDIR(status.st_mode) else "a pipe is read from '-'",
        )
    if status.st_size > MAX_BYTES:
        raise SpecInvalid([Fault(Place(name), "", too_large(status.st_size))])
