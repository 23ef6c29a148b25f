"""Two directors beside each other: where they differ, and what an answer that lies can do."""

from typing import Any

import pytest

from lvsctl.doctor.model import Machine, Role
from lvsctl.doctor.peer import CHECKS, MOST_FOUND, compare, facts, unknown, vrrp
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


V6 = CONF.replace("10.0.0.100/24", "fd00::100/64")
UNICAST = CONF.replace(
    "    virtual_ipaddress",
    "    unicast_src_ip %s\n    unicast_peer {\n        %s\n    }\n    virtual_ipaddress",
)


@pytest.mark.parametrize(
    ("here", "there"),
    [
        (CONF % 150, (CONF % 100).replace("advert_int 1", "")),
        (CONF % 150, (CONF % 100).replace("advert_int 1", "advert_int 1.0")),
        (CONF % 150, (CONF % 100).replace("100/24", "100/32 dev eno1 label eno1:1")),
        (CONF % 150, (CONF % 100).replace("VI_1", "inside")),
        (CONF % 150, "global_defs { vrrp_version 2 }\n" + CONF % 100),
        (V6 % 150, "global_defs {\n    vrrp_version 3\n}\n" + V6 % 100),
        (V6 % 150, (V6 % 100).replace("fd00::100", "FD00:0::100")),
        (UNICAST % (150, "10.0.0.11", "10.0.0.12"), UNICAST % (100, "10.0.0.12", "10.0.0.11 min_ttl 5")),
        (
            UNICAST % (150, "10.0.0.11", "10.0.0.12"),
            UNICAST.replace("unicast_src_ip %s", "%.0s") % (100, "", "10.0.0.11"),
        ),
        (CONF % 150, (CONF % 100).replace("    priority 100", "")),
        ("", ""),
    ],
)
def test_what_is_only_written_otherwise_is_no_difference(here: str, there: str) -> None:
    assert list(compare(said(vrrp=vrrp([here])), said(vrrp=vrrp([there])))) == []


@pytest.mark.parametrize(
    ("here", "there", "read"),
    [
        (CONF % 150, CONF % 150, ["priority 150 on both"]),
        (CONF % 100, (CONF % 1).replace("    priority 1\n", ""), ["priority 100 on both"]),
        (CONF % 150, (CONF % 100).replace("PASS", "AH"), ["auth_type: PASS here, AH there"]),
        (
            CONF % 150,
            "global_defs {\n vrrp_version 3\n}\n" + CONF % 100,
            ["version: 2 here, 3 there", "auth_type: PASS here, none there"],
        ),
        (
            CONF % 150,
            (CONF % 100).replace("        10.0.0.100/24", "        10.0.0.100/24\n        10.0.0.101/24"),
            ["virtual_ipaddress: no other here, 10.0.0.101 there"],
        ),
        (CONF % 150, UNICAST % (100, "10.0.0.12", "10.0.0.11"), ["sent by: multicast here, unicast there"]),
        (
            UNICAST % (150, "10.0.0.11", "10.0.0.13"),
            UNICAST % (100, "10.0.0.12", "10.0.0.11"),
            ["unicast_peer here has no 10.0.0.12: advertisements do not reach it"],
        ),
        (
            UNICAST % (150, "10.0.0.11", "10.0.0.12"),
            UNICAST % (100, "10.0.0.12", "10.0.0.99"),
            ["unicast_peer there has no 10.0.0.11: advertisements do not reach it"],
        ),
        (CONF % 150, "", ["the other director does not have it"]),
        ("", CONF % 150, ["only the other director has it"]),
        (CONF % 150, (CONF % 100).replace("51", "52"), ["virtual_router_id: 51 here, 52 there"]),
        (
            CONF % 150,
            (CONF % 100).replace("51", "52").replace("VI_1", "VI_2"),
            ["the other director does not have it", "only the other director has it"],
        ),
        (
            CONF % 150,
            (CONF % 100).replace("advert_int", "nopreempt\n    advert_int"),
            ["nopreempt there only: that of the director with the higher priority counts"],
        ),
    ],
)
def test_settings_that_do_not_fit_are_named(here: str, there: str, read: list[str]) -> None:
    found = list(compare(said(vrrp=vrrp([here])), said(vrrp=vrrp([there]))))
    assert [each.read for each in found] == read
    assert {each.id for each in found} == {"LVD902"}


@pytest.mark.parametrize(
    ("here", "there", "read"),
    [
        (
            {"spec": "abc"},
            {"spec": None, "truth": "keepalived.conf"},
            ["there is a spec here, only a keepalived.conf there"],
        ),
        ({"spec": "abc"}, {"spec": None, "truth": None}, ["there is a spec here, none there"]),
        ({"spec": None, "truth": None}, {"spec": "abc"}, ["there is none here, a spec there"]),
        ({"spec": None, "truth": "keepalived.conf"}, {"spec": None, "truth": "keepalived.conf"}, []),
        ({"spec": "abc"}, {"spec": None, "truth": "spec"}, []),
        ({"spec": "abc"}, {"spec": None, "truth": ["\x1b"]}, []),
    ],
)
def test_a_spec_on_one_director_only_is_found(
    here: dict[str, Any], there: dict[str, Any], read: list[str]
) -> None:
    assert [each.read for each in compare(said(**here), said(**{**OTHER, **there}))] == read


