"""The reader of included files that touches the disk; nothing else in the language half does.

It finds and checks files as keepalived does: glob(7) with braces, regular files that nobody may execute.
"""

import os
import stat
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from glob import has_magic
from itertools import islice, pairwise
from pathlib import Path

from lvsctl.keepalived.parse_source import MAX_FILES, MAX_TEXT, Found


def from_disk(pattern: str, folder: str) -> Sequence[Found]:
    """Answer the files that *pattern* means in *folder*, sorted as glob(3) does; never raises.

    A file that keepalived would not read is there with its problem. Nothing is found where the pattern matches
    nothing.
    """
    found: list[Found] = []
    room = MAX_TEXT
    for name in islice(_names(pattern, folder), MAX_FILES):
        file = read(name, room)
        room -= len(file.text)
        found.append(file)
    return found


def _names(pattern: str, folder: str) -> Iterator[str]:
    for alternative in braces(pattern):
        names = _expanded(alternative, folder) if has_magic(alternative) else [alternative]
        paths = (os.path.join(folder, name) for name in names)  # noqa: PTH118 - as keepalived names them
        yield from filter(os.path.lexists, paths)


MAX_ENTRIES = 100_000
"""Folder entries looked at for one pattern: ``/*/*/*/*`` would visit the whole machine."""


def _expanded(pattern: str, folder: str) -> list[str]:
    """Answer the names that *pattern* means in *folder*, sorted, as far as MAX_ENTRIES go."""
    left = MAX_ENTRIES
    names = ["/" if pattern.startswith("/") else ""]
    for part in filter(None, pattern.split("/")):
        if not has_magic(part):
            names = [os.path.join(name, part) for name in names]  # noqa: PTH118 - byte for byte as keepalived does
            continue
        found = []
        for name in names:
            entries = _entries(os.path.join(folder, name), left)  # noqa: PTH118 - byte for byte as keepalived does
            left -= len(entries)
            found += [os.path.join(name, each) for each in entries if _matches(each, part)]  # noqa: PTH118 - byte for byte as keepalived does
        names = found
    return sorted(names)


def _entries(folder: str, most: int) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in islice(entries, most)]
    except (OSError, ValueError):
        return []


def _matches(name: str, part: str) -> bool:
    return fnmatch(name, part) and (part.startswith(".") or not name.startswith("."))


def read(name: str, room: int = MAX_TEXT) -> Found:
    """Answer the file *name* with its text of at most *room* bytes, or with what keepalived objects to."""
    path = Path(name)
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            return Found(name, problem="a directory: keepalived passes over it")
        if not stat.S_ISREG(status.st_mode) or status.st_mode & 0o111:
            return Found(name, problem="not a regular file, or executable: keepalived passes over it")
        if status.st_size > room:
            return Found(name, problem=f"more than {MAX_TEXT // 2**20} MiB in all files; not read here")
        text = _content(path, room)
        if len(text) > room:
            return Found(name, problem=f"more than {MAX_TEXT // 2**20} MiB in all files; not read here")
        return Found(name, text.decode("utf-8", "surrogateescape"))
    except (OSError, ValueError) as error:
        return Found(name, problem=getattr(error, "strerror", None) or str(error))


def _content(path: Path, room: int) -> bytes:
    """Read at most one byte more than *room*, and wait for nothing: what /proc has are regular files, too."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb", buffering=0) as file:
        text = b""
        while len(text) <= room and (more := file.read(min(2**20, room + 1 - len(text)))):
            text += more
    return text


def braces(pattern: str) -> Iterator[str]:
    """Write out ``{a,b}`` as glob(3) does with GLOB_BRACE; at most MAX_FILES patterns come of one."""
    ready = [pattern]
    made = 0
    while ready and made < MAX_FILES:
        text = ready.pop()
        if group := _group(text):
            before, after = text[: group[0]], text[group[-1] + 1 :]
            parts = [text[left + 1 : right] for left, right in pairwise(group)]
            ready += [before + part + after for part in reversed(parts)]
        else:
            made += 1
            yield text


def _group(text: str) -> list[int]:
    """Answer where the first complete brace group starts, has its own commas, and ends. ``{}`` is none."""
    opened: list[list[int]] = []
    complete: list[list[int]] = []
    for at, sign in enumerate(text):
        if sign == "{":
            opened.append([at])
        elif sign == "," and opened:
            opened[-1].append(at)
        elif sign == "}" and opened:
            group = opened.pop()
            if at - group[0] > 1:
                complete.append([*group, at])
    return min(complete, default=[])
