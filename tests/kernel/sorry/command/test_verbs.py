"""``lvsctl sorry`` from end to end in the lab, where lvsctl owns the services: visitors, a 503 server, a real server."""

import http.client
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lvsctl.cli.main import run
from tests.support.ipvs import ran
from tests.support.preloaded import BIN, preloaded
from tests.support.sorry_command import RULES, SPEC, VIP, Lab, Lvsctl

pytestmark = pytest.mark.kernel


def test_on_and_off_by_a_name_of_the_spec(lab: Lab, lvsctl: Lvsctl) -> None:
    before = lab.lb1.ipvsadm("-Sn")
    assert lab.status() == 200
    assert lvsctl("status")[0] == 2

    status, planned = lvsctl("on", "web", "--dry-run")
    assert (status, lab.lb1.ipvsadm("-Sn")) == (0, before), lvsctl.err
    assert planned.splitlines() == [
        "+ tcp/10.0.0.100:80 -> 10.0.0.11:8503 NAT weight 1",
        "~ tcp/10.0.0.100:80 -> 10.1.0.21:8080 NAT weight 0",
    ]
    assert "web: the sorry would go on" in lvsctl.err

    assert lvsctl("on", "web", "--reason", "deploy") == (0, ""), lvsctl.err
    assert "web: the sorry is on\n" in lvsctl.err
    assert lab.status() == 503
    assert lvsctl("on", "w*") == (0, "")
    assert "web: the sorry is on already" in lvsctl.err

    status, found = lvsctl.json("status", "web")
    assert status == 0, found
    [service] = found["services"]
    assert (service["state"], service["way"], service["sorry"]) == ("on", "kernel", "10.0.0.11:8503")
    [held] = service["holders"]
    assert (held["holder"], held["by"], held["until"]) == ("operator", "alice", None)

    assert lvsctl("off", "web") == (0, ""), lvsctl.err
    assert (lab.status(), lvsctl("status", "web")[0]) == (200, 2)
    assert lab.lb1.ipvsadm("-Sn") == before
    assert lvsctl("off", "web") == (0, "")
    assert "web: the sorry is off already" in lvsctl.err


def test_without_any_spec_and_what_is_refused(lab: Lab, lvsctl: Lvsctl) -> None:
    before, web = lab.lb1.ipvsadm("-Sn"), f"tcp/{VIP}:80"

    def refused(*arguments: str) -> str:
        status, out = lvsctl("on", web, *arguments, spec=False)
        assert (status, out) == (1, ""), lvsctl.err
        assert lab.lb1.ipvsadm("-Sn") == before
        return lvsctl.err

    assert refused("--sorry", "127.0.0.1:8503") == (
        "lvsctl: tcp/10.0.0.100:80: clients of 127.0.0.1:8503 would hang: the kernel drops what NAT sends to loopback\n"
        "  this node has: --sorry 10.0.0.11:8503, --sorry 10.0.0.100:8503, --sorry 10.1.0.1:8503\n"
    )
    assert "10.0.0.12 is no address of this node" in refused("--sorry", "10.0.0.12:8503")
    assert "nobody listens at 10.0.0.11:9999" in refused("--sorry", "10.0.0.11:9999")
    assert "http://10.0.0.11:8200 answers 200 to a page" in refused("--sorry", "10.0.0.11:8200")
    assert "nobody listens at 10.0.0.100:80" in refused("--sorry", "10.0.0.11:8503", "--sorry-method", "DR")
    assert "fd00::1 is not IPv4" in refused("--sorry", "[fd00::1]:8503")

    assert lvsctl("on", web, spec=False)[0] == 64
    assert "needs --sorry ADDR:PORT" in lvsctl.err
    assert lvsctl("on", "udp/10.0.0.100:53", "--sorry", "10.0.0.11:8503", "--force", spec=False)[0] == 1

    assert lvsctl("on", web, "--sorry", "10.0.0.11:8200", "--force", "--json", spec=False)[0] == 0
    assert lvsctl("on", web, "--sorry", "10.0.0.11:8503", spec=False)[0] == 1
    assert "its sorry is on with 10.0.0.11:8200, not 10.0.0.11:8503" in lvsctl.err
    assert lvsctl("on", web, spec=False) == (0, ""), lvsctl.err
    assert lvsctl.json("off", "--all", spec=False)[1]["services"][0]["service"] == web
    assert (lab.lb1.ipvsadm("-Sn"), lab.status()) == (before, 200)
    assert lvsctl("off", "--all", spec=False) == (0, "")
    assert lvsctl.err == "no sorry is known to be on\n"


