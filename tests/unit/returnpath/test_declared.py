"""What a spec says about the way back: who makes it, in which table, and for whom."""

from pathlib import Path

import pytest

from lvsctl.compose.return_paths import intended
from lvsctl.net.model import PROTO
from lvsctl.returnpath.intent import Intended
from lvsctl.spec.load import read

GOLDEN = Path(__file__).parents[2] / "golden/return_paths.yaml"


def said(node: str) -> Intended:
    return intended(read(GOLDEN).spec(node))


@pytest.fixture(scope="module")
def lb1() -> Intended:
    return said("lb1")


def test_a_table_belongs_to_one_owner_and_avoids_those_of_the_spec(lb1: Intended) -> None:
    assert {str(path.address): (path.instance, path.table) for path in lb1.paths} == {
        "203.0.113.10": ("VI_1", 1001),
        "203.0.113.11": ("VI_1", 1001),
        "203.0.113.12": ("VI_1", 1150),
        "203.0.113.20": ("VI_2", 1003),
        "203.0.113.21": ("VI_2", 1003),
        "2001:db8:1::10": ("VI_1", 1004),
        "198.51.100.1": ("", 1005),
    }


def test_a_failover_ip_that_vrrp_has_not_is_on_both_nodes_and_never_a_source_by_itself(
    lb1: Intended,
) -> None:
    assert [*map(str, lb1.addresses)] == ["198.51.100.1/32 dev eth1 preferred_lft 0"]
    assert lb1.addresses == said("lb2").addresses
    assert lb1.addresses[0].proto == PROTO


def test_real_servers_answer_for_an_address_by_nat_only_and_no_director_is_one(lb1: Intended) -> None:
    servers = {str(path.address): [*map(str, path.real_servers)] for path in lb1.paths if path.real_servers}
    assert servers == {"203.0.113.10": ["10.1.0.21"], "198.51.100.1": ["10.1.0.21"]}
    assert all(path.forwarded for path in lb1.paths)


def test_a_node_may_have_a_way_of_its_own() -> None:
    assert [path.interface for path in said("lb2").paths if str(path.address) == "203.0.113.12"] == ["eth2"]
