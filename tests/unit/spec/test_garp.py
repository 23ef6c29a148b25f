from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from lvsctl.keepalived.config import Statement
from lvsctl.spec.base import Model
from lvsctl.spec.garp import GarpGroup, TrackGroup
from tests.support.conf_probe import complaints, require_keepalived
from tests.support.model_probe import edges, fields_without_keyword, keywords_without_field, replaced, written


def instance(name: str) -> Statement:
    inner = (("interface", "eth0"), ("virtual_router_id", "51"), ("priority", "100"))
    address = Statement(("virtual_ipaddress",), (Statement(("192.0.2.1/24", "dev", "eth0")),))
    return Statement(("vrrp_instance", name), (*map(Statement, inner), address))


INSTANCE = instance("VI_1")
"""Without an instance keepalived starts no VRRP process, which is the one that reads these blocks."""


def garp(group: GarpGroup) -> Statement:
    return Statement(("garp_group",), written(group, "garp_group"))


def group_of(**keywords: Any) -> GarpGroup:
    return GarpGroup.model_validate(keywords)


@pytest.mark.parametrize(("model", "keyword"), [(GarpGroup, "garp_group"), (TrackGroup, "track_group")])
def test_every_keyword_of_2_2_7_has_a_field(model: type[Model], keyword: str) -> None:
    assert keywords_without_field(model, keyword) == set()
    assert fields_without_keyword(model, keyword) == set()


@pytest.mark.keepalived
@pytest.mark.parametrize(
    "keywords",
    [
        {"garp_interval": "0.5", "gna_interval": "0.000001", "interface": "eth0"},
        {"gna_interval": "0", "interfaces": ["eth0", "eth1"]},
    ],
)
def test_keepalived_accepts_garp_groups(keywords: dict[str, Any], tmp_path: Path) -> None:
    require_keepalived()
    assert complaints([garp(group_of(**keywords)), INSTANCE], tmp_path) == ()


@pytest.mark.keepalived
@pytest.mark.parametrize("interval", ["garp_interval", "gna_interval"])
def test_keepalived_agrees_with_the_ranges(interval: str, tmp_path: Path) -> None:
    require_keepalived()
    group = group_of(garp_interval="1", gna_interval="1", interface="eth0")
    edge = next(edge for edge in edges(GarpGroup) if edge.path == (interval,))
    for inside in (edge.low, edge.high):
        assert complaints([garp(replaced(group, edge.path, inside)), INSTANCE], tmp_path) == ()
    for outside in (edge.low - edge.step, edge.high + edge.step):
        assert complaints([garp(replaced(group, edge.path, outside)), INSTANCE], tmp_path) != ()


@pytest.mark.parametrize(
    ("keywords", "part"),
    [
        ({"interface": "eth0"}, "expected garp_interval, gna_interval or both"),
        ({"garp_interval": "1"}, "either interface or interfaces"),
        (
            {"garp_interval": "1", "interface": "eth0", "interfaces": ["eth1"]},
            "either interface or interfaces",
        ),
        ({"garp_interval": "1", "interface": "a" * 16}, "1 to 15 characters"),
    ],
)
def test_a_garp_group_without_effect_is_refused(keywords: dict[str, Any], part: str) -> None:
    with pytest.raises(ValidationError, match=part):
        group_of(**keywords)


@pytest.mark.keepalived
def test_keepalived_drops_a_garp_group_without_an_interval(tmp_path: Path) -> None:
    require_keepalived()
    empty = Statement(("garp_group",), (Statement(("interface", "eth0")),))
    assert "does not have any delay" in complaints([empty, INSTANCE], tmp_path)[0].text


@pytest.mark.keepalived
def test_keepalived_accepts_track_groups(tmp_path: Path) -> None:
    require_keepalived()
    group = Statement(
        ("track_group", "g"), written(TrackGroup.model_validate({"group": ["VI_1"]}), "track_group")
    )
    assert complaints([group, INSTANCE], tmp_path) == ()


@pytest.mark.parametrize("wrong", [{}, {"group": []}, {"group": ["a/b"]}, {"group": "VI_1"}])
def test_a_track_group_names_instances(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="group"):
        TrackGroup.model_validate(wrong)
