"""The oracle for "the same configuration": what the real keepalived says it parsed (its SIGUSR1 dumps).

Two files mean the same when their dumps are equal but for run-time values; comparing is the caller's part
(:mod:`lvsctl.keepalived.dump`). Runs in the lab only.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from tests.support.hosts import Host, Net
from tests.support.keepalived import Keepalived, NotStarted

AFTER = re.compile(r"\b(?:interfaces?|dev|iif|oif|vrf|lvs_sync_daemon\w*)[ \t{]+([^\s}]+)")
BLOCK = re.compile(r"\b(?:track_interface|linkbeat_interfaces|interface_up_down_delays)\s*\{([^}]*)\}")
DEFINED = re.compile(r"^\$\w+[ \t]*=[ \t]*(\S+)", re.MULTILINE)
DEVICE = re.compile(r"[a-z][a-z_-]*[0-9][\w.-]{0,12}")
MISSING = {
    "vrf": re.compile(r"VRF interface (\S+) doesn't exist"),
    "dummy": re.compile(r"(?<!VRF )interface (\S+) (?:.* )?doesn't exist|unknown interface (\S+) specified"),
    "netns": re.compile(r"Failed to open (?:/var)?/run/netns/(\S+)"),
}
"""What keepalived says about a device or namespace that is not there, by kind."""
ATTEMPTS = 4

Things = Mapping[str, str]
"""Kind (dummy, vrf, netns) by name."""
Files = Mapping[str, str | bytes]


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
    files: Files | None = None,
) -> Mapping[str, str]:
    """Answer the dumps alone; see :func:`account_of`."""
    return account_of(config, interfaces=interfaces, config_id=config_id, files=files).dumps


def account_of(
    config: str | bytes | Path,
    *,
    interfaces: Iterable[str] | None = None,
    config_id: str = "",
    files: Files | None = None,
) -> Account:
    """Start keepalived on *config* on a host of its own and answer its account; raises NotStarted.

    Every interface is a dummy, up, with an address (192.0.2.1 and following). Without *interfaces* those exist
    that the configuration seems to name, and those (and network namespaces) that keepalived then misses.
    *files* are written on the host first, by absolute path; those that begin with ``#!`` are executable.
    """
    data = (
        config.read_bytes()
        if isinstance(config, Path)
        else config.encode()
        if isinstance(config, str)
        else config
    )
    if interfaces is not None:
        outcome = _account(data, dict.fromkeys(interfaces, "dummy"), config_id, files or {})
    else:
        outcome = _guessing(data, config_id, files or {})
    if isinstance(outcome, NotStarted):
        raise outcome
    return outcome


def interfaces_of(config: str) -> list[str]:
    """Guess the interfaces that a configuration names; one too many does no harm."""
    words = AFTER.findall(config) + DEFINED.findall(config)
    words += [word for block in BLOCK.findall(config) for line in block.splitlines() for word in line.split()]
    return list(dict.fromkeys(word for word in words if DEVICE.fullmatch(word))) or ["eth0"]


def _guessing(data: bytes, config_id: str, files: Files) -> Account | NotStarted:
    things = dict.fromkeys(interfaces_of(data.decode("utf-8", "replace")), "dummy")
    for _ in range(ATTEMPTS):
        outcome = _account(data, things, config_id, files)
        missed = dict(_missed(outcome.log))
        if missed.items() <= things.items():
            break
        things |= missed
    return outcome


def _missed(log: str) -> Iterator[tuple[str, str]]:
    """Yield name and kind of what keepalived missed."""
    for kind, pattern in MISSING.items():
        for found in pattern.finditer(log):
            yield found[found.lastindex or 0], kind


def _account(data: bytes, things: Things, config_id: str, files: Files) -> Account | NotStarted:
    with Net() as net:
        host = net.host("oracle")
        _furnish(host, things)
        for name, content in files.items():
            host.write(name, content, 0o755 if content[:2] in ("#!", b"#!") else 0o644)
        keepalived = Keepalived(host, data, config_id=config_id)
        try:
            keepalived.wait_started()
            return Account(keepalived.dumps(), keepalived.log)
        except NotStarted as failure:
            return failure


def _furnish(host: Host, things: Things) -> None:
    """Make the devices, on the host and in each of its network namespaces."""
    devices = {name: kind for name, kind in things.items() if kind != "netns"}
    batch = [line for index, item in enumerate(devices.items(), 1) for line in _device(index, *item)]
    host.ip(*batch)
    for name in things.keys() - devices.keys():
        host.run(["ip", "netns", "add", name])
        host.run(["ip", "-netns", name, "-batch", "-"], stdin="\n".join([*batch, "link set lo up", ""]))


def _device(index: int, name: str, kind: str) -> Iterator[str]:
    table = f"table {1000 + index}" if kind == "vrf" else ""
    yield f"link add {name} type {kind} {table}"
    if kind == "dummy":
        yield f"link set {name} multicast on arp on"
    yield f"address add 192.0.2.{index}/24 dev {name}"
    yield f"link set {name} up"
