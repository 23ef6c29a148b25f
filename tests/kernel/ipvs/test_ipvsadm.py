"""``lvsctl ipvsadm`` beside the real ipvsadm 1.31, each in a namespace of its own, given the same command lines."""

import io
import subprocess
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import pytest

from lvsctl.host.netns import inside
from lvsctl.ipvs.compat.main import Ipvsadm
from lvsctl.ipvs.kernel import KernelIpvs
from tests.support.ipvs import fresh_netns, ran

pytestmark = pytest.mark.kernel


class Outcome(NamedTuple):
    status: int
    output: str


class Both:
    """Two namespaces: ipvsadm works in one, lvsctl in the other."""

    def __init__(self, real: str, ours: str) -> None:
        self.real = real
        self.ours = ours

    def ipvsadm(self, lines: Sequence[str], stdin: str = "") -> list[Outcome]:
        """Run the real one on every line. One shell for all of them, because processes start slowly in the lab."""
        script = "".join(
            f'/sbin/ipvsadm {_quoted(line)} 2>/dev/null; printf "\\001%d\\002" $?\n' for line in lines
        )
        argv = ["ip", "netns", "exec", self.real, "sh", "-c", script]
        said = subprocess.run(
            argv, input=stdin, capture_output=True, text=True, timeout=100, check=True
        ).stdout
        parts = [part.split("\1") for part in said.split("\2")[:-1]]
        return [Outcome(int(status), output) for output, status in parts]

    def lvsctl(self, line: str, stdin: str = "") -> Outcome:
        out, err = io.StringIO(), io.StringIO()
        program = Ipvsadm(lambda: KernelIpvs(netns=self.ours), io.StringIO(stdin), out, err)
        status = inside(self.ours, lambda: program.run(line.split()))
        assert status == 0 or err.getvalue(), line
        return Outcome(status, out.getvalue())

    def agree(self, *lines: str, stdin: str = "") -> list[Outcome]:
        real = self.ipvsadm(lines, stdin)
        ours = [self.lvsctl(line, stdin) for line in lines]
        for line, our, its in zip(lines, ours, real, strict=True):
            assert (line, our.status, our.output.splitlines()) == (line, its.status, its.output.splitlines())
        return ours


def _quoted(line: str) -> str:
    return " ".join(f"'{word}'" for word in line.split())


@pytest.fixture
def both() -> Iterator[Both]:
    with fresh_netns() as real, fresh_netns() as ours:
        yield Both(real, ours)


TABLE = """
-A -t 10.0.0.1:80 -s wlc
-a -t 10.0.0.1:80 -r 10.1.0.2:8080 -m -w 5 -x 100 -y 7
-a -t 10.0.0.1:80 -r 10.1.0.1 -g
ipvsadm -a -t 10.0.0.1:80 -r 200.1.0.1 -i
-a -t 10.0.0.1:80 -r [2001:db8::11]:80 -i -w 0

-A -t 10.0.0.1:http -s rr -p
-A -u 10.0.0.1:53 -s sh -b sh-port,sh-fallback -o
-A --sctp-service 10.0.0.1:3868 -s mh -b mh-port
-A -t 200.0.0.1:443 -s rr -p 600 -M 255.255.255.0
-a -t 200.0.0.1:443 -r 10.1.0.9 -i --tun-type gue --tun-port 6080 --tun-csum
-a -t 200.0.0.1:443 -r 10.1.0.10 -i --tun-type gue --tun-port 6080
-a -t 200.0.0.1:443 -r 10.1.0.11 -i --tun-type gre --tun-csum
-a -t 200.0.0.1:443 -r 10.1.0.12 -i --tun-type gue --tun-port=6081 --tun-remcsum
-A -t [2001:db8::1]:80 -s wrr -p 60 -M 64
-a -t [2001:db8::1]:80 -r [2001:db8::2]:8080 -m -w65535
-A -u 10.0.0.2:5060 -p 60 --pe sip -o
-A -f 5 -s rr -b flag-1,flag-3
-a -f 5 -r 10.1.0.1 -m
-a -f 5 -r 10.1.0.1:90 -g
-A -f 5 -6 -s lc -p 10 -M 48
-a -f 5 -6 -r [2001:db8::2]:0 -m
-A -t 10.0.0.3:0 -p 5
-A -t [::ffff:10.0.0.9]:80
"""

LISTS = [
    "-Ln",
    "-ln --stats",
    "-Ln --rate",
    "-Ln --thresholds",
    "-Ln --persistent-conn",
    "-Ln --tun-info",
    "-Sn",
    "-L",
]
LISTS += [
    "-Ln --stats --exact",
    "-Lnc",
    "-L -n -c --persistent-conn",
    "-L --timeout",
    "-L --daemon",
    "-S",
    "",
    "-L --sort -n",
]
LISTS += [
    "-Ln -t 10.0.0.1:80",
    "-L -n -t [2001:db8::1]:80",
    "-Ln -f 5 -6 --thresholds",
    "-Ln -u 10.0.0.1:53 --stats",
]


