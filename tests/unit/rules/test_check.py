"""How rules are applied: ignoring with a reason, saying what could not be checked, and leaving the example alone."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lvsctl.compose.rules import RULES, Checked, Pair, Severity, check
from lvsctl.compose.rules.keywords import BLOCKS, MODELS_ARE_OF, newer, visit
from lvsctl.compose.rules.page import markdown
from lvsctl.host.facts import Here
from lvsctl.spec.base import Block, Model
from lvsctl.spec.document import read as read_text
from lvsctl.spec.forms import Form
from lvsctl.spec.layout import fields
from lvsctl.spec.load import load, read
from lvsctl.spec.spec import Spec
from tests.support.made_up_host import MadeUpHost

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "pair.yaml"

UNCHECKED_WEB = """
nodes: {lb1: {address: 10.0.0.11, priority: 150}, lb2: {address: 10.0.0.12, priority: 100}}
virtual_servers:
  web: {address: 10.0.0.100, port: 80, real_servers: [{address: 10.0.0.21}]}
  www: {address: 10.0.0.101, port: 80, real_servers: [{address: 10.0.0.21}]}
"""


def checked(text: str) -> Checked:
    return check(Pair(load(read_text(text, file="spec.yaml")).specs))


def told(found: Checked, rule: str) -> list[tuple[str | int, ...]]:
    return [each.path for each in found.findings if each.rule.id == rule]


def test_the_example_has_neither_errors_nor_warnings() -> None:
    found = check(Pair(read(EXAMPLE).specs)).findings
    assert [each for each in found if each.rule.severity is not Severity.NOTE] == []


def test_an_ignored_rule_is_left_out_and_remembered() -> None:
    found = checked(UNCHECKED_WEB + "ignore: [{rule: LVS300, reason: both are checked by hand}]")
    assert told(found, "LVS300") == []
    assert {each.rule.id for each in found.ignored} == {"LVS300"}


def test_a_rule_can_be_ignored_below_one_path_only() -> None:
    found = checked(
        UNCHECKED_WEB + "ignore: [{rule: LVS300, at: virtual_servers.web, reason: checked by hand}]"
    )
    assert set(told(found, "LVS300")) == {("virtual_servers", "www")}


def test_a_path_is_no_prefix_of_a_longer_name() -> None:
    found = checked(
        UNCHECKED_WEB + "ignore: [{rule: LVS300, at: virtual_servers.w, reason: checked by hand}]"
    )
    assert len(set(told(found, "LVS300"))) == 2
    assert set(told(found, "LVS930")) == {("ignore", 0)}


def test_ignoring_a_rule_that_does_not_exist_is_said() -> None:
    found = checked(UNCHECKED_WEB + "ignore: [{rule: LVS999, reason: there is no such rule}]")
    assert "there is no rule LVS999" in [each.message for each in found.findings]


def test_what_needs_a_host_is_named_and_not_taken_as_passed() -> None:
    unchecked = checked(UNCHECKED_WEB).unchecked
    assert [rule.id for rule in unchecked] == [rule.id for rule in RULES.values() if rule.of_host]
    assert unchecked


def test_ignoring_a_rule_that_cannot_be_checked_here_is_no_finding() -> None:
    assert not told(
        checked(UNCHECKED_WEB + "ignore: [{rule: LVS803, reason: made by the provider}]"), "LVS930"
    )


def test_only_the_node_that_the_host_is_gets_looked_at() -> None:
    spec = "vrrp_instances: {A: {interface: eth9, virtual_router_id: 5, virtual_ipaddress: [10.0.0.9/24]}}"
    specs = load(read_text(UNCHECKED_WEB + spec, file="spec.yaml")).specs
    found = check(Pair(specs), MadeUpHost({"interfaces": ["eth0"]}), host_node="lb2").findings
    assert {each.node for each in found if each.rule.id == "LVS803"} == {"lb2"}


def test_findings_come_in_the_order_of_their_rules() -> None:
    found = [each.rule.id for each in checked(UNCHECKED_WEB).findings]
    assert found == sorted(found)


def test_rules_are_numbered_in_the_order_of_their_modules() -> None:
    numbered = [rule for rule in RULES if rule != "LVS930"]
    assert numbered == sorted(numbered)


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_rule_says_why_and_what_to_do(rule: object) -> None:
    said = [getattr(rule, field) for field in ("title", "reason", "remedy")]
    assert all(said)
    assert not said[0].endswith(".")
    assert all(text.endswith(".") for text in said[1:])


def test_the_page_has_every_rule() -> None:
    page = markdown()
    assert all(f'<a id="{rule.lower()}"></a>{rule}: ' in page for rule in RULES)


def everywhere(model: type[Model], grammar: tuple[str, ...]) -> Iterator[tuple[type[Model], tuple[str, ...]]]:
    yield model, grammar
    for field in fields(model).values():
        if field.form in BLOCKS and isinstance(field.item, type) and issubclass(field.item, Block):
            yield from everywhere(
                field.item, (*grammar, field.keyword) if field.form is not Form.SPLICE else grammar
            )


def test_no_field_of_the_spec_is_newer_than_the_release_it_models() -> None:
    """Without this, looking for newer keywords could not stop at that release."""
    places = list(everywhere(Spec, ()))
    assert any(grammar[-2:] == ("HTTP_GET", "url") for _, grammar in places)
    assert {key for model, grammar in places for key in newer(model, grammar, MODELS_ARE_OF)} == set()


def test_keywords_newer_than_an_older_release_are_known() -> None:
    assert "track_files" in newer(Spec, (), (2, 0, 20))


def test_the_shared_checks_of_a_service_are_visited_once() -> None:
    text = UNCHECKED_WEB.replace("port: 80,", "port: 80, checks: [{TCP_CHECK: {}}],")
    text = text.replace("[{address: 10.0.0.21}]", "[{address: 10.0.0.21}, {address: 10.0.0.22}]")
    spec = load(read_text(text, file="spec.yaml")).specs["lb1"]
    kinds = [type(block).__name__ for block, _, _ in visit(spec)]
    assert (kinds.count("RealServer"), kinds.count("TcpCheck")) == (4, 2)


def test_this_machine_has_a_loopback_interface_and_a_root() -> None:
    here = Here()
    assert "lo" in here.interfaces()
    assert (here.user_exists("root"), here.user_exists("0"), here.group_exists("0")) == (True, True, True)
    assert (here.user_exists("no-such-user"), here.group_exists("99999999999999999999")) == (False, False)


def test_this_machine_tells_who_could_change_a_path(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir(mode=0o755)
    (tmp_path / "link").symlink_to(folder)
    (folder / "script").write_text("#!/bin/sh\n")
    (folder / "script").chmod(0o754)
    through_link = Here().components(str(tmp_path / "link" / "script"))
    assert through_link[0].path == "/"
    assert [part.kind for part in through_link[-2:]] == ["symlink", "file"]
    assert through_link[-1].mode == 0o754
    assert Here().real_path(str(tmp_path / "link" / "script")) == str(folder / "script")


def test_a_path_ends_where_it_is_missing(tmp_path: Path) -> None:
    parts = Here().components(str(tmp_path / "none" / "script"))
    assert (parts[-1].path, parts[-1].kind) == (str(tmp_path / "none"), "missing")
