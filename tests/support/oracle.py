"""The oracle for "the same configuration": what the real keepalived says it parsed (its SIGUSR1 dumps).

Two files mean the same when their dumps are equal but for run-time values; comparing is the caller's part
(:mod:`lvsctl.keepalived.dump`). Runs in the lab only.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from tests.support.hosts import Net
from tests.support.keepalived import Keepalived, NotStarted

AFTER = re.compile(r"\b(?:interfaces?|dev|iif|oif|vrf|lvs_sync_daemon\w*)[ \t{]+([^\s}]+)")
BLOCK = re.compile(r"\b(?:track_interface|linkbeat_interfaces|interface_up_down_delays)\s*\{([^}]*)\}")
DEFINED = re.compile(r"^\$\w+[ \t]*=[ \t]*(\S+)", re.MULTILINE)
DEVICE = re.compile(r"[a-z][a-z_-]*[0-9][\w.-]{0,12}")
MISSING = re.compile(
    r"(?P<vrf>VRF )?interface (?P<one>\S+) (?:.* )?doesn't exist|unknown interface (?P<other>\S+) specified"
)
ATTEMPTS = 4


class Account(NamedTuple):
    """What keepalived said about one configuration."""

    dumps: Mapping[str, str]
    """By file: ``keepalived.data``, ``keepalived_check.data``, ``keepalived_parent.data``, …"""
    log: str
    """Everything it logged, from start to dump: says which keyword was refused."""


def dumps_of(
    config: str | bytes | Path,
    *,
    interfaces: Iterable[str] | None = None,
    config_id: str = "",
    files: Mapping[str, str | bytes] | None = None,
) -> Mapping[str, str]:
    """Answer the dumps alone; see :func:`account_of`."""
    return account_of(config, interfaces=interfaces, config_id=config_id, files=files).dumps


def account_of(
    config: str | bytes | Path,
    *,
    interfaces: Iterable[str] | None = None,
    config_id: str = "",
    files: Mapping[str, str | bytes] | None = None,
) -> Account:
    """Start keepalived on *config* on a host of its own and answer its account; raises NotStarted.

    Every interface is a dummy, up, with an address (192.0.2.1 and following). Without *interfaces* those exist
    that the configuration seems to name, and those that keepalived then misses. *files* are written on the
    host first, by absolute path; those that begin with ``#!`` are executable.
    """
    data = (
        config.read_bytes()
        if isinstance(config, Path)
        else config.encode()
        if isinstance(config, str)
        else config
    )
    if interfaces is not None:
        attempts = _account(data, dict.fromkeys(interfaces, "dummy"), config_id, files or {})
    else:
        attempts = _guessed(data, config_id, files or {})
    if isinstance(attempts, NotStarted):
        raise attempts
    return attempts


def interfaces_of(config: str) -> list[str]:
    """Guess the interfaces that a configuration names; one too many does no harm."""
    words = AFTER.findall(config) + DEFINED.findall(config)
    words += [word for block in BLOCK.findall(config) for line in block.splitlines() for word in line.split()]
    return list(dict.fromkeys(word for word in words if DEVICE.fullmatch(word))) or ["eth0"]


def _guessed(data: bytes, config_id: str, files: Mapping[str, str | bytes]) -> Account | NotStarted:
    devices = dict.fromkeys(interfaces_of(data.decode("utf-8", "replace")), "dummy")
    for _ in range(ATTEMPTS):
        outcome = _account(data, devices, config_id, files)
        missed = dict(_missed(outcome.log))
        if missed.items() <= devices.items():
            break
        devices |= missed
    return outcome


def _missed(log: str) -> Iterator[tuple[str, str]]:
    """Yield the interfaces that keepalived missed, and of which kind they have to be."""
    for found in MISSING.finditer(log):
        yield found["one"] or found["other"], "vrf" if found["vrf"] else "dummy"


def _account(
    data: bytes, devices: Mapping[str, str], config_id: str, files: Mapping[str, str | bytes]
) -> Account | NotStarted:
    with Net() as net:
        host = net.host("oracle")
        host.ip(*(line for index, item in enumerate(devices.items(), 1) for line in _device(index, *item)))
        for name, content in files.items():
            host.write(name, content, 0o755 if content[:2] in ("#!", b"#!") else 0o644)
        keepalived = Keepalived(host, data, config_id=config_id)
        try:
            keepalived.wait_started()
            return Account(keepalived.dumps(), keepalived.log)
        except NotStarted as failure:
            return failure


def _device(index: int, name: str, kind: str) -> Iterator[str]:
    table = f"table {1000 + index}" if kind == "vrf" else ""
    yield f"link add {name} type {kind} {table}"
    if kind == "dummy":
        yield f"link set {name} multicast on arp on"
    yield f"address add 192.0.2.{index}/24 dev {name}"
    yield f"link set {name} up"
