from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from lvsctl.keepalived.config import Statement
from lvsctl.spec.addresses import AddressLine, StaticAddressLine
from lvsctl.spec.base import Line, split
from tests.support.conf_probe import complaints, require_keepalived

INSTANCE = tuple(
    map(
        Statement, (("interface", "eth0"), ("virtual_router_id", "51"), ("priority", "100"), ("version", "2"))
    )
)


def asked(lines: Iterable[tuple[str, ...]], folder: Path) -> dict[tuple[str, ...] | None, str]:
    """Answer what keepalived says about each of *lines* as an address of an instance, one file for all of them."""
    items = tuple(Statement(words) for words in lines)
    own = Statement(("virtual_ipaddress",), (Statement(("192.0.2.1",)),))
    instance = (*INSTANCE, own, Statement(("virtual_ipaddress_excluded",), items))
    said = complaints([Statement(("vrrp_instance", "V"), instance)], folder)
    return {each.about.words if each.about else None: each.text for each in said}


ACCEPTED = {
    "10.0.0.100": ("10.0.0.100",),
    "10.0.0.100/24 dev eth0": ("10.0.0.100/24", "dev", "eth0"),
    "10.0.0.100/24 label eth0:1 dev eth0": ("10.0.0.100/24", "dev", "eth0", "label", "eth0:1"),
    "10.0.0.1/30 broadcast +": ("10.0.0.1/30", "brd", "+"),
    "10.0.0.1/24 brd -": ("10.0.0.1/24", "brd", "-"),
    "10.0.0.1 brd 10.0.0.255": ("10.0.0.1", "brd", "10.0.0.255"),
    "10.0.0.1 scope 0xff": ("10.0.0.1", "scope", "0xff"),
    "10.0.0.1 scope link": ("10.0.0.1", "scope", "link"),
    "10.0.0.1/32 peer 10.0.0.2": ("10.0.0.1/32", "peer", "10.0.0.2"),
    "2001:db8::1 peer 2001:db8::2": ("2001:db8::1", "peer", "2001:db8::2"),
    "2001:db8::1/64 scope global": ("2001:db8::1/64", "scope", "global"),
    "2001:db8::1/64 preferred_lft forever": ("2001:db8::1/64", "preferred_lft", "forever"),
    "10.0.0.1 preferred_lft 4294967295": ("10.0.0.1", "preferred_lft", "4294967295"),
    "10.0.0.1 dev eth1 preferred_lft 0 use_vmac": (
        "10.0.0.1",
        "dev",
        "eth1",
        "preferred_lft",
        "0",
        "use_vmac",
    ),
    "2001:db8::1/64 home -nodad mngtmpaddr noprefixroute autojoin no_track": (
        *("2001:db8::1/64", "home", "-nodad", "mngtmpaddr", "noprefixroute", "autojoin", "no_track"),
    ),
}

REFUSED = {
    "10.0.0.300": "an address with an optional prefix length",
    "10.0.0.1/33": "an address with an optional prefix length",
    "fe80::1%eth0": "an address with an optional prefix length",
    "10.0.0.1-9": "an address with an optional prefix length",
    "10.0.0.1 dev eth0 dev eth1": "dev is given twice",
    "10.0.0.1 dev interface-too-long": "1 to 15 characters, not 18",
    "10.0.0.1 scope 256": "a scope: a name, or a number from 0 to 255",
    "10.0.0.1 label eth0:123456789012": "1 to 15 characters, not 17",
    "10.0.0.1/31 brd +": "at most 30",
    "10.0.0.1 brd +": "at most 30",
    "10.0.0.1 brd 10.0.0.256": "an IPv4 broadcast address, + or -",
    "2001:db8::1 brd +": "brd is for IPv4 addresses",
    "2001:db8::1 label a": "label is for IPv4 addresses",
    "2001:db8::1 scope link": "keepalived ignores scope link",
    "10.0.0.1/24 peer 10.0.0.2": "leave its prefix length out",
    "10.0.0.1 peer 10.0.0.2/24": "an IPv4 or IPv6 address",
    "10.0.0.1 peer 2001:db8::1": "of the same family",
    "10.0.0.1 brd 10.0.0.255 peer 10.0.0.2": "no broadcast address",
    "10.0.0.1 preferred_lft 4294967296": "from 0 to 4294967295",
    "10.0.0.1 nodad": "unexpected word 'nodad'",
    "10.0.0.1 use_vmac vmac1": "unexpected word 'vmac1'",
    "10.0.0.1 track_group g": "unexpected word 'track_group'",
    "10.0.0.1 home dev": "a value after 'dev'",
}


