"""What the tests of the IPVS table share: network namespaces, other programs' readings of the table, strategies."""

import itertools
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from hypothesis import strategies as st

from lvsctl.ipvs.model import Dest, DestKey, Persistence, Service, Tunnel, VirtualServer
from lvsctl.vocabulary import (
    Family,
    ForwardingMethod,
    Protocol,
    Scheduler,
    SchedulerFlag,
    ServiceKey,
    TunnelFlag,
    TunnelType,
)

_numbers = itertools.count(1)


@contextmanager
def fresh_netns() -> Iterator[str]:
    """Make a network namespace with an empty table; answer its name."""
    name = f"ipvs-{os.getpid()}-{next(_numbers)}"
    ran("ip", "netns", "add", name)
    try:
        ran("ip", "-n", name, "link", "set", "lo", "up")
        yield name
    finally:
        ran("ip", "netns", "del", name)


def ran(*argv: str, stdin: str | None = None) -> str:
    """Run a program that has to succeed; answer its output."""
    finished = subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=60, check=False)
    assert finished.returncode == 0, f"{argv}: {finished.returncode}: {finished.stderr}"
    return finished.stdout


def ipvsadm(netns: str, *arguments: str, stdin: str | None = None) -> str:
    """Run the real ipvsadm in *netns*."""
    return ran("ip", "netns", "exec", netns, "/sbin/ipvsadm", *arguments, stdin=stdin)


WEB = ServiceKey.tcp("10.0.0.1", 80)
WEB6 = ServiceKey.tcp("2001:db8::1", 80)
MARK = ServiceKey.fwmark(5)
MARK6 = ServiceKey.fwmark(5, Family.INET6)
R1 = DestKey.of("10.1.0.1", 8080)
R2 = DestKey.of("10.1.0.2", 8080)
R6 = DestKey.of("2001:db8::11", 8080)
NAT = Dest(ForwardingMethod.NAT)

_v4 = st.integers(1, 250).map(lambda n: f"10.1.0.{n}")
_v6 = st.integers(1, 250).map(lambda n: f"2001:db8::1:{n:x}")
_ports = st.integers(1, 65535)

keys = st.one_of(
    st.builds(
        ServiceKey.of,
        st.sampled_from(Protocol),
        st.sampled_from(["10.0.0.1", "10.0.0.2"]),
        st.sampled_from([53, 80]),
    ),
    st.builds(ServiceKey.of, st.sampled_from(Protocol), st.just("2001:db8::1"), st.sampled_from([53, 80])),
    st.builds(ServiceKey.fwmark, st.sampled_from([1, 2**31 - 1]), st.sampled_from(Family)),
)

_schedulers = st.one_of(
    st.tuples(st.sampled_from([Scheduler.RR, Scheduler.WRR, Scheduler.WLC]), st.just(SchedulerFlag.NONE)),
    st.tuples(
        st.sampled_from([Scheduler.SH, Scheduler.MH]),
        st.sampled_from(
            [SchedulerFlag.NONE, SchedulerFlag.SH_PORT, SchedulerFlag.SH_PORT | SchedulerFlag.SH_FALLBACK]
        ),
    ),
)


@st.composite
def services(draw: st.DrawFn, key: ServiceKey) -> Service:
    """Settings that the kernel takes for *key*."""
    scheduler, flags = draw(_schedulers)
    persistence = None
    if draw(st.booleans()):
        masks = st.sampled_from([None, 64, 48])
        if key.family is Family.INET:
            masks = st.sampled_from([None, *map(_mask, ("255.255.255.0", "255.255.0.0", "255.0.255.0"))])
        persistence = Persistence(draw(st.integers(1, 86400)), draw(masks))
    one_packet = key.protocol in (Protocol.UDP, None) and draw(st.booleans())
    return Service(scheduler, flags, one_packet=one_packet, persistence=persistence)


def _mask(text: str) -> object:
    from ipaddress import IPv4Address

    return IPv4Address(text)


_tunnels = st.one_of(
    st.just(Tunnel()),
    st.builds(
        Tunnel,
        st.just(TunnelType.GUE),
        _ports,
        st.sampled_from([TunnelFlag.NOCSUM, TunnelFlag.CSUM, TunnelFlag.REMCSUM]),
    ),
    st.builds(
        Tunnel, st.just(TunnelType.GRE), st.just(0), st.sampled_from([TunnelFlag.NOCSUM, TunnelFlag.CSUM])
    ),
)


@st.composite
def dests(draw: st.DrawFn, key: ServiceKey) -> tuple[DestKey, Dest]:
    """A destination that the kernel takes for *key*, and that ipvsadm can express."""
    method = draw(st.sampled_from([ForwardingMethod.NAT, ForwardingMethod.DR, ForwardingMethod.TUN]))
    own, other = (_v4, _v6) if key.family is Family.INET else (_v6, _v4)
    address = draw(st.one_of(own, other) if method is ForwardingMethod.TUN else own)
    port = key.port if method is not ForwardingMethod.NAT and not key.mark else draw(_ports)
    upper = draw(st.integers(0, 70000))
    dest = Dest(
        method,
        weight=draw(st.sampled_from([0, 1, 100, 65535])),
        upper=upper,
        lower=draw(st.integers(0, upper)),
        tunnel=draw(_tunnels) if method is ForwardingMethod.TUN else Tunnel(),
    )
    return DestKey.of(address, port), dest


@st.composite
def servers(draw: st.DrawFn, key: ServiceKey, *, most: int = 4) -> VirtualServer:
    """A whole virtual server for *key*."""
    found = draw(st.lists(dests(key), max_size=most))
    return VirtualServer(draw(services(key)), dict(found))
