"""``lvsctl sorry`` from end to end in the lab: visitors, a director with a 503 server, a real server behind it."""

import http.client
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from lvsctl.cli.main import run
from lvsctl.compose.render import render
from lvsctl.spec.load import read
from tests.support.hosts import Host, Net, wait_until
from tests.support.ipvs import ran
from tests.support.keepalived import Keepalived
from tests.support.preloaded import BIN, preloaded

pytestmark = pytest.mark.kernel

VIP = "10.0.0.100"
SERVER = """
import http.server, sys
class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.send_response(int(sys.argv[3]))
        self.send_header("Retry-After", "120")
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Answer).serve_forever()
"""
SPEC = """
nodes:
  lb1: {address: 10.0.0.11}
  lb2: {address: 10.0.0.12}
virtual_servers:
  web:
    address: 10.0.0.100
    port: 80
    owner: lvsctl
    lvs_sched: rr
    sorry_server: {}
    real_servers: [{address: 10.1.0.21, port: 8080, weight: 3}]
  mail: {address: 10.0.0.100, port: 25, owner: lvsctl, real_servers: [{address: 10.1.0.21}]}
"""


RULES = f"-A -t {VIP}:80 -s rr\n-a -t {VIP}:80 -r 10.1.0.21:8080 -m -w 3\n"


class Lab:
    """The hosts; :attr:`lb1` and :attr:`lb2` are the directors."""

    def __init__(self, net: Net) -> None:
        self.client = net.host("client", eth0="outer 10.0.0.2/24")
        self.lb1 = net.host("lb1", eth0=f"outer 10.0.0.11/24 {VIP}/32", eth1="inner 10.1.0.1/24")
        self.lb2 = net.host("lb2", eth0="outer 10.0.0.12/24")
        self.r1 = net.host("r1", eth0="inner 10.1.0.21/24")
        self.lb1.sysctl("net.ipv4.ip_forward", 1)
        self.r1.ip("route add default via 10.1.0.1")
        serve(self.r1, "0.0.0.0", 8080, 200)
        for host in (self.lb1, self.lb2):
            serve(host, "0.0.0.0", 8503, 503)
            serve(host, "0.0.0.0", 8200, 200)

    def status(self, port: int = 80) -> int:
        """Answer what a visitor gets."""
        with self.client.inside():
            connection = http.client.HTTPConnection(VIP, port, timeout=5)
            try:
                connection.request("GET", "/")
                return connection.getresponse().status
            finally:
                connection.close()


def serve(host: Host, address: str, port: int, status: int) -> None:
    host.start([sys.executable, "-S", "-c", SERVER, address, str(port), str(status)])


def listen(host: Host, ports: Sequence[int]) -> bool:
    with host.inside():
        sockets = Path("/proc/thread-self/net/tcp").read_text()
    return all(f":{port:04X} " in sockets for port in ports)


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Net() as net:
        made = Lab(net)
        for host, ports in ((made.r1, [8080]), (made.lb1, [8503, 8200]), (made.lb2, [8503, 8200])):
            assert wait_until(partial(listen, host, ports)), host.name
        yield made


class Lvsctl:
    """The command line on one director, in this process; the network namespace is the director's."""

    def __init__(self, host: Host, node: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.where = ["--netns", f"/proc/{host.pid}/ns/net"]
        self.host, self.node, self._capsys = host, node, capsys
        self.spec = folder / "lvs.yaml"
        self.spec.write_text(SPEC)
        self.err = ""

    def __call__(self, verb: str, *arguments: str, spec: bool = True) -> tuple[int, str]:
        known = ["--spec", str(self.spec), "--node", self.node] if spec else []
        status = run(["sorry", verb, *known, *self.where, *arguments])
        out, self.err = self._capsys.readouterr()
        return status, out

    def json(self, verb: str, *arguments: str, spec: bool = True) -> tuple[int, dict[str, Any]]:
        status, out = self(verb, "--json", *arguments, spec=spec)
        document: dict[str, Any] = json.loads(out)
        return status, document


@pytest.fixture
def lvsctl(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Lvsctl:
    monkeypatch.setenv("LVSCTL_ROOT", str(tmp_path))
    monkeypatch.setenv("SUDO_USER", "alice")
    lab.lb1.ipvsadm("-C")
    lab.lb1.ipvsadm("-R", stdin=RULES)
    return Lvsctl(lab.lb1, "lb1", tmp_path, capsys)


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