def test_the_same_table_is_listed_the_same_way(both: Both) -> None:
    [restored] = both.agree("-R", stdin=TABLE)
    assert restored.status == 0
    both.agree(*LISTS)


def test_unsorted_lists_have_the_kernels_order_of_servers(both: Both) -> None:
    rules = "".join(f"-a -t 10.0.0.1:80 -r 10.1.0.{i} -m\n" for i in (3, 1, 2))
    both.agree("-R", stdin="-A -t 10.0.0.1:80\n" + rules)
    [listed] = both.agree("-Ln --nosort")
    assert listed.output.split("Masq")[0].split()[-1] == "10.1.0.2:80"


COMMANDS = [
    "-A -t 10.0.0.1:80 -s rr",
    "-a -t 10.0.0.1:80 -r 10.1.0.1 -m -x 9 -y 3",
    "-e -t 10.0.0.1:80 -r 10.1.0.1 -m -w 7",
    "-E -t 10.0.0.1:80 -s sh -b sh-port -p 20",
    "-Z -t 10.0.0.1:80",
    "-Z",
    "-d -t 10.0.0.1:80 -r 10.1.0.1",
    "--add-server --tcp-service=10.0.0.1:80 --real-server=10.1.0.7:81 --masquerading --weight=3",
    "--set 100 0 50",
    "-L --timeout",
    "--start-daemon master --mcast-interface lo --syncid 7 --mcast-group 224.0.0.99 --mcast-port 8849 --mcast-ttl 3",
    "--start-daemon backup --mcast-interface lo --sync-maxlen 1400",
    "-L --daemon",
    "--stop-daemon master",
    "--stop-daemon backup --syncid 0",
    "-Ln",
    "-Sn",
    "-D -t 10.0.0.1:80",
    "-A -t 10.0.0.2:81",
    "-C",
    "-Ln",
]


def test_each_command_has_the_same_effect(both: Both) -> None:
    lines = [line for command in COMMANDS for line in (command, f"-Ln --thresholds{' ' * len(command)}")]
    assert {outcome.status for outcome in both.agree(*lines)} == {0}


REFUSED_BY_THE_KERNEL = [
    "-D -t 10.0.0.9:80",
    "-E -t 10.0.0.9:80",
    "-a -t 10.0.0.9:80 -r 10.1.0.1",
    "-d -t 10.0.0.9:80 -r 10.1.0.1",
    "-e -t 10.0.0.1:80 -r 10.1.0.9",
    "-d -t 10.0.0.1:80 -r 10.1.0.9",
    "-A -t 10.0.0.1:80",
    "-A -t 10.0.0.9:80 -s nosuch",
    "-A -u 10.0.0.9:80 --pe nosuch",
    "-a -t 10.0.0.1:80 -r 224.0.0.1 -m",
    "-a -t 10.0.0.1:80 -r 10.1.0.5 -m -x 1 -y 2",
    "-Z -t 10.0.0.9:80",
    "-Ln -t 10.0.0.9:80",
    "--stop-daemon master",
    "--start-daemon master --mcast-interface nosuch0",
]

