from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from lvsctl.keepalived.config import Statement
from lvsctl.spec.base import split
from lvsctl.spec.ip_rules import TYPES, RuleLine, StaticRuleLine
from tests.support.conf_probe import complaints, require_keepalived
from tests.support.model_probe import edges, replaced

INSTANCE = (
    *map(
        Statement, (("interface", "eth0"), ("virtual_router_id", "51"), ("priority", "100"), ("version", "2"))
    ),
    Statement(("virtual_ipaddress",), (Statement(("192.0.2.1",)),)),
)


def asked(lines: Iterable[tuple[str, ...]], folder: Path) -> dict[tuple[str, ...] | None, str]:
    """Answer what keepalived says about each of *lines* as a rule of an instance, one file for all of them."""
    items = tuple(Statement(words) for words in lines)
    instance = (*INSTANCE, Statement(("virtual_rules",), items))
    said = complaints([Statement(("vrrp_instance", "V"), instance)], folder)
    return {each.about.words if each.about else None: each.text for each in said}


ACCEPTED = {
    "from 10.0.0.0/8 table 5 priority 100": "from 10.0.0.0/8 table 5 priority 100",
    "to 10.0.0.0/8 from 10.1.0.0/16 lookup main order 7": "from 10.1.0.0/16 to 10.0.0.0/8 table main priority 7",
    "from all to 2001:db8::/64 table 5 preference 0x10": "from all to 2001:db8::/64 table 5 priority 16",
    "inet6 from all table 5 priority 1": "from ::/0 table 5 priority 1",
    "inet from default table 5 priority 1": "from 0.0.0.0/0 table 5 priority 1",
    "inet6 to 2001:db8::/64 table 5 priority 1": "to 2001:db8::/64 table 5 priority 1",
    "table 5 priority 1 inet6": "from ::/0 table 5 priority 1",
    "inet fwmark 1 table 5 priority 1": "fwmark 1 table 5 priority 1",
    "not from 10.0.0.0/8 blackhole priority 1": "not from 10.0.0.0/8 blackhole priority 1",
    "from 10.0.0.0/8 type nop priority 1": "from 10.0.0.0/8 nop priority 1",
    "dev eth0 oif eth1 prohibit priority 1": "iif eth0 oif eth1 prohibit priority 1",
    "iif lo l3mdev priority 0": "iif lo l3mdev priority 0",
    "from 10.0.0.0/8 goto 4294967295 priority 4294967294": "from 10.0.0.0/8 goto 4294967295 priority 4294967294",
    "fwmark 0x10/0xff dsfield 0x10 tunnel-id 7 table 5 priority 1": (
        "fwmark 0x10/0xff tos 0x10 tunnel-id 7 table 5 priority 1"
    ),
    "uidrange 0-99 ipproto tcp sport 80 dport 80-90 table 5 priority 1": (
        "uidrange 0-99 ipproto tcp sport 80-80 dport 80-90 table 5 priority 1"
    ),
    "table 5 realms 3/cosmos sup_pl 0 sup_group default priority 1": (
        "table 5 realms 3/cosmos suppress_prefixlength 0 suppress_ifgroup default priority 1"
    ),
    "table 5 no_track protocol 4 priority 1": "table 5 protocol 4 priority 1 no_track",
    "table 5 protocol 18 priority 1": "table 5 protocol 18 priority 1",
}
"""What is typed, and what is written."""

