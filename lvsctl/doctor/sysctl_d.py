"""What the sysctl settings will be after a reboot, by the files that systemd-sysctl reads. Pure.

The rules are those of sysctl.d(5): a file hides files of its name in later folders; files are read in the order of
their names, whatever their folder; the last assignment of a name counts, a name with wildcards only for what nobody
assigns by name; ``-name`` without a value takes it out of the wildcards.
"""

from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import NamedTuple

from lvsctl.doctor.sysctl import slashed

FOLDERS = ("/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d", "/lib/sysctl.d")
"""The folders, the most important first."""


class Assigned(NamedTuple):
    """A value that a file gives."""

    value: str
    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line} sets {self.value}"


class Files(NamedTuple):
    """What all files together say."""

    named: Mapping[str, Assigned | None]
    """By name with slashes; None: taken out of the wildcards."""
    patterns: tuple[tuple[str, Assigned], ...]
    """Names with wildcards, in the order in which they are applied."""

    def of(self, key: str) -> Assigned | None:
        """Answer what *key* is set to, or None when no file says."""
        if key in self.named:
            return self.named[key]
        found = [value for pattern, value in self.patterns if fnmatchcase(key, pattern)]
        return found[-1] if found else None


def order(folders: Mapping[str, Iterable[str]]) -> list[str]:
    """Answer the files to read, in order; *folders* are the names in each of FOLDERS."""
    chosen: dict[str, str] = {}
    for folder in FOLDERS:
        for name in folders.get(folder, ()):
            if name.endswith(".conf"):
                chosen.setdefault(name, f"{folder}/{name}")
    return [chosen[name] for name in sorted(chosen)]


def read(texts: Iterable[tuple[str, str]]) -> Files:
    """Answer what files say, given as (name, content) in order; lines that make no sense are passed over, as there."""
    named: dict[str, Assigned | None] = {}
    patterns: list[tuple[str, Assigned]] = []
    for file, text in texts:
        for key, assigned in _lines(file, text):
            if assigned is not None and any(sign in key for sign in "*?["):
                patterns.append((key, assigned))
            else:
                named[key] = assigned
    return Files(named, tuple(patterns))


def _lines(file: str, text: str) -> Iterator[tuple[str, Assigned | None]]:
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.strip()
        if not words or words[0] in "#;":
            continue
        key, equals, value = words.partition("=")
        name = slashed(key.strip().removeprefix("-").strip())
        if equals:
            yield name, Assigned(value.strip(), file, number)
        elif words.startswith("-"):
            yield name, None
