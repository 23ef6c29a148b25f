"""A keepalived on the director of :class:`tests.support.sorry_topology.Lab`, and the swap of its service."""

import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import NamedTuple

from lvsctl.ipvs import DestKey, Family, ForwardingMethod
from lvsctl.ipvs.kernel import KernelIpvs
from lvsctl.ipvs.model import Dest
from lvsctl.sorry import cooperative, owner
from lvsctl.sorry.journal import Journal
from lvsctl.sorry.model import Hold, Holder, Outcome, Target
from lvsctl.sorry.node import Node, boot_id
from lvsctl.sorry.parting import Grace
from lvsctl.sorry.switch import Switch
from lvsctl.sorry.sysctl import KernelSysctls
from tests.support.hosts import wait_until
from tests.support.keepalived import Keepalived
from tests.support.sorry_topology import PORT, Lab, Place
from tests.support.swaps import Fuse, cut

FILE = "/var/lib/lvsctl/maintenance/web"

REAL = """\
    real_server {place} {{
        weight {weight}
{check}        TCP_CHECK {{
            connect_port {port}
            connect_timeout 1
            retry 0
        }}
    }}
"""
CHECK = """\
        FILE_CHECK {
            track_file lvsctl_web
        }
"""
TEXT = """\
global_defs {{
    router_id lb1
    checker_log_all_failures true
}}
track_file lvsctl_web {{
    file "{file}"
    weight 0
    init_file 0
}}
virtual_server {service} {{
    delay_loop 1
    lvs_sched {scheduler}
    lvs_method {method}
    protocol TCP
{options}    sorry_server {sorry}
    sorry_server_lvs_method NAT
{inhibit}{reals}}}
"""


def tell(text: str) -> None:
    """Print a figure: pytest shows it with ``-rP``."""
    print(text)  # noqa: T201 - for whoever looks at the run


class Kind(NamedTuple):
    """What a service of keepalived's is like."""

    resident: bool
    scheduler: str = "rr"
    method: ForwardingMethod = ForwardingMethod.NAT
    family: Family = Family.INET
    marked: bool = False
    persistent: bool = False
    expire_nodest: int = 0

    @property
    def keeps_clients(self) -> bool:
        """Whether clients come back to the real servers that they had: expire_nodest_conn 1 ends what binds them."""
        return not self.expire_nodest if self.persistent else self.scheduler in ("sh", "dh", "mh")

    def __str__(self) -> str:
        words = ("resident" if self.resident else "plain", self.scheduler, self.method, self.family)
        more = {"mark": self.marked, "persistent": self.persistent, "nodest": self.expire_nodest}
        return "-".join([*map(str, words), *(name for name, given in more.items() if given)])


