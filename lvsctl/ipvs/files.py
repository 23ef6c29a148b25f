"""Saved tables: files of rules (:mod:`lvsctl.ipvs.rules`), written whole or not at all."""

from pathlib import Path
from typing import BinaryIO

from lvsctl.errors import Fault, Invalid, Place
from lvsctl.host.files import refused, write_atomic
from lvsctl.ipvs import rules
from lvsctl.ipvs.model import Table, VirtualServer
from lvsctl.vocabulary import ServiceKey

MAX_BYTES = 64 << 20
"""A table of 5,000 services with 10 destinations each is 4 MB."""


def save(path: Path, table: Table) -> bool:
    """Make the file *path* say *table*, atomically, and answer whether that changed it. Raises Denied or Unavailable."""
    return write_atomic(path, rules.write(table), mode=0o640)


def load(path: Path) -> dict[ServiceKey, VirtualServer]:
    """Read a table that :func:`save`, or ``ipvsadm --save``, wrote.

    Raises Invalid with every fault and its line, Denied or Unavailable when the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return load_from(file, str(path))
    except OSError as error:
        raise refused(path, error) from error


def load_from(file: BinaryIO, name: str) -> dict[ServiceKey, VirtualServer]:
    """Read a table from an open *file*, called *name* in the faults. Raises Invalid."""
    data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise Invalid([Fault(Place(name), "", f"more than {MAX_BYTES >> 20} MiB")])
    return rules.read(data.decode("utf-8", "backslashreplace"), name)
