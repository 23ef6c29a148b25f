from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from lvsctl.keepalived.config import Statement
from lvsctl.spec.base import split
from lvsctl.spec.next_hops import LOCKABLE, Encap, NextHop
from lvsctl.spec.routes import ORDERS, TYPES, RouteLine, StaticRouteLine
from tests.support.conf_probe import complaints, require_keepalived
from tests.support.model_probe import Edge, edges, replaced

INSTANCE = (
    *map(
        Statement, (("interface", "eth0"), ("virtual_router_id", "51"), ("priority", "100"), ("version", "2"))
    ),
    Statement(("virtual_ipaddress",), (Statement(("192.0.2.1",)),)),
)


def asked(lines: Iterable[tuple[str, ...]], folder: Path) -> dict[tuple[str, ...] | None, str]:
    """Answer what keepalived says about each of *lines* as a route of an instance, one file for all of them."""
    items = tuple(Statement(words) for words in lines)
    instance = (*INSTANCE, Statement(("virtual_routes",), items))
    said = complaints([Statement(("vrrp_instance", "V"), instance)], folder)
    return {each.about.words if each.about else None: each.text for each in said}


ACCEPTED = {
    "10.0.0.0/8 dev eth0": "10.0.0.0/8 dev eth0",
    "to 10.0.0.0/8 oif eth0": "10.0.0.0/8 dev eth0",
    "dev eth0 blackhole 10.0.0.0/8": "blackhole 10.0.0.0/8 dev eth0",
    "throw 10.0.0.0/8 no_track": "throw 10.0.0.0/8 no_track",
    "default via 10.0.0.1 dev eth0": "default via 10.0.0.1 dev eth0",
    "default via inet6 2001:db8::1 dev eth0": "default via 2001:db8::1 dev eth0",
    "inet6 default dev eth0": "::/0 dev eth0",
    "default dev eth0 inet": "0.0.0.0/0 dev eth0",
    "default6 dev eth0": "::/0 dev eth0",
    "10.0.0.0/8 gw 10.0.0.1 dev eth0": "10.0.0.0/8 via 10.0.0.1 dev eth0",
    "10.0.0.0/8 dev eth0 priority 7 dsfield 0x10": "10.0.0.0/8 dev eth0 metric 7 tos 0x10",
    "10.0.0.0/8 dev eth0 table main scope link src 10.0.0.2 onlink": (
        "10.0.0.0/8 dev eth0 src 10.0.0.2 table main scope link onlink"
    ),
    "10.0.0.0/8 dev eth0 no_track protocol static": "10.0.0.0/8 dev eth0 protocol static no_track",
    "10.0.0.0/8 dev eth0 protocol keepalived": "10.0.0.0/8 dev eth0 protocol keepalived",
    "10.0.0.0/8 dev eth0 mtu lock 1400 rtt 250ms rttvar lock 1.5s rto_min 200": (
        "10.0.0.0/8 dev eth0 mtu lock 1400 rtt 250ms rttvar lock 1.5s rto_min 200"
    ),
    "10.0.0.0/8 dev eth0 congctl lock cubic features ecn append": (
        "10.0.0.0/8 dev eth0 features ecn congctl lock cubic append"
    ),
    "2001:db8::/64 dev eth0 from 2001:db8:1::/64 pref high expires 10": (
        "2001:db8::/64 dev eth0 from 2001:db8:1::/64 pref high expires 10"
    ),
    "10.0.0.0/8 dev eth0 ttl-propagate disabled realms 3/cosmos": (
        "10.0.0.0/8 dev eth0 realms 3/cosmos ttl-propagate disabled"
    ),
    "10.0.0.0/8 encap ip id 5 dst 10.0.0.9 ttl 3 dev eth0": "10.0.0.0/8 dev eth0 encap ip id 5 dst 10.0.0.9 ttl 3",
    "10.0.0.0/8 encap ip dst 10.0.0.9 hoplimit 3 dev eth0": "10.0.0.0/8 dev eth0 hoplimit 3 encap ip dst 10.0.0.9",
    "10.0.0.0/8 encap mpls 100/200 dev eth0": "10.0.0.0/8 dev eth0 encap mpls 100/200",
    "2001:db8::/64 encap ila 1:2:3:4 dev eth0": "2001:db8::/64 dev eth0 encap ila 1:2:3:4",
    "2001:db8::/64 dev eth0 encap ip6 dst 2001:db8::1 tc 4 hoplimit 9": (
        "2001:db8::/64 dev eth0 encap ip6 dst 2001:db8::1 tc 4 hoplimit 9"
    ),
    "10.0.0.0/8 dev eth0 nexthop via 10.0.0.1 weight 256 nexthop via inet 10.0.0.2 dev eth1 onlink realms 4": (
        "10.0.0.0/8 dev eth0 nexthop via 10.0.0.1 weight 256 nexthop via 10.0.0.2 dev eth1 onlink realms 4"
    ),
    "inet6 default dev eth0 nexthop dev eth0 encap mpls 5 nexthop dev eth1": (
        "::/0 dev eth0 nexthop dev eth0 encap mpls 5 nexthop dev eth1"
    ),
}
"""What is typed, and what is written."""

