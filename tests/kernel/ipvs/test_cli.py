"""``lvsctl ipvs …`` on a real table, its work read back by ipvsadm."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lvsctl.cli.main import run
from lvsctl.host.netns import inside
from tests.support.hosts import wait_until
from tests.support.ipvs import fresh_netns, ipvsadm, ran

pytestmark = pytest.mark.kernel

RULES = """\
-A -t 10.0.0.1:80 -s sh -p 300 -M 255.255.0.0 -b sh-port
-a -t 10.0.0.1:80 -r 10.1.0.3:80 -m -w 1 -x 9 -y 3
-a -t 10.0.0.1:80 -r 10.1.0.1:80 -i -w 3 --tun-type gue --tun-port 6080 --tun-csum
-a -t 10.0.0.1:80 -r 10.1.0.2:80 -g -w 0
-A -f 5 -6 -s rr
-a -f 5 -6 -r [2001:db8::2]:0 -m -w 1
"""


class Lvsctl:
    """The command line, always with the same namespace."""

    def __init__(self, netns: str, capsys: pytest.CaptureFixture[str], folder: Path) -> None:
        self.netns = netns
        self._capsys = capsys
        self.rules = folder / "table.rules"
        self.rules.write_text(RULES)
        self.said = ""

    def __call__(self, *arguments: str) -> tuple[int, str]:
        status = run(["ipvs", *arguments, "--netns", self.netns])
        out, self.said = self._capsys.readouterr()
        return status, out


@pytest.fixture
def lvsctl(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Lvsctl]:
    monkeypatch.setenv("LVSCTL_ROOT", str(tmp_path))
    with fresh_netns() as netns:
        yield Lvsctl(netns, capsys, tmp_path)


def test_apply_diff_save_and_restore_are_exact(lvsctl: Lvsctl, tmp_path: Path) -> None:
    status, planned = lvsctl("diff", "--table", str(lvsctl.rules))
    assert status == 2
    assert lvsctl("apply", "--dry-run", "--table", str(lvsctl.rules)) == (0, planned)
    assert lvsctl("save") == (0, "")
    assert lvsctl("apply", "--table", str(lvsctl.rules)) == (0, planned)
    assert planned.splitlines()[:2] == [
        "+ tcp/10.0.0.1:80 sh sh-port persistent 300 mask 255.255.0.0",
        "+ tcp/10.0.0.1:80 -> 10.1.0.3:80 NAT weight 1 thresholds 9/3",
    ]
    assert lvsctl("diff", "--table", str(lvsctl.rules)) == (0, "")
    assert lvsctl("save") == (0, RULES)
    assert "10.1.0.3:80                  9          3 " in ipvsadm(lvsctl.netns, "-Ln", "--thresholds")

    saved = tmp_path / "saved.rules"
    assert lvsctl("save", str(saved)) == (0, "")
    ipvsadm(lvsctl.netns, "-C")
    ipvsadm(lvsctl.netns, "-R", stdin=saved.read_text())
    assert lvsctl("save") == (0, RULES)
    ipvsadm(lvsctl.netns, "-A", "-t", "10.9.9.9:9")
    assert lvsctl("restore", "--quiet", str(saved)) == (0, "")
    assert lvsctl("save") == (0, RULES)


def test_only_the_services_of_the_file_are_touched_unless_pruned(lvsctl: Lvsctl) -> None:
    ipvsadm(lvsctl.netns, "-A", "-t", "10.9.9.9:9")
    lvsctl("apply", "--table", str(lvsctl.rules))
    assert "10.9.9.9:9" in ipvsadm(lvsctl.netns, "-Sn")
    assert lvsctl("diff", "--prune", "--table", str(lvsctl.rules)) == (2, "- tcp/10.9.9.9:9\n")
    lvsctl("apply", "--prune", "--table", str(lvsctl.rules))
    assert "10.9.9.9:9" not in ipvsadm(lvsctl.netns, "-Sn")


def test_weights_of_a_health_checker_are_kept(lvsctl: Lvsctl) -> None:
    lvsctl("apply", "--table", str(lvsctl.rules))
    ipvsadm(
        lvsctl.netns, *["-e", "-t", "10.0.0.1:80", "-r", "10.1.0.3:80", "-m", "-w", "0", "-x", "9", "-y", "3"]
    )
    assert lvsctl("diff", "--keep-weights", "--table", str(lvsctl.rules)) == (0, "")
    assert lvsctl("diff", "--table", str(lvsctl.rules))[0] == 2


def test_a_refused_step_leaves_everything_as_it_was(lvsctl: Lvsctl) -> None:
    lvsctl("apply", "--table", str(lvsctl.rules))
    lvsctl.rules.write_text(RULES + "-A -t 10.0.0.7:80 -s nosuch\n-A -t 10.0.0.8:80 -s rr\n")
    status, _ = lvsctl("apply", "--table", str(lvsctl.rules))
    assert status == 1
    assert "+ tcp/10.0.0.7:80 nosuch: the kernel has no such scheduler" in lvsctl.said
    assert "1 other step had been applied, now taken back" in lvsctl.said
    assert "modprobe" in lvsctl.said
    assert lvsctl("save") == (0, RULES)
    lvsctl("apply", "--no-rollback", "--table", str(lvsctl.rules))
    assert "10.0.0.8:80" in lvsctl("save")[1]


def test_a_file_that_makes_no_sense_is_65_with_every_fault(lvsctl: Lvsctl) -> None:
    lvsctl.rules.write_text("-A\nhello\n")
    assert lvsctl("apply", "--table", str(lvsctl.rules))[0] == 65
    assert f"{lvsctl.rules}:1: " in lvsctl.said
    assert f"{lvsctl.rules}:2: " in lvsctl.said


def test_show_as_text_and_as_json(lvsctl: Lvsctl) -> None:
    lvsctl("apply", "-q", "--table", str(lvsctl.rules))
    status, text = lvsctl("show")
    assert status == 0
    assert "  -> 10.1.0.1:80      TUN gue:6080       3       0         0" in text.splitlines()
    document = json.loads(lvsctl("show", "tcp/10.0.0.1:80", "--json")[1])
    [service] = document["services"]
    assert service["flags"] == ["sh-port"]
    assert service["persistence"] == {"timeout": 300, "netmask": "255.255.0.0"}
    assert service["destinations"][1]["tunnel"] == {"type": "gue", "port": 6080, "flags": ["csum"]}
    assert lvsctl("show", "tcp/10.9.9.9:9") == (2, "")
    assert lvsctl("show", "--stats")[1].splitlines()[0].split() == [
        "SERVICE",
        "CONNS",
        "IN",
        "PKTS",
        "OUT",
        "PKTS",
        "IN",
        "BYTES",
        "OUT",
        "BYTES",
    ]
    assert lvsctl("show", "nonsense")[0] == 64


def test_everybody_may_look(lvsctl: Lvsctl) -> None:
    lvsctl("apply", "-q", "--table", str(lvsctl.rules))
    program = "import sys; from lvsctl.cli.main import run; sys.exit(run(sys.argv[1:]))"
    as_nobody = [
        "ip",
        "netns",
        "exec",
        lvsctl.netns,
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
    ]
    shown = subprocess.run(
        [*as_nobody, sys.executable, "-c", program, "ipvs", "show"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "showing what /proc tells" in shown.stderr
    assert [" ".join(line.split()) for line in shown.stdout.splitlines()] == [
        "SERVICE METHOD WEIGHT ACTIVE INACTIVE LIMITS",
        "fwmark6/5 rr",
        "-> [2001:db8::2]:0 NAT 1 0 0",
        "tcp/10.0.0.1:80 sh persistent 300 mask 255.255.0.0",
        "-> 10.1.0.3:80 NAT 1 0 0",
        "-> 10.1.0.1:80 TUN ipip 3 0 0",
        "-> 10.1.0.2:80 DR 0 0 0",
    ]
    refused = subprocess.run(
        [*as_nobody, sys.executable, "-c", program, "ipvs", "save"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert refused.returncode == 77
    assert "CAP_NET_ADMIN" in refused.stderr


def test_set_weight_changes_nothing_else(lvsctl: Lvsctl) -> None:
    lvsctl("apply", "-q", "--table", str(lvsctl.rules))
    assert lvsctl("set-weight", "tcp/10.0.0.1:80", "10.1.0.1:80", "7") == (0, "")
    assert lvsctl("save") == (0, RULES.replace("-i -w 3", "-i -w 7"))
    assert lvsctl("set-weight", "tcp/10.0.0.1:80", "10.1.0.9:80", "7")[0] == 1
    assert "it has: 10.1.0.3:80, 10.1.0.1:80, 10.1.0.2:80" in lvsctl.said
    assert lvsctl("set-weight", "tcp/10.0.0.1:80", "10.1.0.9", "7")[0] == 64
    assert lvsctl("set-weight", "tcp/10.0.0.1:80", "10.1.0.1:80", "--", "-1")[0] == 64


def test_drain_waits_until_the_connections_are_gone(lvsctl: Lvsctl) -> None:
    netns = lvsctl.netns
    ipvsadm(netns, "-A", "-t", "127.0.0.2:80", "-s", "rr")
    ipvsadm(netns, "-a", "-t", "127.0.0.2:80", "-r", "127.0.0.1:8080", "-m")
    server, client = inside(netns, _connected)
    drained = ("drain", "tcp/127.0.0.2:80", "127.0.0.1:8080")
    with server, client:
        assert lvsctl(*drained) == (0, "")
        assert "draining, 1 connections left" in lvsctl.said
        assert lvsctl(*drained, "--wait", "--timeout", "1") == (2, "")
        assert "1 connections are still there" in lvsctl.said
    ran("ip", "netns", "exec", netns, "sysctl", "-qw", "net.ipv4.vs.expire_nodest_conn=1")
    assert "127.0.0.1:8080               Masq    0" in ipvsadm(netns, "-Ln")
    ipvsadm(netns, "-d", "-t", "127.0.0.2:80", "-r", "127.0.0.1:8080")
    ipvsadm(netns, "-a", "-t", "127.0.0.2:80", "-r", "127.0.0.1:8081", "-m")
    assert lvsctl("drain", "tcp/127.0.0.2:80", "127.0.0.1:8081", "--remove") == (0, "")
    assert "drained and removed" in lvsctl.said
    assert ipvsadm(netns, "-Sn") == "-A -t 127.0.0.2:80 -s rr\n"


def test_drain_ends_with_the_last_connection(lvsctl: Lvsctl) -> None:
    netns = lvsctl.netns
    ipvsadm(netns, "-A", "-t", "127.0.0.2:80", "-s", "rr")
    ipvsadm(netns, "-a", "-t", "127.0.0.2:80", "-r", "127.0.0.1:8080", "-m")
    # The kernel keeps a connection that the server closed for this long, 120 s by default.
    lvsctl("timeouts", "0", "2", "0")
    listening, client = inside(netns, _connected)
    program = "import sys; from lvsctl.cli.main import run; sys.exit(run(sys.argv[1:]))"
    drain = ["ipvs", "drain", "tcp/127.0.0.2:80", "127.0.0.1:8080", "--wait", "--netns", netns]
    with (
        listening,
        client,
        subprocess.Popen(
            [sys.executable, "-c", program, *drain], stderr=subprocess.PIPE, text=True
        ) as draining,
    ):
        with listening.accept()[0]:
            assert wait_until(lambda: "127.0.0.1:8080               Masq    0" in ipvsadm(netns, "-Ln"))
            time.sleep(1)
            assert draining.poll() is None, "it went although the connection is there"
        said = draining.communicate(timeout=60)[1]
    assert draining.returncode == 0, said
    assert said.splitlines() == [
        "1 connections left, 00:00",
        "tcp/127.0.0.2:80 -> 127.0.0.1:8080: drained",
    ]


def _connected() -> tuple[socket.socket, socket.socket]:
    server = socket.create_server(("127.0.0.1", 8080))
    return server, socket.create_connection(("127.0.0.2", 80), timeout=10)


def test_drain_refuses_where_weight_zero_would_refuse_clients(lvsctl: Lvsctl) -> None:
    lvsctl("apply", "-q", "--table", str(lvsctl.rules))
    assert lvsctl("drain", "tcp/10.0.0.1:80", "10.1.0.1:80")[0] == 1
    assert "sh goes on choosing destinations of weight 0" in lvsctl.said
    assert lvsctl("drain", "--force", "tcp/10.0.0.1:80", "10.1.0.1:80")[0] == 0


def test_timeouts_and_daemons(lvsctl: Lvsctl) -> None:
    assert lvsctl("timeouts", "100", "0", "50") == (0, "tcp 100 s, tcp after FIN 120 s, udp 50 s\n")
    assert ipvsadm(lvsctl.netns, "-L", "--timeout") == "Timeout (tcp tcpfin udp): 100 120 50\n"
    assert lvsctl("timeouts", "1")[0] == 64
    assert lvsctl("daemon") == (2, "")
    start = [
        "ipvs",
        "daemon",
        "start",
        "master",
        "-i",
        "lo",
        "--syncid",
        "7",
        "--group",
        "224.0.0.99",
        "--ttl",
        "3",
    ]
    assert run([*start, "--netns", lvsctl.netns]) == 0
    assert "mcast=lo, syncid=7" in ipvsadm(lvsctl.netns, "-L", "--daemon")
    assert json.loads(lvsctl("daemon", "--json")[1])["daemons"][0]["group"] == "224.0.0.99"
    assert run([*start, "--netns", lvsctl.netns]) == 1
    assert run(["ipvs", "daemon", "stop", "master", "--netns", lvsctl.netns]) == 0
    assert lvsctl("daemon") == (2, "")


def test_a_namespace_that_is_not_there_is_69(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["ipvs", "show", "--netns", "nosuch"]) == 69
    assert "ip netns list" in capsys.readouterr().err


def lvsctl_process(netns: str, line: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    program = f"{sys.executable} -c 'from lvsctl.cli.entry import main; main()' {line}"
    argv = ["ip", "netns", "exec", netns, "bash", "-c", f"set -o pipefail; {program}"]
    return subprocess.run(argv, input=stdin, capture_output=True, timeout=60, check=False)


def test_the_program_survives_closed_pipes_and_bytes_that_are_no_text() -> None:
    with fresh_netns() as netns:
        rules = "".join(f"-A -t 10.0.{i >> 8}.{i & 255}:80 -s rr\n" for i in range(3000))
        assert lvsctl_process(netns, "ipvsadm -R", rules.encode()).returncode == 0
        cut = lvsctl_process(netns, "ipvsadm -Ln | head -1")
        assert (cut.returncode, cut.stderr) == (0, b"")
        for line in ("ipvsadm -R", "ipvs apply --table -"):
            junk = lvsctl_process(netns, line, b"-A -t \xff\xfe:80\n")
            assert junk.returncode in {2, 65}
            assert b"Traceback" not in junk.stderr
            assert b"bug" not in junk.stderr
