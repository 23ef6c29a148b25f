"""Two directors at a provider whose API is the fake; each has the real keepalived, `lvsctl agent`, and a bare script.

    client ── street ── provider ── rack 192.0.2.0/24 ── lb1, lb2
                        API (fake)                        └─ private 10.0.0.0/24: unicast VRRP

keepalived.conf is what lvsctl renders, with two instances that fail at the same moment for the same reason. The agent
follows VI_1; VI_2 starts what people write: bash and curl in ``notify_master``. The failover IPs are configured on
both directors with ``preferred_lft 0``. What happens to the pair, and what is measured, is in
:mod:`tests.support.failover_trial`.
"""

import json
import os
import re
import signal
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, Self

import yaml

import lvsctl.agent.main  # noqa: F401 - the agents are forks of this process: see tests.support.preloaded
from lvsctl.compose.render import render
from lvsctl.spec.load import read
from tests.fakes.hetzner.clock import Clock
from tests.fakes.hetzner.server import HetznerFake
from tests.support.hosts import Background, Host, Net, children, wait_until
from tests.support.keepalived import Keepalived
from tests.support.loop import Loop
from tests.support.outage import Client, Server
from tests.support.preloaded import BIN, preloaded
from tests.support.provider_router import ProviderRouter

ROOT = Path(__file__).resolve().parents[2]
HOOKS = ("notify", "notify_master_rx_lower_pri")
NETWORK = "203.0.113"
TRIALS = 8
"""So many pairs of failover IPs are configured."""

SWITCH: Final = 1.5
"""Seconds that the fake takes for a move; the real Robot takes 28 to 60."""

ADVERT: Final = "0.5"
"""Seconds between adverts; VRRP version 3 allows less than one."""

LVSCTL, SCRIPT = "lvsctl", "script"
WAYS = (LVSCTL, SCRIPT)
INSTANCE = {LVSCTL: "VI_1", SCRIPT: "VI_2"}
BARE = "/etc/keepalived/bare-hook"
BARE_SCRIPT = f"""#!/bin/bash
. {BARE}.conf
exec curl -s -S --cacert /etc/lvsctl/ca.pem -u "$user:$password" -d "active_server_ip=$target" "$url/failover/$ip"
"""
ENTERING = re.compile(r"\((VI_\d)\) Entering (\w+) STATE")


def address(number: int, way: str) -> str:
    """Answer the failover IP of a trial."""
    return f"{NETWORK}.{10 + number * 10 + WAYS.index(way)}"


class Director:
    """One director, and everything that runs on it."""

    def __init__(self, host: Host, target: str) -> None:
        self.host = host
        self.name = host.name
        self.target = target
        """What the provider calls it."""
        self.keepalived: Keepalived
        self.agent: Background
        self._earlier = ""
        """What keepalived logged before it was killed."""

    def start_keepalived(self, config: str) -> None:
        """Start keepalived, and wait until it has read *config*."""
        self.keepalived = Keepalived(self.host, config)
        self.keepalived.wait_started()

    def kill_keepalived(self) -> None:
        """Kill all of keepalived at once: no last advert, no notify_stop."""
        parent = self.keepalived.program.pid
        processes = children(parent)
        for pid in processes:
            os.kill(pid, signal.SIGSTOP)  # or it would say goodbye when its parent is gone
        for pid in (parent, *processes):
            os.kill(pid, signal.SIGKILL)
        self.keepalived.program.process.wait(10)
        for path in self.host.path("/run").glob(
            "keepalived-*.pid"
        ):  # nobody on the host reaps, so they seem alive
            path.unlink()
        self._earlier += self.keepalived.log

    def start_agent(self) -> None:
        """Start the agent, as its systemd unit would."""
        self.host.path("/run/lvsctl/status.json").unlink(missing_ok=True)
        self.agent = self.host.start([f"{BIN}/lvsctl", "agent"])

    def wait_agent(self) -> None:
        """Wait until the agent has said how it is."""
        assert wait_until(self.status), self.agent.output

    def kill_agent(self) -> None:
        """Kill the agent with SIGKILL."""
        self._signal_agent("KILL")
        self.agent.process.wait(10)

    def reload_agent(self) -> None:
        """Have the agent read the spec anew."""
        self._signal_agent("HUP")

    def _signal_agent(self, name: str) -> None:
        self.host.run(["kill", f"-{name}", str(self.status()["pid"])])

    def status(self) -> dict[str, Any]:
        """Answer what the agent wrote about itself last; empty when it has not."""
        path = self.host.path("/run/lvsctl/status.json")
        return dict(json.loads(path.read_text())) if path.exists() else {}

    def phase(self, ip: str) -> str:
        """Answer where the agent's claim on *ip* stands."""
        return str(self.status().get("failover", {}).get(ip, {}).get("phase"))

    def is_master(self, instance: str) -> bool:
        """Answer whether keepalived said last that *instance* is MASTER here."""
        states = dict(ENTERING.findall(self.keepalived.log))
        return self.keepalived.program.alive and states.get(instance) == "MASTER"

    def masterships(self, instance: str) -> int:
        """Answer how often *instance* became MASTER here."""
        log = self._earlier + (self.keepalived.log if self.keepalived.program.alive else "")
        return ENTERING.findall(log).count((instance, "MASTER"))


