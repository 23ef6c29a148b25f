"""What an examination makes of answers, of questions that cannot be answered, and of its own mistakes."""

from collections.abc import Iterator

import pytest

from lvsctl.compose.rules import Severity
from lvsctl.doctor.examine import all_checks, examine
from lvsctl.doctor.model import CHECKS, Check, Found, Machine, Role, add, check
from lvsctl.errors import Denied
from lvsctl.spec.document import read as read_text
from lvsctl.spec.load import load
from lvsctl.vocabulary import Family
from tests.support.made_up_machine import MadeUpMachine
from tests.unit.doctor.machines import DIRECTOR, REALSERVER, SPEC

DENIED = Denied("eth0: not for you", hint="run lvsctl as root")
EVERY = frozenset(each.id for each in all_checks())


def director(**told: object) -> Machine:
    return Machine(
        Role.DIRECTOR, MadeUpMachine({**DIRECTOR, **told}), load(read_text(SPEC, file="lvs.yaml")), "lb1"
    )


@pytest.fixture
def checks() -> Iterator[None]:
    """Let what a test registers be forgotten."""
    before = dict(CHECKS)
    yield
    CHECKS.clear()
    CHECKS.update(before)


def test_what_cannot_be_read_is_said_with_the_checks_it_leaves_open() -> None:
    report = examine(director(routes=DENIED))
    told = {each.why: each for each in report.unread}[DENIED.message]
    assert told.hint == "run lvsctl as root"
    assert {"LVD400", "LVD404", "LVD413"} <= set(told.checks)
    assert not set(told.checks) & set(report.checked)


@pytest.mark.parametrize(
    "word",
    [
        "links",
        "addresses",
        "routes",
        "rules",
        "table",
        "sysctl",
        "daemons",
        "snapshots",
        "sockets",
        "clock",
        "dns",
        "account",
        "credentials",
        "silent_sorry",
        "keepalived",
        "syntax",
        "processes",
    ],
)
def test_no_question_without_an_answer_ends_the_examination(word: str) -> None:
    report = examine(director(**{word: DENIED}))
    assert any(each.why == DENIED.message for each in report.unread)
    assert len(report.checked) + sum(len(each.checks) for each in report.unread) == sum(
        Role.DIRECTOR in each.roles for each in all_checks()
    )


@pytest.mark.parametrize(
    "path",
    [
        "/etc/keepalived/keepalived.conf",
        "/run/lvsctl/status.json",
        "/etc/sysctl.d/60-lvs.conf",
        "/proc/modules",
        "/usr/local/libexec/mine",
        "/etc/network/if-up.d/README",
    ],
)
def test_no_file_that_cannot_be_read_ends_the_examination(path: str) -> None:
    report = examine(director(files={**DIRECTOR["files"], path: DENIED}))
    assert any(each.why == DENIED.message for each in report.unread)


def test_boot_files_that_cannot_be_read_leave_the_race_open_and_nothing_else() -> None:
    report = examine(director(trouble=("/etc/netplan/x.yaml: Permission denied",)))
    assert {each.checks for each in report.unread} == {("LVD401",)}
    assert "LVD400" in report.checked


def test_a_finding_counts_more_than_what_could_not_be_read() -> None:
    assert examine(director(routes=DENIED, clock=(False, 0.0))).status == 2
    healthy = examine(director(clock=DENIED), ignored=EVERY - {"LVD830"})
    assert healthy.status == 1


def test_a_note_alone_is_no_finding() -> None:
    report = examine(
        director(sysctl={**DIRECTOR["sysctl"], "net/ipv4/vs/sloppy_tcp": 0}), ignored=EVERY - {"LVD206"}
    )
    assert [each.severity for each in report.findings] == [Severity.NOTE]
    assert report.status == 0


def test_the_gravest_come_first() -> None:
    found = [each.severity for each in examine(director(clock=(False, 0.0), daemons=[], sysctl={})).findings]
    assert found == sorted(found, key=list(Severity).index)


def test_without_a_spec_the_checks_that_need_one_are_said_to_be_open() -> None:
    report = examine(Machine(Role.DIRECTOR, MadeUpMachine(DIRECTOR)))
    told = next(each for each in report.unread if each.why == "there is no spec")
    assert set(told.checks) == {
        each.id for each in all_checks() if each.needs_spec and Role.DIRECTOR in each.roles
    }
    assert report.status == 1


def test_only_the_checks_of_a_role_are_made() -> None:
    report = examine(Machine(Role.REALSERVER, MadeUpMachine(REALSERVER)))
    assert "LVD210" in report.checked
    assert "LVD500" not in {*report.checked, *(each for one in report.unread for each in one.checks)}


@pytest.mark.usefixtures("checks")
def test_a_bug_in_one_check_hides_nothing_that_others_found() -> None:
    @check("LVD999", Severity.ERROR, "A mistake of ours", why="We err.", remedy="Report it.")
    def wrong(machine: Machine) -> Iterator[Found]:
        yield Found("this", "was found before", "do that")
        raise ZeroDivisionError(str(machine.role))

    report = examine(director())
    assert "LVD999" in {each.id for each in report.findings}
    assert "this is a bug in lvsctl: ZeroDivisionError in LVD999: director" in {
        each.why for each in report.unread
    }
    assert "LVD830" in report.checked


def test_two_checks_cannot_have_one_id() -> None:
    one = next(iter(all_checks()))
    with pytest.raises(ValueError, match="two checks"):
        add(Check(one.id, one.severity, "x", "y", "z", one.roles, one.looks))


def test_the_made_up_routes_are_what_they_say() -> None:
    route = MadeUpMachine({"routes": ["default via 10.0.0.1 dev eth0 metric 5"]}).routes(Family.INET)[0]
    assert str(route) == "default via 10.0.0.1 dev eth0 metric 5 proto 3"
