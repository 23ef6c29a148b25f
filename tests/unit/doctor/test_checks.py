"""Every check has a machine that fails it and one that passes it, told apart by as little as possible."""

import dataclasses
from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest

from lvsctl.compose.render import render
from lvsctl.compose.return_paths import intended
from lvsctl.doctor.adopted import machine_of
from lvsctl.doctor.examine import all_checks, examine
from lvsctl.doctor.model import Check, Machine, Role
from lvsctl.keepalived.held import bare_lines
from lvsctl.keepalived.parse import parse
from lvsctl.spec.document import read as read_text
from lvsctl.spec.load import Declared, load
from tests.support.made_up_machine import MadeUpMachine
from tests.unit.doctor import (
    cases_adopted,
    cases_boot,
    cases_files,
    cases_kernel,
    cases_scripts,
    cases_ways_in,
)
from tests.unit.doctor.machines import CONFIG, DIRECTOR, REALSERVER, SPEC, Case

CASES = [
    *cases_files.CASES,
    *cases_kernel.KERNEL,
    *cases_kernel.WAYS,
    *cases_adopted.CASES,
    *cases_boot.CASES,
    *cases_scripts.CASES,
    *cases_ways_in.CASES,
]

EVERY = frozenset(check.id for check in all_checks())


def held(text: str) -> str:
    """Answer the copy that a keepalived keeps of *text*."""
    return "\n".join([f"# {CONFIG}", *bare_lines(text), "!", ""])


@cache
def declared(text: str) -> Declared:
    return load(read_text(text, file="lvs.yaml"))


def machine(case: Case, told: Mapping[str, Any]) -> Machine:
    """Answer the machine of *case*, with *told* on top of one where nothing is wrong."""
    found = declared(case.spec or SPEC)
    base: dict[str, Any] = DIRECTOR if case.role is Role.DIRECTOR else REALSERVER
    files = {**base["files"], **told.get("files", {})}
    if case.role is Role.DIRECTOR:
        text = render(found, "lb1").text
        files.setdefault(CONFIG, text)
        base = {**base, "daemons": [(7, CONFIG, held(text))]}
    files = {path: each for path, each in files.items() if each is not None}
    merged = {**base, **told, "files": files}
    if merged.pop("settled", case.role is Role.DIRECTOR):
        merged["paths"] = intended(declared(case.settled_by or case.spec or SPEC).spec("lb1"))
    for word in ("sysctl", "links", "addresses"):
        merged[word] = {
            name: each for name, each in {**base[word], **told.get(word, {})}.items() if each is not None
        }
    node = "lb1"
    if case.conf is not None:
        return machine_of(MadeUpMachine(merged), [parse(case.conf, file=CONFIG)], [7])
    return Machine(case.role, MadeUpMachine(merged), None if case.spec == "" else found, node, case.fresh)


def told(case: Case, what: Mapping[str, Any]) -> list[str]:
    report = examine(machine(case, what), ignored=EVERY - {case.id})
    assert case.id in report.checked, report.unread
    return [each.read for each in report.findings]


def named(cases: list[Case]) -> list[Any]:
    return [pytest.param(case, id=f"{case.id}-{number}") for number, case in enumerate(cases)]


@pytest.mark.parametrize("case", named(CASES))
def test_a_check_tells_the_two_machines_apart(case: Case) -> None:
    assert told(case, case.bad), "the bad machine passes"
    good = dataclasses.replace(
        case, spec=case.good_spec or case.spec, conf=case.good_conf if case.conf is not None else None
    )
    assert not told(good, case.good)


def test_every_check_has_a_machine_that_fails_it_and_one_that_passes() -> None:
    assert {case.id for case in CASES} == {check.id for check in all_checks()}


@pytest.mark.parametrize("role", Role)
def test_where_nothing_is_wrong_nothing_is_found(role: Role) -> None:
    report = examine(machine(Case("", {}, role=role), {}))
    assert [(each.id, each.read) for each in report.findings] == []
    assert report.unread == ()
    assert report.status == 0


@pytest.mark.parametrize("check", list(all_checks()), ids=lambda check: check.id)
def test_a_check_says_why_and_what_to_do(check: Check) -> None:
    assert all((check.title, check.why, check.remedy))
    assert check.why.endswith(".")
    assert not check.title.endswith(".")
    assert check.looks.__doc__ or check.page or check.id.startswith("LVD2")
