"""What is made of a keepalived's end and words, without one."""

import pytest

from lvsctl.host.run import Finished
from lvsctl.keepalived.judge import (
    Crashed,
    Invalid,
    Unverified,
    Valid,
    objections,
    plain_verdict,
    verdict,
)
from lvsctl.keepalived.messages import Message
from lvsctl.keepalived.sandbox import SETUP_FAILED, was_refused

TEXT = "vrrp_instance V {\n}\n"
V227 = (2, 2, 7)


def ended(status: int, *said: str) -> Finished:
    return Finished(("keepalived",), status, "", "".join(f"{line}\n" for line in said))


def judged(finished: Finished, text: str = TEXT, target: tuple[int, int, int] = V227) -> object:
    return verdict(finished, text, V227, target)


def test_silence_and_success_are_valid() -> None:
    assert judged(ended(0)) == Valid(V227)


def test_success_with_a_word_is_invalid() -> None:
    assert judged(ended(0, "(Line 1) x")) == Invalid(V227, (Message(1, None, "x"),))


def test_failure_without_a_word_is_invalid_and_says_so() -> None:
    outcome = judged(ended(5))
    assert isinstance(outcome, Invalid)
    assert "status 5" in outcome.messages[0].text


def test_what_keepalived_overlooks_is_invalid_although_it_is_content() -> None:
    outcome = judged(ended(0), "\ufeff" + TEXT)
    assert isinstance(outcome, Invalid)


@pytest.mark.parametrize(
    ("status", "name"), [(-11, "SIGSEGV"), (139, "SIGSEGV"), (134, "SIGABRT"), (143, "SIGTERM")]
)
def test_an_end_by_a_signal_is_a_crash_whatever_it_said(status: int, name: str) -> None:
    outcome = judged(ended(status, "(Line 1) x"))
    assert isinstance(outcome, Crashed)
    assert (outcome.how, len(outcome.messages)) == (name, 1)


def test_a_false_alarm_alone_is_valid_and_kept() -> None:
    outcome = judged(ended(5, "(V) No VIP specified; at least one is sensible"))
    assert isinstance(outcome, Valid)
    assert outcome.false_alarms[0].subject == "V"


def test_a_false_alarm_among_faults_is_not_repeated() -> None:
    outcome = judged(ended(5, "(V) No VIP specified; at least one is sensible", "(Line 1) x"))
    assert outcome == Invalid(V227, (Message(1, None, "x"),))


def test_a_kernel_that_lacks_a_feature_proves_nothing() -> None:
    outcome = judged(ended(5, "(Line 2) encap not supported by kernel"))
    assert isinstance(outcome, Unverified)


def test_a_kernel_that_lacks_a_feature_does_not_hide_a_fault() -> None:
    assert isinstance(judged(ended(5, "(Line 2) encap not supported by kernel", "(Line 3) x")), Invalid)


def test_an_older_keepalived_cannot_judge_newer_keywords() -> None:
    unknown = ended(5, "(Line 2) Unknown keyword 'no_virtual_ipaddress'")
    assert isinstance(judged(unknown, target=(2, 2, 8)), Unverified)
    assert isinstance(judged(unknown), Invalid)


def plainly(finished: Finished) -> object:
    return plain_verdict(finished, TEXT, V227, "no namespaces", "/x")


def test_without_namespaces_silence_is_not_valid() -> None:
    assert plainly(ended(0)) == Unverified("no namespaces")


def test_without_namespaces_a_fault_of_the_language_is_invalid() -> None:
    outcome = plainly(ended(5, "(/x: Line 2) Unknown keyword 'y'", "interface eth0 doesn't exist"))
    assert outcome == Invalid(V227, (Message(2, None, "Unknown keyword 'y'"),))


def test_without_namespaces_what_may_be_the_machines_fault_is_shown_but_not_believed() -> None:
    outcome = plainly(ended(4, "Non-existent interface specified in configuration"))
    assert isinstance(outcome, Unverified)
    assert len(outcome.messages) == 1


def test_without_namespaces_the_known_self_kill_is_no_crash() -> None:
    assert isinstance(plainly(ended(143)), Unverified)
    assert isinstance(plainly(ended(139)), Crashed)


@pytest.mark.parametrize(
    "finished",
    [
        ended(SETUP_FAILED, "mount: permission denied"),
        ended(127, "chroot: cannot run"),
        ended(1, "unshare: unshare failed: Operation not permitted"),
    ],
)
def test_preparations_that_fail_are_not_the_word_of_keepalived(finished: Finished) -> None:
    assert was_refused(finished)


@pytest.mark.parametrize("finished", [ended(0), ended(5, "x"), ended(1, "x"), ended(-11)])
def test_an_end_of_keepalived_itself_is_not_a_failed_preparation(finished: Finished) -> None:
    assert not was_refused(finished)


def test_objections_say_everything_there_is() -> None:
    said = (Message(3, None, "x"),)
    assert objections(Valid(V227)) == ()
    assert objections(Invalid(V227, said)) == ("line 3: x",)
    assert objections(Crashed(V227, "SIGSEGV", said)) == (
        "keepalived does not survive reading it: SIGSEGV",
        "line 3: x",
    )
    assert objections(Unverified("no root", said)) == ("not verified: no root", "line 3: x")