def test_several_who_want_it_and_a_time_for_it(lab: Lab, lvsctl: Lvsctl, tmp_path: Path) -> None:
    assert lvsctl("on", "web", "--for", "30m")[0] == 69
    assert "the agent keeps time for its own network namespace only" in lvsctl.err
    lvsctl.where = []
    with lab.lb1.inside():
        several(lab, lvsctl, tmp_path)


def several(lab: Lab, lvsctl: Lvsctl, tmp_path: Path) -> None:
    assert lvsctl("on", "web", "--for", "30m")[0] == 69
    assert "the agent does not run" in lvsctl.err
    alive = {"version": 1, "pid": os.getpid(), "heartbeat": time.time()}
    heartbeat = tmp_path / "run/lvsctl/status.json"
    heartbeat.parent.mkdir(parents=True, exist_ok=True)
    heartbeat.write_text(json.dumps(alive))
    assert lvsctl("on", "web", "--for", "1h30m", "--reason", "--odd one\x1b[2J") == (0, ""), lvsctl.err
    assert lvsctl("on", "web", "--as", "quorum") == (0, "")
    found = lvsctl.json("status", "web")[1]["services"][0]["holders"]
    assert {each["holder"]: bool(each["until"]) for each in found} == {"operator": True, "quorum": False}
    status, shown = lvsctl("status")
    assert status == 0
    assert "\x1b" not in shown
    assert "held by operator (alice) since " in shown

    assert lvsctl("off", "web") == (0, "")
    assert "web: the sorry stays on, held by quorum (alice)" in lvsctl.err
    assert (lab.status(), lvsctl("status", "web")[0]) == (503, 0)
    assert lvsctl("off", "web", "--force") == (0, "")
    assert lab.status() == 200


def test_waiting_for_connections_and_ending_them(lab: Lab, lvsctl: Lvsctl) -> None:
    with lab.client.inside():
        visitor = http.client.HTTPConnection(VIP, 80, timeout=5)
        visitor.request("GET", "/")
        visitor.getresponse().read()
    assert lvsctl("on", "web", "--wait", "--timeout", "0.2")[0] == 2
    assert "the real servers have 1 connection left" in lvsctl.err
    visitor.request("GET", "/")
    assert visitor.getresponse().status == 200, "what a real server has, it finishes"
    visitor.close()
    assert lvsctl("on", "web", "--wait", "--timeout", "20") == (0, "")
    assert "the real servers have no connections\n" in lvsctl.err
    assert lvsctl("on", "web", "--cut", "--set-sysctl") == (0, "")
    assert "10.1.0.21" not in lab.lb1.ipvsadm("-Sn")
    assert lvsctl("off", "web") == (0, ""), lvsctl.err
    assert lab.status() == 200


SSHD = """
Port 22
ListenAddress 10.0.0.12
HostKey /run/keys/host
AuthorizedKeysFile /run/keys/user.pub
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
PermitRootLogin prohibit-password
SetEnv PATH={path}
KexAlgorithms curve25519-sha256
"""
HOME = Path("/root/.ssh")