SENSELESS = [
    "foo",
    "-n",
    "--nosuch",
    "-A",
    "-p",
    "-A -t 10.0.0.1",
    "-A -t 80",
    "-A -t [2001:db8::1]",
    "-A -t [2001:db8::1:80",
    "-A -t 10.0.0.5:99999",
    "-A -t 10.0.0.5:nosuchservice",
    "-A -t 10.0.0.5:80 -o",
    "-A -t 10.0.0.5:80 -p 0",
    "-A -t 10.0.0.5:80 -p 2678401",
    "-A -t 10.0.0.5:80 -p x",
    "-A -t 10.0.0.5:80 -s rr -s rr",
    "-A -t 10.0.0.5:80 -u 10.0.0.5:80",
    "-A -t 10.0.0.5:80 -r 10.1.0.1",
    "-A -t 10.0.0.5:80 -w 1",
    "-A -t 10.0.0.5:80 extra",
    "-A -t 10.0.0.5:80 -D",
    "-A -t 10.0.0.5:80 --nosuch",
    "-A -t 10.0.0.5:80 -b sh-port",
    "-A -t 10.0.0.5:80 -s mh -b sh-port",
    "-A -t 10.0.0.5:80 -s sh -b nosuch",
    "-A -t 10.0.0.5:80 -p 1 -M x.y",
    "-A -t [2001:db8::1]:80 -p 1 -M 129",
    "-A -f 0",
    "-A -f 4294967296",
    "-A -f x",
    "-A -6 -f 5",
    "-A -t 10.0.0.5:80 -s",
    "-a -t 10.0.0.1:80",
    "-a -t 10.0.0.1:80 -r 10.1.0.1 -w -1",
    "-a -t 10.0.0.1:80 -r 10.1.0.1 -w x",
    "-a -t 10.0.0.1:80 -r 10.1.0.1 -x -1",
    "-a -t 10.0.0.1:80 -r 10.1.0.1 -m -g",
    "-a -t 10.0.0.1:80 -r [2001:db8::1]:80 -m",
    "-a -t 10.0.0.1:80 -r 10.1.0.1 -i --tun-type gue",
    "-a -t 10.0.0.1:80 -r 10.1.0.1 -i --tun-type nosuch",
    "-a -t 10.0.0.1:80 -r 10.1.0.1 -i --tun-type gre --tun-port 5",
    "-a -t 10.0.0.1:80 -r 10.1.0.1 -i --tun-type gre --tun-remcsum",
    "-a -t 10.0.0.1:80 -r 10.1.0.1 -i --tun-type ipip --tun-csum",
    "-a -t 10.0.0.1:80 -r 10.1.0.1 -i --tun-type gue --tun-port 5 --tun-csum --tun-nocsum",
    "-a -t 10.0.0.1:80 -r 10.1.0.1 -m --tun-type ipip",
    "-d -t 10.0.0.1:80",
    "-d -t 10.0.0.1:80 -r 10.1.0.1 -m",
    "-L -c --stats",
    "-L -c --timeout",
    "-L --timeout --persistent-conn",
    "-L --daemon --rate",
    "-L -t 10.0.0.1:80 -c",
    "-S --nosort",
    "-C -n",
    "--set 1 2",
    "--set 1 2 x",
    "--set 1 2 3 4",
    "--start-daemon nosuch",
    "--stop-daemon nosuch",
    "--start-daemon master --syncid 256",
    "--start-daemon master --mcast-ttl 0",
    "--start-daemon master --mcast-group 10.0.0.1",
    "--start-daemon master --mcast-group x:y",
    "--stop-daemon master --mcast-ttl 1",
    "-R x",
]


def test_what_is_refused_is_refused_with_the_same_status_and_changes_nothing(both: Both) -> None:
    both.agree("-A -t 10.0.0.1:80 -s rr")
    assert {outcome.status for outcome in both.agree(*REFUSED_BY_THE_KERNEL)} == {1, 255}
    assert {outcome.status for outcome in both.agree(*SENSELESS)} == {2, 255}
    [saved] = both.agree("-Sn")
    assert saved.output == "-A -t 10.0.0.1:80 -s rr\n"


RESTORES = [
    "-A -t 10.0.0.1:80\n-A -t 10.0.0.1:80\n-A -t 10.0.0.2:80\n",
    "-A -t 10.0.0.1:80\n-A -t 10.0.0.2:80\n-A -t 10.0.0.1:80\n",
    "-A -t 10.0.0.1:80\n-A -t 10.0.0.2:80 --nosuch\n-A -t 10.0.0.3:80\n",
    "-A -t 10.0.0.1:80\n-A -t 10.0.0.2:80 -w 3\n-A -t 10.0.0.3:80\n",
    "-A -t 10.0.0.1:80\n# a comment\n-A -t 10.0.0.3:80\n",
    "-A -t 10.0.0.1:80\n-R\n-A -t 10.0.0.3:80\n",
    "-A -t 10.0.0.1:80\n-C\n--set 7 8 9\n-A -t 10.0.0.3:80\n-L --timeout\n",
    "-A -t 10.0.0.1:80",
    "-A -t 10.0.0.1:80 --nosuch\n",
    "\n\n",
]


@pytest.mark.parametrize("rules", RESTORES)
def test_a_restore_goes_as_far_and_ends_the_same_way(both: Both, rules: str) -> None:
    both.agree("-R", stdin=rules)
    both.agree("-Sn")


def test_connections_are_listed_the_same_way(both: Both) -> None:
    """One table of connections, read by both: the real one and ours in the same namespace."""
    both.ours = both.real
    for words in ("-A -u 127.0.0.2:53 -s rr -p 60", "-a -u 127.0.0.2:53 -r 127.0.0.1:5353 -m"):
        both.lvsctl(words)
    ran("ip", "netns", "exec", both.real, "bash", "-c", "echo x >/dev/udp/127.0.0.2/53")
    time.sleep(3)  # counters are brought up to date every two seconds
    lines = ["-Lnc", "-Lc", "-Lnc --persistent-conn", "-Ln --stats", "-Ln --persistent-conn", "-Ln"]
    for line, real in zip(lines, both.ipvsadm(lines), strict=True):
        assert _without_seconds(both.lvsctl(line).output) == _without_seconds(real.output)
    assert "127.0.0.2:53" in both.lvsctl("-Lnc").output


def _without_seconds(text: str) -> list[list[str]]:
    return [
        [word for word in line.split(" ") if not (len(word) == 5 and word[2] == ":")]
        for line in text.splitlines()
    ]
