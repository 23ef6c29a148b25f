from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from lvsctl.keepalived.config import Statement
from lvsctl.spec.base import Extensible
from lvsctl.spec.layout import fields
from lvsctl.spec.track import TrackFile, VrrpScript, VrrpTrackProcess
from tests.support.conf_probe import complaints, require_keepalived
from tests.support.model_probe import edges, fields_without_keyword, keywords_without_field, replaced, written

TRACKERS: dict[str, tuple[type[Extensible], dict[str, Any]]] = {
    "vrrp_script": (
        VrrpScript,
        {
            "script": "/usr/bin/true 'an argument'",
            "interval": "2",
            "timeout": "3",
            "weight": "-20 reverse",
            "rise": "2",
            "fall": "3",
            "user": "root root",
            "init_fail": "true",
        },
    ),
    "vrrp_track_process": (
        VrrpTrackProcess,
        {
            "process": 'nginx -c "a b"',
            "param_match": "initial",
            "weight": "254 reverse",
            "quorum": "2",
            "quorum_max": "3",
            "delay": "2",
            "terminate_delay": "0.5",
            "fork_delay": "3600",
            "full_command": "true",
        },
    ),
    "track_file": (TrackFile, {"file": "/tmp/t", "weight": "-1 reverse", "init_file": "10 overwrite"}),
}
"""Every tracker with all of its keywords."""

INSTANCE = Statement(
    ("vrrp_instance", "VI_1"),
    (
        Statement(("interface", "eth0")),
        Statement(("virtual_router_id", "51")),
        Statement(("priority", "100")),
        Statement(("virtual_ipaddress",), (Statement(("192.0.2.1/24", "dev", "eth0")),)),
    ),
)
"""Without an instance keepalived starts no VRRP process, which is the one that reads these blocks."""

SECURITY = Statement(("global_defs",), (Statement(("enable_script_security",)),))


def tracker(keyword: str, **changed: Any) -> Extensible:
    model, keywords = TRACKERS[keyword]
    return model.model_validate(keywords | changed)


def said(keyword: str, block: Extensible, folder: Path) -> list[str]:
    """Answer what keepalived says about *block*, of which every line is named by its keyword."""
    named = Statement((keyword, "t"), written(block, keyword))
    return [
        found.about.keyword if found.about else found.text
        for found in complaints([SECURITY, named, INSTANCE], folder)
    ]


def refusal(keyword: str, **changed: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        tracker(keyword, **changed)
    return str(caught.value)


def line(keyword: str, field: str, typed: object) -> tuple[str, ...]:
    block = tracker(keyword, **{field: typed})
    return next(each.words for each in written(block, keyword) if each.keyword == field)


@pytest.mark.parametrize("keyword", TRACKERS)
def test_every_keyword_of_2_2_7_has_a_field(keyword: str) -> None:
    model, keywords = TRACKERS[keyword]
    assert keywords_without_field(model, keyword) == set()
    assert fields_without_keyword(model, keyword) == set()
    assert keywords.keys() == fields(model).keys() - {"extra"}


@pytest.mark.keepalived
@pytest.mark.parametrize("keyword", TRACKERS)
def test_keepalived_accepts_every_keyword(keyword: str, tmp_path: Path) -> None:
    require_keepalived()
    assert said(keyword, tracker(keyword), tmp_path) == []


@pytest.mark.keepalived
@pytest.mark.parametrize(
    ("keyword", "path"),
    [(keyword, edge.path) for keyword, (model, _) in TRACKERS.items() for edge in edges(model)],
)
def test_keepalived_agrees_with_every_range(keyword: str, path: tuple[str, ...], tmp_path: Path) -> None:
    require_keepalived()
    apart = (
        {"quorum_max": None} if path == ("quorum",) else {"quorum": None} if path == ("quorum_max",) else {}
    )
    whole = tracker(keyword, **apart)
    edge = next(edge for edge in edges(type(whole)) if edge.path == path)
    for inside in (edge.low, edge.high):
        assert said(keyword, replaced(whole, path, inside), tmp_path) == []
    for outside in (edge.low - edge.step, edge.high + edge.step):
        assert path[0] in said(keyword, replaced(whole, path, outside), tmp_path)


@pytest.mark.keepalived
@pytest.mark.parametrize(
    ("keyword", "field", "typed", "words"),
    [
        ("track_file", "init_file", "true", ()),
        ("track_file", "init_file", "overwrite", ("overwrite",)),
        ("track_file", "init_file", "overwrite -3", ("-3", "overwrite")),
        ("track_file", "init_file", 5, ("5",)),
        ("track_file", "weight", {"weight": "2", "reverse": "false"}, ("2",)),
        ("vrrp_script", "weight", 20, ("20",)),
        ("vrrp_script", "user", "nobody", ("nobody",)),
        ("vrrp_script", "script", ["/usr/bin/true", "a b"], ("/usr/bin/true 'a b'",)),
        ("vrrp_track_process", "process", "nginx", ("nginx",)),
        ("vrrp_track_process", "process", {"command": "/a b", "parameters": ["c d"]}, ("/a b", "c d")),
        ("vrrp_track_process", "param_match", "true", ()),
        ("vrrp_track_process", "param_match", "partial", ("partial",)),
    ],
)
def test_what_was_typed_is_one_line_that_keepalived_accepts(
    keyword: str, field: str, typed: object, words: tuple[str, ...], tmp_path: Path
) -> None:
    require_keepalived()
    assert line(keyword, field, typed) == (field, *words)
    assert said(keyword, tracker(keyword, **{field: typed}), tmp_path) == []


@pytest.mark.parametrize(
    ("keyword", "changed", "part"),
    [
        (
            "vrrp_script",
            {"script": {"command": "/x", "user": "root"}},
            "behind the command keepalived ignores it",
        ),
        ("vrrp_script", {"script": None}, "script"),
        ("vrrp_script", {"weight": "5 inverse"}, "unexpected word 'inverse'"),
        ("vrrp_script", {"user": ""}, "user"),
        ("vrrp_script", {"interval": "0"}, "from 1 to 4294 (s)"),
        ("vrrp_track_process", {"quorum": "4"}, "quorum_max (3) is below quorum (4)"),
        ("vrrp_track_process", {"param_match": "exact"}, "one of initial, partial"),
        ("vrrp_track_process", {"delay": "0.0000001"}, "from 0.000001 to 3600"),
        ("track_file", {"file": "t"}, "an absolute path"),
        ("track_file", {"init_file": "255"}, "from -254 to 254"),
        ("track_file", {"init_file": "fresh"}, "a whole number"),
    ],
)
def test_what_keepalived_would_ignore_or_misread_is_refused(
    keyword: str, changed: dict[str, Any], part: str
) -> None:
    assert part in refusal(keyword, **changed)


@pytest.mark.parametrize(
    ("keyword", "needed"),
    [("vrrp_script", "script"), ("vrrp_track_process", "process"), ("track_file", "file")],
)
def test_a_tracker_needs_something_to_track(keyword: str, needed: str) -> None:
    model, _ = TRACKERS[keyword]
    with pytest.raises(ValidationError, match=needed):
        model.model_validate({})
