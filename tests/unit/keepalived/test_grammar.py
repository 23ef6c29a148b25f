import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from lvsctl.keepalived.grammar import Form, Keyword, find, grammar, grammar_of, known, since, suggest, version
from tests.support.shared import FACTS, needs_shared

RS = ("virtual_server", "real_server")


@pytest.mark.parametrize(
    ("path", "form"),
    [
        (("global_defs",), Form.BLOCK),
        (("global_defs", "notification_email"), Form.ITEMS),
        (("vrrp_instance", "virtual_ipaddress"), Form.ITEMS),
        (("vrrp_instance", "authentication"), Form.BLOCK),
        (("virtual_server_group",), Form.ITEMS),
        ((*RS, "weight"), Form.LINE),
        ((*RS, "HTTP_GET", "url"), Form.BLOCK),
        (("garp_group", "interfaces"), Form.ITEMS),
    ],
)
def test_a_keyword_opens_what_keepalived_expects(path: tuple[str, ...], form: Form) -> None:
    found = find(path)
    assert found
    assert found.form is form


def test_blocks_that_take_a_name() -> None:
    named = {keyword.name for keyword in grammar().keywords.values() if keyword.named}
    assert named == {
        *(
            "track_group",
            "vrrp_sync_group",
            "vrrp_instance",
            "vrrp_script",
            "vrrp_track_process",
            "track_file",
        ),
        *("vrrp_track_file", "bfd_instance", "virtual_server", "virtual_server_group"),
    }


def test_values_that_are_split_once_more() -> None:
    escaped = {name for path in paths(grammar()) if (name := path[-1]) and (k := find(path)) and k.escaped}
    assert {"notify_master", "quorum_up", "misc_path", "script", "notify_fifo_script", "regex"} <= escaped
    regex = find((*RS, "HTTP_GET", "url", "regex"))
    assert regex
    assert not regex.script


@pytest.mark.parametrize(
    ("path", "first"),
    [
        (("vrrp_instance", "no_virtual_ipaddress"), (2, 2, 8)),
        (("vrrp_instance", "auth_hmac", "key"), (2, 4, 0)),
        ((*RS, "FILE_CHECK"), (2, 1, 0)),
        (("vrrp_instance", "priority"), (1, 3, 0)),
        (("vrrp_instance", "zork"), None),
        (("zork", "priority"), None),
    ],
)
def test_since_when_a_keyword_exists(path: tuple[str, ...], first: tuple[int, int, int] | None) -> None:
    assert since(path) == first


def test_a_release_knows_its_keywords_only() -> None:
    path = ("vrrp_instance", "no_virtual_ipaddress")
    assert not known(path, (2, 2, 7))
    assert known(path, (2, 2, 8))
    assert not known(("zork",), (9, 9, 9))
    assert path[1] not in grammar_of((2, 2, 7)).keywords["vrrp_instance"].keywords
    assert path[1] in grammar_of((2, 2, 8)).keywords["vrrp_instance"].keywords


def test_a_near_word_is_suggested() -> None:
    assert suggest(("vrrp_instance",), "prioritty") == "priority"
    assert suggest(RS, "notify_upp") == "notify_up"
    assert suggest(RS, "zork") is None
    assert suggest(RS, "x" * 1_000_000) is None
    assert suggest(("zork",), "priority") is None


@pytest.mark.parametrize(
    ("text", "release"), [("2.2.7", (2, 2, 7)), ("v2.3", (2, 3, 0)), ("1.3.5", (1, 3, 5))]
)
def test_releases_are_read(text: str, release: tuple[int, int, int]) -> None:
    assert version(text) == release


@pytest.mark.parametrize("text", ["", "2", "2.2.7.1", "2.2.x", "٢.٢", "2.2.7\n", "99999.1"])
def test_what_is_no_release_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no release of keepalived"):
        version(text)


def test_nothing_is_newer_than_what_stands_in_it() -> None:
    for path in paths(grammar()):
        for depth in range(1, len(path)):
            outer, inner = since(path[:depth]), since(path)
            assert outer
            assert inner
            assert outer <= inner


@pytest.mark.corpus
@needs_shared
@pytest.mark.parametrize(
    ("file", "release"), [("grammar_2.2.7.json", (2, 2, 7)), ("grammar_head.json", (9, 9, 9))]
)
def test_the_tables_are_those_of_keepalived(file: str, release: tuple[int, int, int]) -> None:
    theirs = set(_paths(json.loads((FACTS / file).read_text())))
    # It is in the source's table, but keepalived as built refuses it there.
    theirs.discard((*RS, "HTTP_GET", "tls_compliant"))
    assert set(paths(grammar_of(release))) == theirs


def paths(block: Keyword, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, keyword in block.keywords.items():
        yield (*above, name)
        yield from paths(keyword, (*above, name))


def _paths(nodes: list[Mapping[str, Any]], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for node in nodes:
        yield (*above, node["n"])
        yield from _paths(node["sub"], (*above, node["n"]))