def refusal(text: str, model: type[Line] = AddressLine) -> str:
    with pytest.raises(ValidationError) as caught:
        model.of(text)
    return str(caught.value)


@pytest.mark.parametrize(("text", "words"), ACCEPTED.items())
def test_an_address_is_written_as_keepalived_reads_it(text: str, words: tuple[str, ...]) -> None:
    assert AddressLine.of(text).words() == words


@pytest.mark.parametrize(("text", "part"), REFUSED.items())
def test_what_keepalived_would_ignore_is_refused(text: str, part: str) -> None:
    assert part in refusal(text)


@pytest.mark.keepalived
def test_keepalived_accepts_what_is_accepted(tmp_path: Path) -> None:
    require_keepalived()
    assert asked([AddressLine.of(text).words() for text in ACCEPTED], tmp_path) == {}


@pytest.mark.keepalived
def test_keepalived_complains_about_what_is_refused(tmp_path: Path) -> None:
    require_keepalived()
    lines = {tuple(split(text)) for text in REFUSED}
    assert lines - asked(lines, tmp_path).keys() == set()


def test_an_address_may_be_written_as_a_mapping() -> None:
    mapping = {"address": "10.0.0.1/24", "dev": "eth0", "nodad": "true", "preferred_lft": "0", "home": "no"}
    assert (
        AddressLine.model_validate(mapping).words()
        == AddressLine.of("10.0.0.1/24 dev eth0 -nodad preferred_lft 0").words()
    )


def test_a_static_address_follows_a_track_group_and_has_no_virtual_mac() -> None:
    assert StaticAddressLine.of("10.0.0.1 dev eth0 track_group g").words()[-2:] == ("track_group", "g")
    assert "unexpected word 'use_vmac'" in refusal("10.0.0.1 use_vmac", StaticAddressLine)


@pytest.mark.keepalived
def test_keepalived_accepts_a_static_address_in_a_track_group(tmp_path: Path) -> None:
    require_keepalived()
    group = Statement(("track_group", "g"), (Statement(("group",), (Statement(("V",)),)),))
    line = Statement(StaticAddressLine.of("10.0.0.1 dev eth0 track_group g").words())
    own = Statement(("virtual_ipaddress",), (Statement(("192.0.2.1",)),))
    instance = Statement(("vrrp_instance", "V"), (*INSTANCE, own))
    assert complaints([group, Statement(("static_ipaddress",), (line,)), instance], tmp_path) == ()


FLAGS = ("home", "nodad", "mngtmpaddr", "noprefixroute", "autojoin", "no_track", "use_vmac")
ANYWHERE = {
    **dict.fromkeys(FLAGS, st.booleans()),
    "dev": st.sampled_from(["eth0", "eth1"]),
    "preferred_lft": st.integers(0, 2**32 - 1) | st.just("forever"),
}
IPV4_ONLY = {
    "scope": st.sampled_from(["global", "link", "0x10", "255"]),
    "label": st.from_regex(r"[!$-z|~]{1,15}", fullmatch=True).filter(lambda text: "\\" not in text),
}
HOSTS = st.ip_addresses(v=4).map(str)
NETWORKS = st.tuples(HOSTS, st.integers(0, 30)).map(lambda pair: f"{pair[0]}/{pair[1]}")
MAPPINGS = (
    st.fixed_dictionaries({"address": NETWORKS | HOSTS}, optional=ANYWHERE | IPV4_ONLY)
    | st.fixed_dictionaries({"address": NETWORKS, "brd": st.sampled_from("+-") | HOSTS}, optional=ANYWHERE)
    | st.fixed_dictionaries({"address": HOSTS, "peer": HOSTS}, optional=ANYWHERE | IPV4_ONLY)
    | st.fixed_dictionaries({"address": st.ip_addresses(v=6).map(str)}, optional=ANYWHERE)
)
LINES = MAPPINGS.map(AddressLine.model_validate)


@given(LINES)
def test_what_is_written_reads_back_as_the_same_address(line: AddressLine) -> None:
    assert AddressLine.of(" ".join(line.words())).words() == line.words()


@pytest.mark.keepalived
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(LINES, min_size=1, max_size=25))
def test_keepalived_accepts_whatever_the_model_accepts(tmp_path: Path, lines: list[AddressLine]) -> None:
    require_keepalived()
    assert asked([line.words() for line in lines], tmp_path) == {}
