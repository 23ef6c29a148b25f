"""Every rule finds what it is there for, at the right place, and is quiet about a spec that is right."""

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from lvsctl.compose.render import render
from lvsctl.compose.rules import RULES, Checked, Pair, Severity, check
from lvsctl.compose.validate import ask_keepalived
from lvsctl.keepalived.judge import Unverified, Valid
from lvsctl.spec.document import read
from lvsctl.spec.load import Declared, load
from lvsctl.spec.paths import dotted
from tests.support.made_up_host import MadeUpHost
from tests.support.require import refuse

NODES = {
    "lb1": {"address": "10.0.0.11", "priority": "150"},
    "lb2": {"address": "10.0.0.12", "priority": "100"},
}


class AsTyped(yaml.SafeLoader):
    """Scalars stay the text that was typed, as in a spec; only merge keys mean something."""

    yaml_implicit_resolvers = {"<": [("tag:yaml.org,2002:merge", re.compile("^<<$"))]}  # noqa: RUF012 - PyYAML's own name and type


class Case(NamedTuple):
    rule: str
    broken: dict[str, Any]
    at: str
    right: dict[str, Any]
    says: str = ""
    many: str = "0"
    host: dict[str, Any] | None = None
    right_host: dict[str, Any] | None = None
    keepalived: str = ""
    """What `keepalived -t` says of the first node's file, or `nothing`: the rules claim it, so it is tried."""


def _cases() -> list[Case]:
    files = sorted((Path(__file__).parent / "cases").glob("*.yaml"))
    tables = [yaml.load(file.read_text(), AsTyped) for file in files]  # noqa: S506 - a SafeLoader
    return [Case(**case) for table in tables for case in table["cases"]]


CASES = _cases()
each_case = pytest.mark.parametrize("case", CASES, ids=[f"{n}-{case.rule}" for n, case in enumerate(CASES)])


def _filled(value: Any, many: int) -> Any:
    if isinstance(value, dict):
        return {key: _filled(inner, many) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, many) for inner in value]
    if value == "MANY":
        return [f"10.1.{n // 250}.{n % 250 + 1}/32" for n in range(many)]
    if value == "WAYS":
        return {f"10.7.0.{n}": {"interface": "eth1", "gateway": f"10.8.0.{n}"} for n in range(1, many + 1)}
    return None if value == "null" else value


def _declared(spec: dict[str, Any], case: Case) -> Declared:
    return load(read(json.dumps({"nodes": NODES} | _filled(spec, int(case.many))), file="spec.json"))


def _checked(spec: dict[str, Any], case: Case, host: dict[str, Any] | None) -> Checked:
    facts = MadeUpHost(host) if host is not None else None
    return check(Pair(_declared(spec, case).specs), facts, host_node="lb1")


@each_case
def test_a_rule_says_what_is_wrong_and_where(case: Case) -> None:
    found = [each for each in _checked(case.broken, case, case.host).findings if each.rule.id == case.rule]
    said = [(dotted(each.path), each.message) for each in found]
    assert any(path == case.at and case.says in message for path, message in said), said


@each_case
def test_a_rule_is_quiet_about_what_is_right(case: Case) -> None:
    found = _checked(case.right, case, case.right_host).findings
    told = [
        f"{each.rule.id} {dotted(each.path)}: {each.message}"
        for each in found
        if each.rule.id == case.rule or each.rule.severity is Severity.ERROR
    ]
    assert not told


def test_every_rule_has_a_case() -> None:
    assert RULES.keys() == {case.rule for case in CASES}


@pytest.mark.keepalived
@pytest.mark.parametrize("case", [case for case in CASES if case.keepalived], ids=lambda case: case.rule)
def test_keepalived_says_what_the_rule_claims(case: Case) -> None:
    declared = _declared(case.broken, case)
    verdict = ask_keepalived(render(declared, next(iter(declared.specs))), declared)
    if isinstance(verdict, Unverified):
        refuse("keepalived", f"keepalived could not be asked: {verdict}")
    said = [message.text for message in getattr(verdict, "messages", ())]
    if case.keepalived == "nothing":
        assert isinstance(verdict, Valid)
    else:
        assert any(case.keepalived in text for text in said), said
