"""The agent and the kernel's own table: quorums, the guard, timers, and what a killed agent leaves to the next one."""

import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.support.agent import Place, agent
from tests.support.daemon import until
from tests.support.ipvs import ran
from tests.support.netns import fresh

pytestmark = pytest.mark.kernel

TABLE = Path("/proc/thread-self/net/ip_vs")

SPEC = {
    "nodes": {"lb1": {"address": "10.0.9.1"}, "lb2": {"address": "10.0.9.2"}},
    "virtual_servers": {
        name: {
            "address": f"10.0.0.{number}",
            "port": "80",
            "protocol": "TCP",
            "owner": "lvsctl",
            "lvs_sched": "wlc",
            "lvs_method": "NAT",
            "sorry_server": {"address": "10.0.9.9", "port": "8503"},
            "real_servers": [
                {"address": "10.0.1.1", "port": "8080"},
                {"address": "10.0.1.2", "port": "8080"},
            ],
        }
        for number, name in ((1, "web"), (2, "api"))
    },
    "notify": {
        "quorum": {
            "api": {
                "down": [{"sorry": "on", "services": ["web", "api"]}],
                "up": [{"sorry": "off", "services": ["web", "api"]}],
            },
            "web": {"down": [{"sorry": "on", "services": ["api"]}]},
        }
    },
}


def weights(service: str) -> dict[str, int]:
    """Answer the weights of a service's destinations, by address, as the kernel shows them."""
    found: dict[str, int] = {}
    inside = False
    for line in TABLE.read_text().splitlines():
        words = line.split()
        if words[0] == "TCP":
            inside = words[1] == f"{int.from_bytes(bytes(map(int, service.split('.'))), 'big'):08X}:0050"
        elif inside and words[0] == "->" and words[1] != "RemoteAddress:Port":
            address = bytes.fromhex(words[1].partition(":")[0])
            found[".".join(map(str, address))] = int(words[3])
    return found


def look(place: Place) -> tuple[int, list[str]]:
    """Answer what ``lvsctl status`` does, and its lines about sorries."""
    done = place.lvsctl("status", "--spec", str(place.spec), "--node", "lb1")
    return done.returncode, [line for line in done.stdout.splitlines() if line.startswith("sorry of")]


RULES = "".join(
    f"-A -t {service}:80 -s wlc\n-a -t {service}:80 -r 10.0.1.1:8080 -m\n-a -t {service}:80 -r 10.0.1.2:8080 -m\n"
    for service in ("10.0.0.1", "10.0.0.2")
)

ON = {"10.0.1.1": 0, "10.0.1.2": 0, "10.0.9.9": 1}
OFF = {"10.0.1.1": 1, "10.0.1.2": 1}


class Sorry(BaseHTTPRequestHandler):
    """Says so."""

    def do_GET(self) -> None:
        self.send_response(503)
        self.send_header("Retry-After", "120")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def sorry_server() -> Iterator[None]:
    """Answer 503 at the address of the spec's sorry server."""
    with ThreadingHTTPServer(("10.0.9.9", 8503), Sorry) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.1,))
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


def test_sorries_follow_a_quorum_are_guarded_end_in_time_and_outlive_the_agent(tmp_path: Path) -> None:
    with fresh(), ExitStack() as stack:
        ran("ip", "link", "set", "lo", "up")
        ran("ip", "address", "add", "10.0.9.9/32", "dev", "lo")
        place = Place(tmp_path / "root")
        place.write_spec(**SPEC)
        ran("/sbin/ipvsadm", "-R", stdin=RULES)
        assert weights("10.0.0.1") == weights("10.0.0.2") == OFF
        with agent(place) as first:
            place.record("quorum_down", "api")
            until(lambda: set(place.status()["sorry"]["trouble"]) == {"web", "api"}, first.log, 60)
            assert "nobody listens at 10.0.9.9:8503" in place.status()["sorry"]["trouble"]["web"]
            assert weights("10.0.0.1") == OFF, "well servers are not taken out for a sorry that nobody hears"
            stack.enter_context(sorry_server())
            until(lambda: weights("10.0.0.1") == weights("10.0.0.2") == ON, first.log, 60)
            assert look(place) == (2, ["sorry of api: on", "sorry of web: on"])
            place.record("quorum_down", "web")  # our own doing: it takes nobody along
            ran("/sbin/ipvsadm", "-e", "-t", "10.0.0.1:80", "-r", "10.0.1.1:8080", "-m", "-w", "7")
            until(lambda: "somebody let visitors past it" in first.log, first.log, 60)
            until(lambda: weights("10.0.0.1") == ON, first.log)
            first.kill(signal.SIGKILL)
        with agent(place) as second:
            place.record("quorum_up", "api")
            until(lambda: weights("10.0.0.2").items() >= OFF.items(), second.log, 60)
            until(lambda: weights("10.0.0.2") == OFF, second.log, 60)  # the sorry has lingered, and is gone
            on = place.lvsctl("sorry", "on", "web", "--for", "1s", "--spec", str(place.spec), "--node", "lb1")
            assert on.returncode == 0, on.stderr
            until(lambda: "the time of the sorry is over" in second.log, second.log, 60)
            until(
                lambda: weights("10.0.0.1") == OFF | {"10.0.1.1": 7} or weights("10.0.0.1") == OFF,
                second.log,
                60,
            )
            assert look(place) == (0, ["sorry of api: off", "sorry of web: off"])
            assert second.kill(signal.SIGTERM) == 0
        assert look(place) == (1, ["sorry of api: off", "sorry of web: off"]), "no agent runs"
