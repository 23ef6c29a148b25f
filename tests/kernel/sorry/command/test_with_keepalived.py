"""``lvsctl sorry`` from end to end in the lab, where a keepalived owns the service: with it, and behind its back."""

import os
import signal
import threading

import pytest

from lvsctl.compose.render import render
from lvsctl.spec.load import read
from tests.support.hosts import wait_until
from tests.support.keepalived import Keepalived
from tests.support.sorry_command import SPEC, VIP, Lab, Lvsctl

pytestmark = pytest.mark.kernel


@pytest.fixture
def on_lb1(lab: Lab, lvsctl: Lvsctl, monkeypatch: pytest.MonkeyPatch) -> Lvsctl:
    """The command line with the files of lb1, as keepalived there sees them."""
    monkeypatch.setenv("LVSCTL_ROOT", f"/proc/{lab.lb1.pid}/root")
    lab.lb1.ipvsadm("-C")
    for folder in ("lib/lvsctl/maintenance", "lib/lvsctl/sorry"):
        lab.lb1.path(f"/var/{folder}").mkdir(parents=True, exist_ok=True)
    return lvsctl


def test_a_service_of_keepalived_s_is_switched_by_keepalived(lab: Lab, on_lb1: Lvsctl) -> None:
    on_lb1.spec.write_text(SPEC.replace("owner: lvsctl", "owner: keepalived"))
    text = render(read(on_lb1.spec), "lb1").text
    keepalived = Keepalived(lab.lb1, text)
    keepalived.wait_started()
    assert wait_until(lambda: "10.1.0.21:8080" in lab.lb1.ipvsadm("-Sn"))
    before = lab.lb1.ipvsadm("-Sn")
    try:
        assert on_lb1("on", "web") == (0, ""), on_lb1.err
        assert "keepalived runs notify_down and sends its mail for every real server" in on_lb1.err
        assert (lab.status(), lab.lb1.path("/var/lib/lvsctl/maintenance/web").read_text()[:1]) == (503, "1")
        status, found = on_lb1.json("status", "web")
        assert (status, found["services"][0]["way"]) == (0, "keepalived")
        assert on_lb1("on", "web", "--cut")[0] == 1
        assert "leave out --cut" in on_lb1.err
        assert on_lb1("off", "--all") == (0, ""), on_lb1.err
        assert (lab.status(), lab.lb1.ipvsadm("-Sn")) == (200, before)

        assert on_lb1("on", "web") == (0, "")
    finally:
        keepalived.stop()
    assert on_lb1("off", "web") == (0, ""), on_lb1.err
    assert "no keepalived has it any more" in on_lb1.err
    assert lab.lb1.path("/var/lib/lvsctl/maintenance/web").read_text()[:1] == "0"


FOREIGN = """
virtual_server 10.0.0.100 80 {
    delay_loop 60
    lvs_sched rr
    lvs_method NAT
    protocol TCP
    real_server 10.1.0.21 8080 {
        weight 3
    }
}
"""


def test_behind_the_back_of_a_foreign_keepalived_a_guard_holds_it(lab: Lab, on_lb1: Lvsctl) -> None:
    web, sorry = f"tcp/{VIP}:80", ("--sorry", "10.0.0.11:8503")
    keepalived = Keepalived(lab.lb1, FOREIGN)
    keepalived.wait_started()
    assert wait_until(lambda: "10.1.0.21:8080" in lab.lb1.ipvsadm("-Sn"))
    before = lab.lb1.ipvsadm("-Sn")
    try:
        assert on_lb1("on", web, *sorry, spec=False)[0] == 1
        assert "    FILE_CHECK {\n" in on_lb1.err
        assert "--guard" in on_lb1.err
        assert lab.lb1.ipvsadm("-Sn") == before

        answers: list[object] = []
        disturber = threading.Thread(target=disturb, args=(lab, answers))
        disturber.start()
        status, _ = on_lb1("on", web, *sorry, "--guard", spec=False)
        disturber.join(30)
        assert (status, answers) == (0, [True, True, 503]), on_lb1.err
        assert f"{web}: the sorry is on, and somebody let visitors past it" in on_lb1.err
        assert "the sorry stays on, and nobody watches it" in on_lb1.err

        assert on_lb1("off", web, spec=False) == (0, ""), on_lb1.err
        assert (lab.status(), lab.lb1.ipvsadm("-Sn")) == (200, before)
    finally:
        keepalived.stop()


def disturb(lab: Lab, answers: list[object]) -> None:
    """Put a real server back while the guard watches, see it go again, and end the guard."""
    is_out = "-r 10.1.0.21:8080 -m -w 0\n"
    # What the verb itself finds, it puts right without a word: wait until its guard listens to signals.
    answers.append(wait_until(lambda: signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL))
    lab.lb1.ipvsadm("-e", "-t", f"{VIP}:80", "-r", "10.1.0.21:8080", "-m", "-w", "3")
    answers.append(wait_until(lambda: is_out in lab.lb1.ipvsadm("-Sn")))
    answers.append(lab.status())
    os.kill(os.getpid(), signal.SIGTERM)