UNTRACKED = ("10.0.0.0/8 via 10.0.0.1", "blackhole 10.0.0.0/8", "10.0.0.0/8 nexthop via 10.0.0.1")

REFUSED = {
    "dev eth0": "to",
    "10.0.0.0/33 dev eth0": "or default",
    "10.0.0.0/8 dev eth0 table 0x1ffffffff": "a routing table",
    "10.0.0.0/8 dev eth0 tos 256": "a type of service",
    "10.0.0.0/8 dev eth0 scope 256": "a scope",
    "10.0.0.0/8 dev eth0 protocol 256 no_track": "a routing protocol",
    "10.0.0.0/8 dev eth0 protocol static": "needs no_track",
    "10.0.0.0/8 dev eth0 metric 0x10": "a whole number",
    "10.0.0.0/8 dev eth0 realms 256": "a realm",
    "2001:db8::/64 dev eth0 realms 3": "all for IPv4 or all for IPv6",
    "2001:db8::/64 dev eth0 via 10.0.0.1": "all for IPv4 or all for IPv6",
    "10.0.0.0/8 dev eth0 via inet6 2001:db8::1": "all for IPv4 or all for IPv6",
    "10.0.0.0/8 dev eth0 src 2001:db8::1": "all for IPv4 or all for IPv6",
    "10.0.0.0/8 dev eth0 pref low": "all for IPv4 or all for IPv6",
    "10.0.0.0/8 dev eth0 expires 5": "all for IPv4 or all for IPv6",
    "10.0.0.0/8 dev eth0 nexthop via 2001:db8::1": "all for IPv4 or all for IPv6",
    "10.0.0.0/8 dev eth0 from 10.1.0.0/16": "from is for IPv6",
    "10.0.0.0/8 dev eth0 inet6": "expected an IPv6 destination",
    "10.0.0.0/8 dev eth0 rtt 960001": "a time such as",
    "10.0.0.0/8 dev eth0 rtt 0.5": "a time such as",
    "10.0.0.0/8 dev eth0 rtt 0.0001s": "a time such as",
    "10.0.0.0/8 dev eth0 rtt 1.5ms": "a time such as",
    "10.0.0.0/8 dev eth0 rtt 2m": "a time such as",
    "10.0.0.0/8 dev eth0 features foo": "expected one of ecn",
    "10.0.0.0/8 dev eth0 quickack 2": "from 0 to 1",
    "10.0.0.0/8 dev eth0 ttl-propagate 1": "expected one of enabled, disabled",
    "2001:db8::/64 dev eth0 pref 256": "low, medium, high",
    "10.0.0.0/8 dev eth0 as to 10.1.1.1": "unexpected word 'as'",
    "10.0.0.0/8 via 10.0.0.1 dev eth0 or 10.0.0.2": "nexthop via ADDRESS nexthop via ADDRESS",
    "10.0.0.0/8 dev eth0 track_group g": "unexpected word 'track_group'",
    "10.0.0.0/8 dev eth0 nexthop via 10.0.0.1 weight 0": "from 1 to 256",
    "10.0.0.0/8 dev eth0 nexthop via 10.0.0.1 table 5": "unexpected word 'table'",
    "10.0.0.0/8 dev eth0 encap ip ttl 3": "needs dst or id",
    "10.0.0.0/8 dev eth0 encap ip dst 2001:db8::1": "goes between IPv4 addresses",
    "10.0.0.0/8 dev eth0 encap gue id 3": "expected one of ip, ip6, mpls, ila",
    "10.0.0.0/8 dev eth0 encap mpls 1/2/3": "MPLS labels such as",
    "10.0.0.0/8 dev eth0 encap mpls 1048576": "MPLS labels such as",
    "10.0.0.0/8 dev eth0 encap ila 10000:0:0:1": "MPLS labels such as",
}

