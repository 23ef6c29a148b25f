"""Kernel settings that the spec states, and the table of connections that a firewall keeps."""

from collections.abc import Iterator
from typing import Final

from lvsctl.doctor.model import DIRECTOR, ERROR, WARNING, Found, Machine, check
from lvsctl.doctor.sysctl import slashed

COUNT: Final = "net/netfilter/nf_conntrack_count"
MOST: Final = "net/netfilter/nf_conntrack_max"
FULL: Final = 0.8


@check(
    "LVD230",
    ERROR,
    "A kernel setting that is not what the spec states",
    why="What is rendered, and how a sorry is switched, relies on that statement: with another value clients are refused while everything is healthy.",
    remedy="Set it, now and in /etc/sysctl.d; or correct `sysctl` in the spec.",
    roles=DIRECTOR,
    needs_spec=True,
    not_adopted=True,
)
def not_as_stated(machine: Machine) -> Iterator[Found]:
    """Everything under `sysctl` of the spec."""
    stated = machine.spec.sysctl
    for name, wanted in (
        stated.model_dump(by_alias=True, exclude_none=True) if stated is not None else {}
    ).items():
        value = machine.host.sysctl(slashed(name))
        if value is not None and value != wanted:
            yield Found(
                name,
                f"it is {value}, and the spec states {wanted}",
                f"sysctl -w {name}={wanted}, and the same in /etc/sysctl.d/60-lvs.conf",
            )


@check(
    "LVD231",
    WARNING,
    "A connection table that is nearly full",
    why="When it is full the kernel drops every new connection (nf_conntrack: table full), whatever IPVS would do with it.",
    remedy="Raise net.netfilter.nf_conntrack_max (about 320 bytes each), or let balanced traffic be notrack.",
)
def nearly_full(machine: Machine) -> Iterator[Found]:
    """Where the module is loaded."""
    count, most = machine.host.sysctl(COUNT), machine.host.sysctl(MOST)
    if count is not None and most and count > most * FULL:
        yield Found(
            "nf_conntrack",
            f"{count} of {most} connections",
            f"sysctl -w net.netfilter.nf_conntrack_max={most * 2}, and the same in /etc/sysctl.d/60-lvs.conf",
        )
