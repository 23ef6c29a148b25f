"""Where lvsctl keeps its files at run time. ``LVSCTL_ROOT`` moves all of them, for tests."""

import os
from pathlib import Path


def root() -> Path:
    """Answer the folder that stands for ``/``."""
    return Path(os.environ.get("LVSCTL_ROOT") or "/")


def run_folder() -> Path:
    """Locks, spool, socket: gone after a reboot."""
    return root() / "run/lvsctl"


def state_folder() -> Path:
    """Snapshots, maintenance files, the ledger: survives a reboot."""
    return root() / "var/lib/lvsctl"


def config_folder() -> Path:
    """The spec and the credentials."""
    return root() / "etc/lvsctl"