@pytest.fixture
def ssh(lab: Lab, tmp_path: Path) -> Iterator[None]:
    """Let root of the lab in at lb2, which has the spec and a table."""
    lab.lb2.write("/etc/lvsctl/lvs.yaml", SPEC)
    lab.lb2.ipvsadm("-R", stdin=RULES)
    lab.lb2.run(["sh", "-c", "mkdir -p /run/keys /run/sshd"])
    for name in ("host", "user"):
        ran("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / name))
    for name in ("host", "user.pub"):
        lab.lb2.write(f"/run/keys/{name}", (tmp_path / name).read_bytes(), 0o600)
    lab.lb2.write("/run/keys/sshd_config", SSHD.format(path=f"{BIN}:/usr/bin:/bin"))
    sshd = lab.lb2.start(["/usr/sbin/sshd", "-D", "-e", "-f", "/run/keys/sshd_config"])
    HOME.mkdir(exist_ok=True)
    ran("mount", "-t", "tmpfs", "none", str(HOME))
    (HOME / "known_hosts").write_text(f"10.0.0.12 {(tmp_path / 'host.pub').read_text()}")
    (HOME / "id_ed25519").write_bytes((tmp_path / "user").read_bytes())
    (HOME / "id_ed25519").chmod(0o600)
    sshd.wait_for("Server listening")
    with preloaded(lab.lb2):
        yield
    ran("umount", str(HOME))
    sshd.end()


@pytest.mark.usefixtures("ssh")
def test_both_directors_over_ssh(lab: Lab, lvsctl: Lvsctl) -> None:
    lab.lb2.run(["cp", "/etc/lvsctl/lvs.yaml", "/run/lvs.yaml"])
    lvsctl.spec = Path("/run/lvs.yaml")  # the same name on both, as --spec promises
    lvsctl.spec.write_text(SPEC)
    reason = "it's $(touch /run/owned); `id`"
    lvsctl.where = []
    with lab.lb1.inside():
        assert lvsctl("on", "web", "--pair", "--reason", reason) == (0, ""), lvsctl.err
        assert "lb2: web: the sorry is on\n" in lvsctl.err
        for host, address in ((lab.lb1, "10.0.0.11"), (lab.lb2, "10.0.0.12")):
            assert f"-r {address}:8503 -m -w 1\n" in host.ipvsadm("-Sn")
            assert "-r 10.1.0.21:8080 -m -w 0\n" in host.ipvsadm("-Sn")
        assert not lab.lb2.path("/run/owned").exists()

        lab.lb2.ipvsadm("-d", "-t", f"{VIP}:80", "-r", "10.0.0.12:8503")
        lab.lb2.ipvsadm("-e", "-t", f"{VIP}:80", "-r", "10.1.0.21:8080", "-m", "-w", "3")
        status, answer = lvsctl.json("status", "web", "--pair")
        assert (status, answer["services"][0]["state"]) == (2, "on"), lvsctl.err
        assert "lb2: differs: web: on here, off there" in lvsctl.err
        [peer] = answer["peers"]
        assert (peer["node"], peer["exit"]) == ("lb2", 2)
        assert peer["services"][0]["holders"][0]["reason"] == reason

        assert lvsctl("off", "web", "--pair", "--peer", "10.0.0.2")[0] == 69
    assert "10.0.0.2: ssh 10.0.0.2: ssh: connect to host 10.0.0.2 port 22: Connection refused" in lvsctl.err
    assert "10.0.0.11" not in lab.lb1.ipvsadm("-Sn")


def test_whoever_is_not_root_may_look_and_no_more(
    lab: Lab, lvsctl: Lvsctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LVSCTL_ROOT", "/run/for-everybody")
    lvsctl.spec = Path("/run/lvs.yaml")
    lvsctl.spec.write_text(SPEC)
    for verb, expected, said in (("status", 2, "drift is not looked for"), ("on", 77, "CAP_NET_ADMIN")):
        with lab.lb1.inside():
            status, told = as_nobody(["sorry", verb, "web", "--spec", str(lvsctl.spec), "--node", "lb1"])
        assert (status, said in told) == (expected, True), told


def as_nobody(arguments: list[str]) -> tuple[int, str]:
    """Run the command line in a child that is nobody; answer its exit code and what it printed."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        for number in (1, 2):
            os.dup2(write, number)
        sys.stdout = sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115 - for the child's short life
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        status = 99
        try:
            status = run(arguments)
        finally:
            sys.stdout.flush()
            os._exit(status)
    os.close(write)
    with os.fdopen(read) as pipe:
        told = pipe.read()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), told
