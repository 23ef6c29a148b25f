"""A default route in a boot file. Pure."""

import re
from typing import NamedTuple

from lvsctl.vocabulary import Address, Family, as_address, family_of

EVERYWHERE = frozenset({"default", "0.0.0.0/0", "::/0", "0/0"})


class Unreadable(ValueError):
    """A file that makes no sense to us."""


class Default(NamedTuple):
    """One default route of the main table."""

    file: str
    line: int
    interface: str
    gateway: Address | None
    """None: DHCP tells it."""
    family: Family
    metric: int = 0
    guest: str = ""
    """The Proxmox guest that it is for; empty for this host."""

    def __str__(self) -> str:
        gateway = f"via {self.gateway}" if self.gateway else "by DHCP"
        return f"{self.interface} {gateway} ({self.file}:{self.line})"


def address(text: str) -> Address | None:
    """Answer *text* as an address, or None."""
    try:
        return as_address(text.strip().strip("\"'"))
    except ValueError:
        return None


def number(text: str, otherwise: int = 0) -> int:
    """Answer *text* as a number, or something else."""
    return int(text) if re.fullmatch("[0-9]{1,10}", text.strip()) else otherwise


def stated(file: str, line: int, interface: str, gateway: str, metric: int = 0) -> Default | None:
    """Answer the default through *gateway*; None when that is no address."""
    found = address(gateway)
    return Default(file, line, interface, found, family_of(found), metric) if found else None
