"""Addresses and targets mean the same in every spelling, and nothing else does."""

from ipaddress import IPv4Address, IPv6Network

import pytest

from lvsctl.failover.observation import (
    Observation,
    Status,
    as_failover_address,
    as_target,
    on_the_wire,
)


@pytest.mark.parametrize(
    ("text", "target", "wire"),
    [
        ("192.0.2.11", "192.0.2.11", "192.0.2.11"),
        ("2a01:4f8:0:5176::", "2a01:4f8:0:5176::/64", "2a01:4f8:0:5176::"),
        ("2A01:04F8:0000:5176::0/64", "2a01:4f8:0:5176::/64", "2a01:4f8:0:5176::"),
        ("42", "42", "42"),
        ("042", "42", "42"),
        ("rack-7", "rack-7", "rack-7"),
    ],
)
def test_a_target_has_one_spelling(text: str, target: str, wire: str) -> None:
    assert as_target(text) == target
    assert on_the_wire(as_target(text)) == wire
    assert as_target(as_target(text)) == target


@pytest.mark.parametrize(
    "text", ["", "a\nb", "2a01:4f8:0:5176::1", "2a01:4f8::/48", "2a01:4f8:0:5176::%eth0", "::1:"]
)
def test_what_is_no_target(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        as_target(text)


def test_a_failover_address_is_an_ipv4_address_or_a_64() -> None:
    assert as_failover_address("203.0.113.10") == IPv4Address("203.0.113.10")
    assert as_failover_address("203.0.113.8/29") == IPv4Address("203.0.113.8")
    assert as_failover_address("2001:db8:f::") == IPv6Network("2001:db8:f::/64")
    for wrong in ("203.0.113.9/29", "2001:db8:f::1", "2001:db8::/56", "vip"):
        with pytest.raises(ValueError, match=r"."):
            as_failover_address(wrong)


@pytest.mark.parametrize(
    ("active", "status", "settled"),
    [
        ("192.0.2.11", None, True),
        ("192.0.2.11", Status.READY, True),
        ("192.0.2.11", Status.PROCESSING, False),
        ("192.0.2.12", Status.READY, False),
        (None, Status.READY, False),
    ],
)
def test_processing_is_not_done(active: str | None, status: Status | None, *, settled: bool) -> None:
    seen = Observation(None if active is None else as_target(active), status, 0.0)
    assert seen.is_settled_on(as_target("192.0.2.11")) is settled
