"""Two directors beside each other: where they differ, and what an answer that lies can do."""

from typing import Any

import pytest

from lvsctl.doctor.model import Machine, Role
from lvsctl.doctor.peer import CHECKS, compare, facts, vrrp
from lvsctl.errors import Denied
from lvsctl.spec.document import read as read_text
from lvsctl.spec.load import load
from tests.support.made_up_machine import NOW, MadeUpMachine
from tests.unit.doctor.machines import DIRECTOR, SPEC

CONF = """
vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 51
    priority %s
    advert_int 1
    authentication { auth_type PASS
        auth_pass tell1234 }
    virtual_ipaddress {
        10.0.0.100/24
    }
}
"""


def said(**told: Any) -> dict[str, Any]:
    return {
        "lvsctl": "1.0",
        "keepalived": "2.2.7",
        "kernel": "6.1",
        "spec": "abc",
        "vrrp": vrrp([CONF % 150]),
        "sorry": [],
        "sysctl": {"sync_version": 1},
        "scripts": {"/usr/local/libexec/mine": "123"},
        "time": NOW,
        "findings": 0,
        **told,
    }


OTHER: dict[str, Any] = {"vrrp": vrrp([CONF % 100])}

DIFFERENT: dict[str, dict[str, Any]] = {
    "LVD900": {"keepalived": "2.3.1"},
    "LVD901": {"spec": "def"},
    "LVD902": {"vrrp": vrrp([(CONF % 100).replace("advert_int 1", "advert_int 2")])},
    "LVD903": {"sorry": ["web"]},
    "LVD904": {"sysctl": {"sync_version": 0}},
    "LVD905": {"scripts": {"/usr/local/libexec/mine": "456"}},
    "LVD906": {"time": NOW + 60},
    "LVD907": {"findings": 3},
}


def test_every_check_of_the_pair_has_directors_that_fail_it() -> None:
    assert DIFFERENT.keys() == CHECKS.keys()


def test_two_that_agree_have_no_findings() -> None:
    assert list(compare(said(), said(**OTHER))) == []


@pytest.mark.parametrize("name", DIFFERENT)
def test_a_difference_is_found(name: str) -> None:
    found = list(compare(said(), said(**{**OTHER, **DIFFERENT[name]})))
    assert [each.id for each in found] == [name]
    assert found[0].why


@pytest.mark.parametrize(
    "there",
    [
        {"vrrp": vrrp([CONF % 150])},
        {"vrrp": {}},
        {"vrrp": {"VI_1": 7}},
        {"vrrp": vrrp([(CONF % 100).replace("10.0.0.100", "10.0.0.1")])},
    ],
)
def test_vrrp_that_does_not_fit_is_found(there: dict[str, Any]) -> None:
    assert {each.id for each in compare(said(), said(**there))} == {"LVD902"}


def test_a_script_that_the_other_does_not_have_is_found() -> None:
    found = list(compare(said(), said(**OTHER, scripts={"/other": "1"})))
    assert [each.read for each in found] == ["it is missing there"]


@pytest.mark.parametrize(
    "junk",
    [
        {},
        {key: junk for key in said() for junk in ("\x1b[2J",)},
        {key: [{}] for key in said()},
        {key: ["\x1b[2J; reboot"] for key in said()},
        {key: {"VI_1": {"priority": 1}} for key in said()},
    ],
)
def test_an_answer_that_makes_no_sense_breaks_nothing_and_no_terminal(junk: dict[str, Any]) -> None:
    for each in compare(said(sorry=["web"]), junk):
        assert each.read.isprintable()
        assert each.subject.isprintable()
        assert "; reboot" not in each.remedy or "'" in each.remedy


def test_no_secret_is_among_the_facts() -> None:
    assert vrrp([CONF % 100])["VI_1"]["virtual_router_id"] == ["51"]
    assert "tell1234" not in str(vrrp([CONF % 100]))


def machine(**told: Any) -> Machine:
    return Machine(
        Role.DIRECTOR, MadeUpMachine({**DIRECTOR, **told}), load(read_text(SPEC, file="lvs.yaml")), "lb1"
    )


def test_a_spec_is_the_same_whatever_its_comments() -> None:
    other = Machine(
        Role.DIRECTOR, MadeUpMachine(DIRECTOR), load(read_text(f"# x\n{SPEC}", file="lvs.yaml")), "lb2"
    )
    assert facts(machine())["spec"] == facts(other)["spec"]
    changed = Machine(
        Role.DIRECTOR,
        MadeUpMachine(DIRECTOR),
        load(read_text(SPEC.replace("51", "52"), file="lvs.yaml")),
        "lb1",
    )
    assert facts(machine())["spec"] != facts(changed)["spec"]


def test_facts_that_cannot_be_read_are_null() -> None:
    found = facts(machine(daemons=Denied("no"), snapshots=Denied("no")))
    assert found["vrrp"] is None
    assert found["sorry"] is None
    assert found["kernel"] == "6.1.0-18-amd64"