class Pair:
    """The hosts and what runs on them, for the block. One per module: trials follow each other."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._trials = 0

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._begin(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def directors(self) -> tuple[Director, Director]:
        """Both, the one with the higher priority first."""
        return self.lb1, self.lb2

    def _begin(self, stack: ExitStack) -> None:
        self.net = net = stack.enter_context(Net())
        self.client_host = net.host("client", eth0="street 198.51.100.2/24")
        self.provider = net.host("provider", eth0="street 198.51.100.1/24", eth1="rack 192.0.2.1/24")
        self.lb1, self.lb2 = (self._director(number) for number in (1, 2))
        self.client_host.ip("route add default via 198.51.100.1")
        for each in self.directors:
            stack.enter_context(preloaded(each.host))  # before there are threads: it forks
        with self.provider.inside():  # what a thread begins in, its threads do
            self.fake = stack.enter_context(HetznerFake(clock=Clock(1.0), host="192.0.2.1"))
        self._world()
        stack.enter_context(ProviderRouter(self.provider, self.fake))
        self._sockets(stack)
        self.take_up(0)
        for each in self.directors:
            each.start_agent()
        for each in self.directors:
            each.start_keepalived(self.config(each))
        for each in self.directors:
            each.wait_agent()

    def _director(self, number: int) -> Director:
        target = f"192.0.2.{10 + number}"
        host = self.net.host(f"lb{number}", eth0=f"rack {target}/24", eth1=f"private 10.0.0.{10 + number}/24")
        addresses = [address(trial, way) for trial in range(TRIALS) for way in WAYS]
        host.ip(
            "route add default via 192.0.2.1",
            *(f"address add {each}/32 dev eth0 preferred_lft 0" for each in addresses),
        )
        host.path("/run/lvsctl/spool").mkdir(mode=0o700, parents=True)
        hook = (ROOT / "hooks/notify").read_bytes()
        for name in HOOKS:
            host.write(f"/usr/libexec/lvsctl/{name}", hook, 0o755)
        host.write(BARE, BARE_SCRIPT, 0o700)
        return Director(host, target)

    def _world(self) -> None:
        self.fake.robot.profile.switch_s = SWITCH
        for number, each in enumerate(self.directors, 1):
            self.fake.robot.world.add_server(number, each.target)
            each.host.write("/etc/lvsctl/ca.pem", self.fake.tls.ca_file.read_bytes())

    def _sockets(self, stack: ExitStack) -> None:
        loop = Loop(self.client_host)
        self.client = Client(loop, self.client_host)
        stack.callback(self.client.close)
        for each in self.directors:
            for trial in range(TRIALS):
                for way in WAYS:
                    stack.callback(Server(loop, each.host, address(trial, way)).close)
        stack.enter_context(loop)

    def take_up(self, number: int) -> None:
        """Make the failover IPs and the logins of a trial, and write them into the files of both directors.

        The addresses point at lb1. Agents that run have to be told to read the spec anew.
        """
        world = self.fake.robot.world
        for way in WAYS:
            world.add_failover(address(number, way), 1, active=self.lb1.target)
            world.add_user(f"{way}-{number}", f"secret-{way}-{number}")
        for each in self.directors:
            login = f"user={LVSCTL}-{number}\npassword=secret-{LVSCTL}-{number}\n"
            each.host.write(f"/etc/lvsctl/robot-{number}.cred", login, 0o600)
            each.host.write("/etc/lvsctl/lvs.yaml", self._spec(number))
            each.host.write(f"{BARE}.conf", self._bare_settings(number, each), 0o600)

    def next_trial(self) -> int:
        """Answer the number of the next trial."""
        self._trials += 1
        assert self._trials < TRIALS, "no addresses are left for another trial"
        return self._trials

    def account(self) -> str:
        """Answer everything there is to read, for a failing assertion."""
        told = [
            f"--- {what} of {each.name} ---\n{text}"
            for each in self.directors
            for what, text in (
                ("keepalived", each.keepalived.log),
                ("agent", each.agent.output),
                ("status", json.dumps(each.status().get("failover"))),
            )
        ]
        return "\n".join([*told, "--- journal ---", self.fake.journal.text()])

    def config(self, director: Director) -> str:
        """Answer the keepalived.conf that lvsctl renders for *director*."""
        return render(read(director.host.path("/etc/lvsctl/lvs.yaml")), director.name).text

    def _bare_settings(self, number: int, director: Director) -> str:
        settings = {
            "user": f"{SCRIPT}-{number}",
            "password": f"secret-{SCRIPT}-{number}",
            "ip": address(number, SCRIPT),
            "target": director.target,
            "url": self.fake.robot_url,
        }
        return "".join(f"{name}={value}\n" for name, value in settings.items())

    def _spec(self, number: int) -> str:
        instance = {"interface": "eth1", "advert_int": ADVERT, "unicast": True, "track_interface": ["eth0"]}
        entry = {
            "ip": address(number, LVSCTL),
            "provider": "hetzner-robot",
            "vrrp_instance": INSTANCE[LVSCTL],
            "credentials": f"/etc/lvsctl/robot-{number}.cred",
            "targets": {each.name: each.target for each in self.directors},
            "api": {"url": self.fake.robot_url, "ca": "/etc/lvsctl/ca.pem"},
        }
        spec = {
            "nodes": {
                "lb1": {"address": "10.0.0.11", "priority": 150},
                "lb2": {"address": "10.0.0.12", "priority": 100},
            },
            "global_defs": {"vrrp_version": 3},
            "vrrp_instances": {
                "VI_1": {
                    **instance,
                    "virtual_router_id": 51,
                    "virtual_ipaddress": ["10.0.0.100/24 dev eth1"],
                },
                "VI_2": {
                    **instance,
                    "virtual_router_id": 52,
                    "virtual_ipaddress": ["10.0.0.101/24 dev eth1"],
                    "notify_master": BARE,
                    "notify": "/bin/true",  # or it would get lvsctl's hook, too
                },
            },
            "failover_ips": [entry],
        }
        return yaml.safe_dump(spec)