REFUSED = {
    "from 10.0.0.0/8 priority 1": "expected exactly one of table, l3mdev, goto, blackhole",
    "from 10.0.0.0/8 table 5": "priority",
    "table 5 l3mdev priority 1": "expected exactly one",
    "table 5 blackhole priority 1": "expected exactly one",
    "goto 5 priority 5": "does not lead to a later rule",
    "table 0 priority 1": "a number from 1 to 4294967295",
    "unicast from 10.0.0.0/8 priority 1": "unexpected word 'unicast'",
    "from 10.0.0.0/8 to 2001:db8::/64 table 5 priority 1": "all for IPv4 or all for IPv6",
    "from 2001:db8::/64 realms 3 table 5 priority 1": "all for IPv4 or all for IPv6",
    "from 10.0.0.0/8 to all table 5 priority 1": "says nothing",
    "nop realms 3 priority 1": "need table or l3mdev",
    "goto 7 suppress_prefixlength 3 priority 1": "need table or l3mdev",
    "table 5 realms 256 priority 1": "a realm",
    "table 5 fwmark 4294967296 priority 1": "MARK/MASK",
    "table 5 fwmark 1/x priority 1": "MARK/MASK",
    "table 5 suppress_ifgroup 2147483648 priority 1": "an interface group",
    "table 5 uidrange 5 x priority 1": "unexpected word 'x'",
    "table 5 protocol 4 priority 1": "needs no_track",
    "table 5 protocol static no_track priority 1": "a whole number from 0 to 255",
    "table 5 ipproto 0x6 priority 1": "an IP protocol",
    "table 5 ipproto 256 priority 1": "an IP protocol",
    "table 5 tos 256 priority 1": "a type of service",
    "table 5 priority 1 pref 2": "unexpected word 'pref'",
    "table 5 priority 4294967296": "from 0 to 4294967295",
    "table 5 tunnel-id 18446744073709551616 priority 1": "from 1 to 18446744073709551615",
    "table 5 track_group g priority 1": "unexpected word 'track_group'",
}

OURS = {
    "table 5 priority 010": "decimal or 0x",
    "table 5 tunnel-id 0 priority 1": "from 1 to",
    "table 5 sport 90-80 priority 1": "a range of ports",
    "table 5 dport 1-65536 priority 1": "a range of ports",
    "table 5 uidrange 9-5 priority 1": "a range of user ids",
    "table 5 uidrange 0-4294967295 priority 1": "a range of user ids",
    "from 10.0.0.0/8 table 5 priority 1 inet6": "expected an IPv6 destination",
    "table 5 priority": "a value after 'priority'",
}
"""Refused although keepalived says nothing: it reads something else, nothing, or what the kernel refuses."""


def refusal(text: str) -> str:
    with pytest.raises(ValidationError) as caught:
        RuleLine.of(text)
    return str(caught.value)


@pytest.mark.parametrize(("text", "written"), ACCEPTED.items())
def test_a_rule_is_written_as_keepalived_reads_it(text: str, written: str) -> None:
    assert " ".join(RuleLine.of(text).words()) == written
    assert RuleLine.of(written).words() == RuleLine.of(text).words()


@pytest.mark.parametrize(("text", "part"), {**REFUSED, **OURS}.items())
def test_what_keepalived_would_misread_is_refused(text: str, part: str) -> None:
    assert part in refusal(text)


@pytest.mark.keepalived
def test_keepalived_accepts_what_is_accepted(tmp_path: Path) -> None:
    require_keepalived()
    assert asked([RuleLine.of(text).words() for text in ACCEPTED], tmp_path) == {}


@pytest.mark.keepalived
def test_keepalived_complains_about_what_is_refused(tmp_path: Path) -> None:
    require_keepalived()
    assert {text for text in REFUSED if not asked([tuple(split(text))], tmp_path)} == set()


@pytest.mark.keepalived
def test_keepalived_reads_no_single_port_and_no_family_before_another_word(tmp_path: Path) -> None:
    require_keepalived()
    single = ("sport", "80", "table", "5", "priority", "1")
    family = ("inet6", "from", "2001:db8::/64", "table", "5", "priority", "1")
    assert asked([single, family], tmp_path) == {
        single: "invalid sport range 80",
        family: "Unknown rule option 2001:db8::/64",
    }


def test_a_rule_may_be_written_as_a_mapping_in_keepalived_s_words() -> None:
    mapping = {"not": "yes", "from": "10.0.0.0/8", "tunnel-id": "7", "table": "5", "priority": "1"}
    assert " ".join(RuleLine.model_validate(mapping).words()) == (
        "not from 10.0.0.0/8 tunnel-id 7 table 5 priority 1"
    )


