"""What a configuration expects of the machine it runs on: interfaces, folders, scripts, users, files.

Pure. The judge builds stand-ins for these, so that its verdict is about the configuration and not about the
machine that happens to ask.
"""

from collections.abc import Mapping
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import NamedTuple

from lvsctl.keepalived.config import Config

NOTHING: Mapping[PurePosixPath, str] = MappingProxyType({})


class Surroundings(NamedTuple):
    """What has to be there for keepalived to accept a configuration."""

    interfaces: tuple[str, ...] = ()
    """Names of network interfaces; ``lo`` is always there."""
    folders: tuple[PurePosixPath, ...] = ()
    """Absolute folders in which keepalived reads or creates files (track files, FIFOs)."""
    scripts: tuple[PurePosixPath, ...] = ()
    """Absolute paths of programs that keepalived runs."""
    users: tuple[str, ...] = ()
    """Names of users that scripts run as."""
    groups: tuple[str, ...] = ()
    """Names of groups that scripts run as."""
    files: Mapping[PurePosixPath, str] = NOTHING
    """Absolute paths of further files, with what they contain (an included secret)."""


def surroundings(config: Config) -> Surroundings:
    """Read from *config* what it expects to find on its machine."""
    raise NotImplementedError