@pytest.mark.parametrize(
    ("asked", "began", "ended", "answered", "read"),
    [
        (0, 4, 7, 9, []),  # a slow ssh
        (0, 1, 50, 51, []),  # a slow examination
        (0, 1.9, 3.9, 2, []),  # two seconds are let pass
        (0, 31, 33, 4, ["the other one is at least 29 s ahead"]),
        (0, -59, -57, 4, ["the other one is at least 59 s behind"]),
        (0, None, 33, 4, ["the other one is at least 29 s ahead"]),
        (0, 1, 10**400, 4, ["the time there makes no sense"]),
        (0, float("nan"), 1, 4, ["the time there makes no sense"]),
    ],
)
def test_what_ssh_and_the_examination_take_is_no_difference_of_clocks(
    asked: float, began: Any, ended: Any, answered: float, read: list[str]
) -> None:
    here = said(asked=NOW + asked, answered=NOW + answered)
    there = said(
        **OTHER, time=NOW + ended if abs(ended) < 1e9 else ended, began=None if began is None else NOW + began
    )
    found = list(compare(here, there))
    assert [(each.id, each.read) for each in found] == [("LVD906", each) for each in read]


@pytest.mark.parametrize(
    ("here", "there", "why", "hint"),
    [
        ({}, {"vrrp": None}, "vrrp could not be read there", "let ssh log in as root: --peer root@HOST"),
        ({"vrrp": None}, OTHER, "vrrp could not be read here", "run lvsctl as root"),
        ({}, {"vrrp": "\x1b"}, "vrrp could not be read there", "let ssh log in as root: --peer root@HOST"),
    ],
)
def test_what_one_of_the_two_could_not_read_is_no_difference(
    here: dict[str, Any], there: dict[str, Any], why: str, hint: str
) -> None:
    assert list(compare(said(**here), said(**there))) == []
    assert [(each.checks, each.why, each.hint) for each in unknown(said(**here), said(**there))] == [
        (("LVD902",), why, hint)
    ]


def test_what_an_older_release_does_not_tell_is_said_to_be_open() -> None:
    there = {
        word: each for word, each in said(**OTHER, lvsctl="0.1").items() if word not in ("sorry", "scripts")
    }
    assert [each.id for each in compare(said(), there)] == ["LVD900"]
    assert [(each.checks, each.why) for each in unknown(said(), there)] == [
        (("LVD903",), "lvsctl 0.1 there does not tell sorry"),
        (("LVD905",), "lvsctl 0.1 there does not tell scripts"),
    ]


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


def test_a_director_that_tells_of_a_million_differences_is_not_repeated() -> None:
    there = said(vrrp={f"VI_{number}": {} for number in range(10_000)})
    assert len(list(compare(said(), there))) <= MOST_FOUND + 1


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


@pytest.mark.parametrize(
    ("word", "other"),
    [
        ("port: 443", "port: 444"),
        ("provider: hetzner-robot", "provider: hetzner-cloud"),
        ("gateway: 203.0.113.1", "gateway: 203.0.113.2"),
        ("sorry: {port: 8503}", "sorry: {port: 8504}"),
        ("lb2: {address: 10.0.0.12", "lb2: {address: 10.0.0.13"),
    ],
)
def test_what_is_not_rendered_for_keepalived_counts_as_well(word: str, other: str) -> None:
    assert word in SPEC
    changed = load(read_text(SPEC.replace(word, other), file="lvs.yaml"))
    there = Machine(Role.DIRECTOR, MadeUpMachine(DIRECTOR), changed, "lb2")
    assert facts(machine())["spec"] != facts(there)["spec"]


def test_a_hash_betrays_no_password() -> None:
    texts = [
        SPEC.replace(
            "unicast: true", f"unicast: true\n    authentication: {{auth_type: PASS, auth_pass: {word}}}"
        )
        for word in ("tell1234", "tell5678")
    ]
    found = [
        facts(Machine(Role.DIRECTOR, MadeUpMachine(DIRECTOR), load(read_text(text, file="x")), "lb1"))["spec"]
        for text in texts
    ]
    assert found[0] == found[1] != facts(machine())["spec"]


def test_facts_that_cannot_be_read_are_null() -> None:
    found = facts(machine(daemons=Denied("no"), snapshots=Denied("no")))
    assert found["vrrp"] is None
    assert found["sorry"] is None
    assert found["kernel"] == "6.1.0-18-amd64"