OURS = {
    "10.0.0.0/8 10.0.0.0/9 dev eth0": "unexpected word '10.0.0.0/9'",
    "10.0.0.0/8 dev eth0 table 010": "a routing table",
    "10.0.0.0/8 dev eth0 rtt 961s": "a time such as",
    "10.0.0.0/8 dev eth0 vrf v table 3": "leave table or vrf out",
    "10.0.0.0/8 dev eth0 nexthop": "needs via, dev or both",
    "10.0.0.0/8 dev eth0 via": "an address after 'via'",
    "10.0.0.0/8 dev eth0 via inet": "an address after 'via'",
    "10.0.0.0/8 dev eth0 via inet 2001:db8::1": "of family inet",
    "10.0.0.0/8 dev eth0 mtu": "a value, or lock and a value",
    "10.0.0.0/8 dev eth0 mtu lock": "a whole number",
    "10.0.0.0/8 dev eth0 encap": "expected one of ip, ip6, mpls, ila",
    "10.0.0.0/8 dev eth0 encap mpls": "encap mpls needs labels",
    "10.0.0.0/8 dev eth0 encap ila 100": "no label for encap ila",
    "10.0.0.0/8 dev eth0 inet inet6": "both inet and inet6",
}
"""Refused although keepalived says nothing, stops at once, or cannot be asked here."""


def refusal(text: str) -> str:
    with pytest.raises(ValidationError) as caught:
        RouteLine.of(text)
    return str(caught.value)


@pytest.mark.parametrize(("text", "written"), ACCEPTED.items())
def test_a_route_is_written_as_keepalived_reads_it(text: str, written: str) -> None:
    assert " ".join(RouteLine.of(text).words()) == written
    assert RouteLine.of(written).words() == RouteLine.of(text).words()


@pytest.mark.parametrize(("text", "part"), {**REFUSED, **OURS}.items())
def test_what_keepalived_would_misread_is_refused(text: str, part: str) -> None:
    assert part in refusal(text)


@pytest.mark.parametrize("text", UNTRACKED)
def test_a_route_without_interface_is_written_as_untracked_which_keepalived_makes_it(text: str) -> None:
    line = RouteLine.of(text)
    assert line.no_track
    assert line.protocol == "18"


@pytest.mark.keepalived
def test_keepalived_accepts_what_is_accepted(tmp_path: Path) -> None:
    require_keepalived()
    assert asked([RouteLine.of(text).words() for text in (*ACCEPTED, *UNTRACKED)], tmp_path) == {}


@pytest.mark.keepalived
def test_keepalived_complains_about_what_is_refused(tmp_path: Path) -> None:
    require_keepalived()
    lines = {tuple(split(text)) for text in (*REFUSED, *UNTRACKED)}
    silent = {words for words in lines if not asked([words], tmp_path)}  # one by one: some crash it
    assert silent == {("10.0.0.0/8", "dev", "eth0", "table", "0x1ffffffff")}  # it takes the lower 32 bits


@pytest.mark.keepalived
def test_a_family_word_swallows_the_next_one_in_keepalived(tmp_path: Path) -> None:
    require_keepalived()
    line = ("inet6", "default", "dev", "eth0")
    assert asked([line], tmp_path) == {line: "Route must have a destination"}


def test_a_route_may_be_written_as_a_mapping() -> None:
    hops = ["via 10.0.0.1 weight 2", {"via": "10.0.0.2", "dev": "eth1"}]
    mapping = {
        "to": "10.0.0.0/8",
        "dev": "eth0",
        "ttl-propagate": "enabled",
        "mtu": "lock 1400",
        "nexthop": hops,
    }
    assert " ".join(RouteLine.model_validate(mapping).words()) == (
        "10.0.0.0/8 dev eth0 mtu lock 1400 ttl-propagate enabled"
        " nexthop via 10.0.0.1 weight 2 nexthop via 10.0.0.2 dev eth1"
    )


def test_a_tunnel_may_be_written_as_a_mapping() -> None:
    mapping = {"type": "ip", "dst": "10.0.0.9", "id": "7"}
    assert Encap.model_validate(mapping).words() == ("ip", "id", "7", "dst", "10.0.0.9")


def test_the_track_group_of_a_static_route_stands_before_its_next_hops() -> None:
    text = "blackhole 10.0.0.0/8 track_group g dev eth0 nexthop via 10.0.0.1"
    assert " ".join(StaticRouteLine.of(text).words()) == text
    with pytest.raises(ValidationError, match="track_group needs dev"):
        StaticRouteLine.of("10.0.0.0/8 track_group g")