def test_a_static_rule_follows_a_track_group_by_its_interface() -> None:
    text = "iif eth0 table 5 priority 1 track_group g"
    assert " ".join(StaticRuleLine.of(text).words()) == text
    with pytest.raises(ValidationError, match="track_group needs iif"):
        StaticRuleLine.of("table 5 priority 1 track_group g")


@pytest.mark.keepalived
def test_keepalived_accepts_a_static_rule_in_a_track_group(tmp_path: Path) -> None:
    require_keepalived()
    group = Statement(("track_group", "g"), (Statement(("group",), (Statement(("V",)),)),))
    rule = Statement(StaticRuleLine.of("iif eth0 table 5 priority 1 track_group g").words())
    instance = Statement(("vrrp_instance", "V"), INSTANCE)
    assert complaints([group, Statement(("static_rules",), (rule,)), instance], tmp_path) == ()


@pytest.mark.keepalived
def test_keepalived_agrees_with_every_range(tmp_path: Path) -> None:
    require_keepalived()
    line = RuleLine.of("table 5 suppress_prefixlength 1 protocol 1 no_track priority 1")
    numbers = [edge for edge in edges(RuleLine) if edge.path[0] in line.model_fields_set]
    inside = {replaced(line, each.path, value).words() for each in numbers for value in (each.low, each.high)}
    outside = {
        replaced(line, each.path, value).words()
        for each in numbers
        for value in (each.low - 1, each.high + 1)
    }
    assert len(numbers) == 2
    assert asked(inside | outside, tmp_path).keys() == outside


def of_version(version: Literal[4, 6]) -> st.SearchStrategy[dict[str, Any]]:
    networks = st.tuples(st.ip_addresses(v=version).map(str), st.integers(0, 32)).map(
        lambda pair: f"{pair[0]}/{pair[1]}"
    )
    spans = st.tuples(st.integers(0, 65535), st.integers(0, 65535)).map(
        lambda pair: f"{min(pair)}-{max(pair)}"
    )
    matches = {
        "not": st.booleans(),
        "from": networks | st.sampled_from(["all", "default", "any"]),
        "to": networks,
        "iif": st.sampled_from(["eth0", "lo"]),
        "oif": st.just("eth1"),
        "fwmark": st.sampled_from(["1", "0x10/0xff", "4294967295"]),
        "tos": st.sampled_from(["0x10", "255"]),
        "tunnel-id": st.integers(1, 2**64 - 1),
        "uidrange": spans,
        "ipproto": st.sampled_from(["tcp", "17"]),
        "sport": spans | st.just("80"),
        "dport": spans,
        "no_track": st.booleans(),
    }
    routes = {
        "suppress_prefixlength": st.integers(0, 128),
        "suppress_ifgroup": st.sampled_from(["default", "5"]),
    }
    routes |= {"realms": st.just("3/4")} if version == 4 else {}
    priority = {"priority": st.integers(0, 2**31)}
    return (
        st.fixed_dictionaries(
            {**priority, "table": st.sampled_from(["main", "5"])}, optional={**matches, **routes}
        )
        | st.fixed_dictionaries({**priority, "l3mdev": st.just(value=True)}, optional={**matches, **routes})
        | st.fixed_dictionaries({**priority, "type": st.sampled_from(TYPES)}, optional=matches)
        | st.fixed_dictionaries({**priority, "goto": st.integers(2**31 + 1, 2**32 - 1)}, optional=matches)
    )


LINES = (of_version(4) | of_version(6)).map(RuleLine.model_validate)


@given(LINES)
def test_what_is_written_reads_back_as_the_same_rule(line: RuleLine) -> None:
    assert RuleLine.of(" ".join(line.words())).words() == line.words()


@pytest.mark.keepalived
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(LINES, min_size=1, max_size=20))
def test_keepalived_accepts_whatever_the_model_accepts(tmp_path: Path, lines: list[RuleLine]) -> None:
    require_keepalived()
    assert asked([line.words() for line in lines], tmp_path) == {}
