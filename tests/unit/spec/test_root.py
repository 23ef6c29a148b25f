from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from lvsctl.keepalived.config import Statement
from lvsctl.spec.layout import fields
from lvsctl.spec.root import Root, Ssl
from tests.support.conf_probe import complaints, require_keepalived
from tests.support.model_probe import edges, fields_without_keyword, keywords_without_field, replaced, written

EVERYTHING: dict[str, Any] = {
    "net_namespace": "blue",
    "net_namespace_ipvs": "true",
    "namespace_with_ipsets": "true",
    "instance": "one",
    "use_pid_dir": "true",
    "child_wait_time": "10",
    "global_defs": {"dynamic_interfaces": "true"},
    "linkbeat_use_polling": "true",
    "linkbeat_interfaces": ["eth0", "eth1 ETHTOOL"],
    "interface_up_down_delays": ["eth0 0.5", {"interface": "eth1", "down": "2", "up": "255"}],
    "SSL": {"password": "a b#c", "ca": "/tmp/ca", "certificate": "/tmp/cert", "key": "/tmp/key"},
}

INSTANCE = Statement(
    ("vrrp_instance", "VI_1"),
    (
        Statement(("interface", "eth0")),
        Statement(("virtual_router_id", "51")),
        Statement(("priority", "100")),
        Statement(("virtual_ipaddress",), (Statement(("192.0.2.1/24", "dev", "eth0")),)),
    ),
)
"""Without an instance keepalived starts no VRRP process, which is the one that reads about interfaces."""


def root(**keywords: Any) -> Root:
    return Root.model_validate(keywords)


def said(keywords: Root, folder: Path) -> list[str]:
    found = complaints([*written(keywords), INSTANCE], folder)
    return [complaint.text for complaint in found]


def lines(**keywords: Any) -> list[tuple[str, ...]]:
    (block,) = written(root(**keywords))
    return [statement.words for statement in block.body or ()]


def test_the_fields_are_keywords_of_2_2_7_in_the_order_they_are_needed() -> None:
    assert fields_without_keyword(Root) == set()
    assert list(EVERYTHING) == list(fields(Root))


def test_every_keyword_of_an_ssl_block_has_a_field() -> None:
    assert keywords_without_field(Ssl, "SSL") == fields_without_keyword(Ssl, "SSL") == set()


@pytest.mark.keepalived
def test_keepalived_accepts_every_keyword(tmp_path: Path) -> None:
    require_keepalived()
    here = {key: value for key, value in EVERYTHING.items() if key != "net_namespace"}
    assert said(root(**here), tmp_path) == []


@pytest.mark.keepalived
def test_keepalived_accepts_a_namespace_of_its_own(tmp_path: Path) -> None:
    require_keepalived()
    namespaces = root(net_namespace="blue", net_namespace_ipvs="green", namespace_with_ipsets="true")
    assert [complaint.text for complaint in complaints(written(namespaces), tmp_path)] == []


@pytest.mark.keepalived
def test_keepalived_agrees_with_the_range_of_child_wait_time(tmp_path: Path) -> None:
    require_keepalived()
    (edge,) = edges(Root)
    for inside in (edge.low, edge.high):
        assert said(replaced(root(), edge.path, inside), tmp_path) == []
    for outside in (edge.low - 1, edge.high + 1):
        assert said(replaced(root(), edge.path, outside), tmp_path) != []


@pytest.mark.keepalived
@pytest.mark.parametrize("line", ["eth0 256", "eth0 1 256", "eth0 0.0000001"])
def test_keepalived_complains_about_delays_that_the_model_refuses(line: str, tmp_path: Path) -> None:
    require_keepalived()
    with pytest.raises(ValidationError):
        root(interface_up_down_delays=[line])
    raw = Statement(("interface_up_down_delays",), (Statement(tuple(line.split())),))
    assert complaints([raw, INSTANCE], tmp_path) != ()


def test_delays_and_polled_interfaces_are_lines_of_their_blocks() -> None:
    assert lines(interface_up_down_delays=["eth0 0.5", {"interface": "eth1", "down": "2", "up": "3"}]) == [
        ("eth0", "0.5"),
        ("eth1", "2", "3"),
    ]
    assert lines(linkbeat_interfaces=["eth0", {"interface": "eth1", "method": "MII"}]) == [
        ("eth0",),
        ("eth1", "MII"),
    ]


def test_the_namespace_of_ipvs_may_be_the_one_keepalived_was_started_in() -> None:
    assert [each.words for each in written(root(net_namespace_ipvs="true"))] == [("net_namespace_ipvs",)]
    assert [each.words for each in written(root(net_namespace_ipvs="red"))] == [("net_namespace_ipvs", "red")]


@pytest.mark.parametrize(
    ("keywords", "part"),
    [
        ({"net_namespace": "a/b"}, "the name of a network namespace"),
        ({"instance": "../x"}, "can be part of a file name"),
        ({"linkbeat_interfaces": ["eth0 mii"]}, "write 'MII'"),
        ({"linkbeat_interfaces": ["eth0 MII MII"]}, "unexpected word 'MII'"),
        ({"interface_up_down_delays": ["eth0"]}, "down"),
        ({"interface_up_down_delays": ["eth0 1 2 3"]}, "unexpected word '3'"),
        ({"SSL": {"key": "key.pem"}}, "an absolute path"),
    ],
)
def test_what_keepalived_would_ignore_or_misread_is_refused(keywords: dict[str, Any], part: str) -> None:
    with pytest.raises(ValidationError) as caught:
        root(**keywords)
    assert part in str(caught.value)