@pytest.mark.keepalived
def test_keepalived_accepts_static_routes_in_a_track_group(tmp_path: Path) -> None:
    require_keepalived()
    group = Statement(("track_group", "g"), (Statement(("group",), (Statement(("V",)),)),))
    texts = ("10.0.0.0/8 track_group g dev eth0 nexthop via 10.0.0.1", "10.0.0.0/8 dev eth0 track_group g")
    routes = tuple(Statement(StaticRouteLine.of(text).words()) for text in texts)
    instance = Statement(("vrrp_instance", "V"), INSTANCE)
    assert complaints([group, Statement(("static_routes",), routes), instance], tmp_path) == ()


NUMBERED = {
    "": RouteLine.of(
        "2001:db8::/64 dev eth0 metric 1 expires 1 hoplimit 1 window 1 initcwnd 1 initrwnd 1 quickack 1"
        " fastopen_no_cookie 1"
    ),
    "::/0 dev eth0 nexthop": NextHop.of("dev eth0 weight 1"),
    "::/0 dev eth0 encap": Encap.of("ip id 1 dst 10.0.0.9 ttl 1 flags 1"),
}
"""Lines with all of their numbers, and the words they stand behind."""


@pytest.mark.keepalived
@pytest.mark.parametrize("before", NUMBERED)
def test_keepalived_agrees_with_every_range(before: str, tmp_path: Path) -> None:
    require_keepalived()
    line = NUMBERED[before]
    numbers = [edge for edge in edges(type(line)) if edge.path[0] in line.model_fields_set]

    def words(edge: Edge, value: int) -> tuple[str, ...]:
        return (*before.split(), *replaced(line, edge.path, value).words())

    inside = {words(edge, value) for edge in numbers for value in (edge.low, edge.high)}
    outside = {words(edge, value) for edge in numbers for value in (edge.low - 1, edge.high + 1)}
    assert len(numbers) == str(line).count("=1")
    assert asked(inside | outside, tmp_path).keys() == outside


OPTIONS = {
    "metric": st.integers(0, 2**32 - 1),
    "table": st.sampled_from(["main", "local", "0x10", "4294967295"]),
    "scope": st.sampled_from(["global", "link", "253"]),
    "tos": st.sampled_from(["0x10", "255", "AF11"]),
    "onlink": st.booleans(),
    "order": st.sampled_from(ORDERS),
    "type": st.sampled_from(TYPES),
    "hoplimit": st.integers(0, 255),
    "window": st.integers(0, 2**32 - 1),
    "features": st.just("ecn"),
    "quickack": st.integers(0, 1),
    "congctl": st.sampled_from(["cubic", "lock bbr"]),
    "ttl-propagate": st.sampled_from(["enabled", "disabled"]),
    **{
        name: st.tuples(st.sampled_from(["", "lock "]), st.integers(200, 100000)).map(
            lambda pair: f"{pair[0]}{pair[1]}"
        )
        for name in LOCKABLE
        if name != "congctl"
    },
}


def of_version(version: Literal[4, 6]) -> st.SearchStrategy[dict[str, Any]]:
    hosts = st.ip_addresses(v=version).map(str)
    networks = st.tuples(hosts, st.integers(0, 32)).map(lambda pair: f"{pair[0]}/{pair[1]}")
    tunnels = st.sampled_from(["mpls 5", "mpls 5/6", "ip id 5 tos 3", "ip6 id 5 hoplimit 3", "ila 1:2:3:4"])
    hop = st.fixed_dictionaries(
        {"via": hosts},
        optional={
            "weight": st.integers(1, 256),
            "dev": st.just("eth1"),
            "onlink": st.booleans(),
            "encap": tunnels,
        },
    )
    own = {"realms": st.just("3/4")} if version == 4 else {"expires": st.integers(0, 99), "from": networks}
    optional = {
        **OPTIONS,
        **own,
        "dev": st.sampled_from(["eth0", "eth1"]),
        "via": hosts,
        "src": hosts,
        "encap": tunnels,
        "nexthop": st.lists(hop, min_size=1, max_size=3),
    }
    return st.fixed_dictionaries({"to": networks | hosts | st.just("default")}, optional=optional)


LINES = (of_version(4) | of_version(6)).map(RouteLine.model_validate)


@given(LINES)
def test_what_is_written_reads_back_as_the_same_route(line: RouteLine) -> None:
    assert RouteLine.of(" ".join(line.words())).words() == line.words()


@pytest.mark.keepalived
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(LINES, min_size=1, max_size=20))
def test_keepalived_accepts_whatever_the_model_accepts(tmp_path: Path, lines: list[RouteLine]) -> None:
    require_keepalived()
    assert asked([line.words() for line in lines], tmp_path) == {}
