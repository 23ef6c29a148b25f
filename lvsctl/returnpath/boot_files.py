"""Finds the files that say what the network is at boot, below a root folder; :mod:`lvsctl.returnpath.boot` reads them."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PATTERNS = (
    "etc/network/interfaces",
    "etc/network/interfaces.d/*",
    "etc/netplan/*.yaml",
    "run/netplan/*.yaml",
    "etc/systemd/network/*.network",
    "etc/systemd/network/*.network.d/*.conf",
    "run/systemd/network/*.network",
    "etc/NetworkManager/system-connections/*.nmconnection",
    "run/NetworkManager/system-connections/*.nmconnection",
    "usr/lib/NetworkManager/system-connections/*.nmconnection",
    "etc/pve/lxc/*.conf",
    "etc/pve/qemu-server/*.conf",
)
MOST_BYTES = 2**20
MOST_FILES = 2000


class Found(NamedTuple):
    """The texts by path, and why others are missing."""

    texts: dict[str, str]
    trouble: tuple[str, ...]


def collect(root: Path = Path("/")) -> Found:
    """Read the boot files below *root*. What cannot be read is told; what is not there is fine."""
    texts: dict[str, str] = {}
    trouble = [*_closed(root)]
    for path in list(_paths(root))[:MOST_FILES]:
        name = f"/{path.relative_to(root)}"
        try:
            with path.open("rb") as file:
                data = file.read(MOST_BYTES + 1)
        except OSError as error:
            trouble.append(f"{name}: {error.strerror}")
            continue
        if len(data) > MOST_BYTES:
            trouble.append(f"{name}: longer than {MOST_BYTES} bytes")
        else:
            texts[name] = data.decode("utf-8", "replace")
    return Found(texts, tuple(trouble))


def _closed(root: Path) -> Iterator[str]:
    """Yield the folders that this user may not look into: what is in them would seem not to be there."""
    for folder in dict.fromkeys(root / pattern.partition("*")[0] for pattern in PATTERNS if "*" in pattern):
        try:
            next(folder.iterdir(), None)
        except PermissionError as error:
            yield f"/{folder.relative_to(root)}: {error.strerror}"
        except OSError:
            continue


def _paths(root: Path) -> Iterator[Path]:
    # netplan hands networkd and NetworkManager its own rendering of what /etc/netplan says: counted once.
    has_netplan = any(root.glob("etc/netplan/*.yaml"))
    profiles: set[str] = set()
    for pattern in PATTERNS:
        if has_netplan and pattern.startswith(("run/systemd/", "run/NetworkManager/")):
            continue
        try:
            for path in sorted(root.glob(pattern)):
                # Of profiles with one name that below /etc counts, then that below /run.
                if path.is_file() and not (path.suffix == ".nmconnection" and path.name in profiles):
                    profiles.add(path.name)
                    yield path
        except OSError:
            continue
