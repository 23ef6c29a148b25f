from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from lvsctl.keepalived.config import Statement
from lvsctl.spec.bfd import BfdInstance, BfdName
from lvsctl.spec.layout import fields
from tests.support.conf_probe import complaints, require_keepalived
from tests.support.model_probe import edges, fields_without_keyword, keywords_without_field, replaced, written

EVERYTHING = {
    "source_ip": "192.0.2.1",
    "neighbor_ip": "192.0.2.2",
    "min_rx": "40.125",
    "min_tx": "50",
    "idle_tx": "1500",
    "multiplier": "3",
    "passive": "true",
    "ttl": "64",
    "max_hops": "2",
    "weight": "-20 reverse",
    "vrrp": "true",
    "checker": "true",
}
"""Every keyword but hoplimit, which is ttl by its IPv6 name."""


def session(**keywords: Any) -> BfdInstance:
    return BfdInstance.model_validate({"neighbor_ip": "192.0.2.2"} | keywords)


def block(instance: BfdInstance, name: str = "b") -> Statement:
    return Statement(("bfd_instance", name), written(instance, "bfd_instance"))


def refusal(**keywords: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        session(**keywords)
    return str(caught.value)


def test_every_keyword_of_2_2_7_has_a_field_or_another_name() -> None:
    assert keywords_without_field(BfdInstance, "bfd_instance") == set()
    assert fields_without_keyword(BfdInstance, "bfd_instance") == set()
    assert EVERYTHING.keys() == fields(BfdInstance).keys() - {"extra", "hoplimit"}


@pytest.mark.keepalived
@pytest.mark.parametrize(
    "keywords",
    [EVERYTHING, {"neighbor_ip": "2001:db8::2", "hoplimit": "3", "max_hops": "3"}, {"max_hops": "255"}],
)
def test_keepalived_accepts_what_the_model_does(keywords: dict[str, str], tmp_path: Path) -> None:
    require_keepalived()
    assert complaints([block(session(**keywords))], tmp_path) == ()


@pytest.mark.keepalived
@pytest.mark.parametrize("path", [edge.path for edge in edges(BfdInstance)], ids=".".join)
def test_keepalived_agrees_with_every_range(path: tuple[str, ...], tmp_path: Path) -> None:
    require_keepalived()
    edge = next(edge for edge in edges(BfdInstance) if edge.path == path)
    whole = session(weight="1", max_hops="0")

    def said(value: Any) -> set[str]:
        found = complaints([block(replaced(whole, path, value))], tmp_path)
        return {complaint.about.keyword for complaint in found if complaint.about}

    assert said(edge.low) == said(edge.high) == set()
    assert said(edge.low - edge.step) == said(edge.high + edge.step) == {path[0]}


@pytest.mark.keepalived
def test_keepalived_keeps_names_of_up_to_31_characters(tmp_path: Path) -> None:
    require_keepalived()
    name = TypeAdapter(BfdName)
    assert complaints([block(session(), name.validate_python("n" * 31))], tmp_path) == ()
    assert complaints([block(session(), "n" * 32)], tmp_path) != ()
    with pytest.raises(ValidationError, match="1 to 31 characters"):
        name.validate_python("n" * 32)


def test_a_session_needs_its_neighbour() -> None:
    with pytest.raises(ValidationError, match="neighbor_ip"):
        BfdInstance.model_validate({})


@pytest.mark.keepalived
@pytest.mark.parametrize(
    ("keywords", "part"),
    [
        ({"source_ip": "2001:db8::1"}, "of different families"),
        ({"ttl": "2", "max_hops": "3"}, "more than the 2 hops"),
        ({"neighbor_ip": "2001:db8::2", "max_hops": "65"}, "more than the 64 hops"),
        ({"min_rx": "1.0001"}, "at most 3 decimals"),
        ({"weight": "1 backwards"}, "unexpected word"),
        ({"neighbor_ip": "fe80::1%eth0"}, "an IPv4 or IPv6 address"),
    ],
)
def test_what_the_model_refuses_keepalived_complains_about(
    keywords: dict[str, str], part: str, tmp_path: Path
) -> None:
    require_keepalived()
    assert part in refusal(**keywords)
    lines = ({"neighbor_ip": "192.0.2.2"} | keywords).items()
    raw = tuple(Statement((keyword, *value.split())) for keyword, value in lines)
    assert complaints([Statement(("bfd_instance", "b"), raw)], tmp_path) != ()


def test_ttl_and_hoplimit_are_one_number() -> None:
    assert "ttl and hoplimit set the same number" in refusal(ttl="2", hoplimit="2")
