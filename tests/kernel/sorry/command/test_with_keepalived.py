"""``lvsctl sorry`` from end to end in the lab, where a keepalived owns the service: with it, and behind its back."""

import http.client
import json
import os
import re
import signal
import threading
from contextlib import closing
from pathlib import Path

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


SLOW = """
  slow:
    address: 10.0.0.100
    port: 81
    lvs_sched: rr
    maintenance: plain
    sorry_server: {}
    real_servers: [{address: 10.1.0.21, port: 8080}]
"""


def test_a_service_of_keepalived_s_is_switched_by_keepalived(lab: Lab, on_lb1: Lvsctl) -> None:
    on_lb1.spec.write_text(SPEC.replace("owner: lvsctl", "owner: keepalived") + SLOW)
    text = render(read(on_lb1.spec), "lb1").text
    keepalived = Keepalived(lab.lb1, text)
    keepalived.wait_started()
    assert wait_until(lambda: lab.lb1.ipvsadm("-Sn").count("10.1.0.21:8080") == 2)
    before = lab.lb1.ipvsadm("-Sn")
    try:
        interrupt(lab, on_lb1, "on", signal.SIGINT)
        interrupt(lab, on_lb1, "off", signal.SIGTERM)
        assert lab.lb1.ipvsadm("-Sn") == before

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


def interrupt(lab: Lab, lvsctl: Lvsctl, verb: str, number: int) -> None:
    """Have enough of waiting for a visitor of the plain service, who stays, and see that *verb* is done nevertheless."""
    with lab.client.inside(), closing(http.client.HTTPConnection(VIP, 81, timeout=5)) as visitor:
        visitor.request("GET", "/")
        visitor.getresponse().read()
        enough = threading.Thread(target=have_enough, args=(lab, verb, number))
        enough.start()
        status, out = lvsctl(verb, "slow", "--grace", "600", "--json")
        enough.join()
    assert (status, json.loads(out)["services"][0]["state"]) == (130, verb), lvsctl.err
    who = "the real servers" if verb == "on" else "the sorry"
    assert re.search(rf"1 connections of {who} had not ended after [0-9.]+ s, and were cut", lvsctl.err)
    assert "interrupted: connections were not waited for any longer\n" in lvsctl.err
    assert lab.lb1.path("/var/lib/lvsctl/maintenance/slow").read_text()[:1] == ("1" if verb == "on" else "0")


def have_enough(lab: Lab, verb: str, number: int) -> None:
    """Send this process a signal when its *verb* has changed the table, and so waits for connections."""
    swapped = re.compile(rf"-t {VIP}:81 -r 10\.0\.0\.11:8503 -m -w {int(verb == 'on')}\n")
    assert wait_until(lambda: swapped.search(lab.lb1.ipvsadm("-Sn")))
    os.kill(os.getpid(), number)


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
    # What the verb itself finds, it puts right without a word: wait until it has done its part.
    answers.append(wait_until(lambda: any('"phase":"on"' in each.read_text() for each in snapshots(lab))))
    lab.lb1.ipvsadm("-e", "-t", f"{VIP}:80", "-r", "10.1.0.21:8080", "-m", "-w", "3")
    answers.append(wait_until(lambda: is_out in lab.lb1.ipvsadm("-Sn")))
    answers.append(lab.status())
    # By now its guard is at work, and listens to signals.
    os.kill(os.getpid(), signal.SIGTERM)


def snapshots(lab: Lab) -> list[Path]:
    """Answer the files of lb1 that say what a service was before its sorry."""
    return list(lab.lb1.path("/var/lib/lvsctl/sorry").rglob("*.json"))