class Cooperation:
    """One service that a real keepalived owns."""

    def __init__(
        self, lab: Lab, kind: Kind | None = None, *, resident: bool = True, rendered: bool = True
    ) -> None:
        self.lab = lab
        self.kind = kind or Kind(resident)
        self.resident = self.kind.resident
        self.rendered = rendered
        self.place: Place = lab.place(
            self.kind.family, marked=self.kind.marked, method=self.kind.method, targets=1
        )
        lab.director.sysctl("net.ipv4.vs.expire_nodest_conn", self.kind.expire_nodest)
        self.target = Target(self.place.key, "web", self.place.sorry, Dest(ForwardingMethod.NAT))
        lab.director.path("/var/lib/lvsctl/maintenance").mkdir(parents=True, exist_ok=True)
        lab.director.write(FILE, "0\n")
        self.keepalived = self.start()

    def text(self, weight: int = 1) -> str:
        check = CHECK if self.rendered else ""
        key, kind, sorry = self.place.key, self.kind, self.place.sorry
        options = {
            "    inhibit_on_failure\n": kind.resident,
            "    persistence_timeout 300\n": kind.persistent,
            f"    ip_family {kind.family}\n": kind.marked,
        }
        return TEXT.format(
            file=FILE,
            service=f"fwmark {key.mark}" if key.mark else f"{key.address} {key.port}",
            scheduler=kind.scheduler,
            method=kind.method,
            sorry=f"{sorry.address} {sorry.port}",
            options="".join(line for line, given in options.items() if given),
            inhibit="    sorry_server_inhibit\n" if kind.resident else "",
            reals="".join(
                REAL.format(
                    place=f"{each.address} {each.port}" if each.port else each.address,
                    port=each.port or PORT,
                    weight=weight,
                    check=check,
                )
                for each in self.place.reals
            ),
        )

    def start(self, weight: int = 1) -> Keepalived:
        keepalived = Keepalived(self.lab.director, self.text(weight))
        keepalived.wait_started()
        return keepalived

    def owner(self) -> owner.Owner:
        with self.lab.director.inside():
            return owner.look().of(self.place.key)

    def switch(self) -> Switch:
        found = self.owner()
        assert isinstance(found, owner.Keepalived), found
        return Switch(self.target, found)

    @contextmanager
    def node(self) -> Iterator[Node]:
        with self.lab.director.inside(), KernelIpvs() as ipvs:
            yield Node(ipvs, Journal(), KernelSysctls(), boot_id())

    def on(self, holder: Holder = Holder.OPERATOR, grace: Grace = Grace()) -> Outcome:  # noqa: B008 - immutable
        switch = self.switch()
        with self.node() as node:
            return cooperative.on(node, [switch], holder, Hold(time.time()), grace=grace)[0]

    def off(self, holder: Holder = Holder.OPERATOR, grace: Grace = Grace()) -> Outcome:  # noqa: B008 - immutable
        switch = self.switch()
        with self.node() as node:
            return cooperative.off(node, [switch], holder, grace=grace)[0]

    def complete(self) -> tuple[Outcome, ...]:
        """Do what the guard does once in a while."""
        switch = self.switch()
        with self.node() as node:
            return cooperative.complete(node, [switch])

    def killed(self, verb: str, at: int) -> bool:
        """Do *verb* in a process that is killed at its effect number *at*; answer whether it was."""
        switch = self.switch()
        pid = os.fork()
        if not pid:
            with suppress(BaseException), self.node() as node:
                mortal = cut(node, Fuse(at, for_real=True))
                if verb == "on":
                    cooperative.on(mortal, [switch], Holder.OPERATOR, Hold(time.time()))
                else:
                    cooperative.off(mortal, [switch], Holder.OPERATOR)
            os._exit(0)
        _, status = os.waitpid(pid, 0)
        return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL

    def rules(self) -> str:
        """The table of the director as ipvsadm writes it, thresholds left out."""
        return self.lab.director.ipvsadm("-Sn")

    def mapping(self, clients: Sequence[str]) -> list[str]:
        """Which real server each client gets."""
        return [each.server for each in self.lab.traffic().once(clients, self.place.targets)]

    def weights(self) -> dict[DestKey, int]:
        with self.node() as node:
            table = node.ipvs.observe_one(self.place.key).table
        return {key: dest.weight for key, dest in table[self.place.key].dests.items()} if table else {}

    def raise_real(self, number: int) -> None:
        """Give a real server weight 1, as somebody at a shell does."""
        real = self.place.reals[number]
        verb = "-e" if real in self.weights() else "-a"
        self.lab.director.ipvsadm(
            verb, "-t", f"{self.place.key.address}:80", "-r", str(real), "-m", "-w", "1"
        )

    def up(self) -> set[DestKey]:
        return {key for key, weight in self.weights().items() if weight}

    def kill(self, number: int) -> None:
        """Take the way to a real server away; its checks fail at once, and so would visitors."""
        self.lab.director.ip(f"route add unreachable {self.place.reals[number].address}/32")

    def revive(self, number: int) -> None:
        self.lab.director.ip(f"route del unreachable {self.place.reals[number].address}/32")

    def await_checks(self, since: int, *, failed: Sequence[int] = (), success: Sequence[int] = ()) -> None:
        """Wait until keepalived's log has, from *since* on, what the checks of these real servers found."""
        lines = [f"TCP_CHECK on service {self._in_log(each)} failed" for each in failed]
        lines += [f"TCP connection to {self._in_log(each)} success" for each in success]
        said = wait_until(lambda: all(line in self.keepalived.log[since:] for line in lines), 15)
        assert said, self.keepalived.log

    def _in_log(self, number: int) -> str:
        real = self.place.reals[number]
        return f"[{real.address}]:tcp:{real.port}"

    def await_up(self, reals: Sequence[DestKey]) -> None:
        assert wait_until(lambda: self.up() == set(reals), 15), (self.weights(), self.keepalived.log)

    def end(self) -> None:
        self.keepalived.stop()
        with self.node() as node:
            node.journal.remove([self.place.key])
        self.lab.leave(self.place)
