"""What the real keepalived tells the FIFO and the hooks, of a configuration that lvsctl renders and installs for.

Two directors, two instances with blanks in their names: lb1 is the better one for the first, lb2 for the second. On
lb1 keepalived runs its scripts as root, on lb2 as a user without rights. What keepalived logs is the measure.
"""

import os
import re
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Final, Self

import pytest
import yaml

from lvsctl.cli.hooks_parts import ROOT, File, Folder, Link, ScriptUser, parts
from lvsctl.compose.render import render
from lvsctl.notify.event import Event, LowerPrioritySeen, Transition
from lvsctl.notify.fifo import FifoReader
from lvsctl.notify.spool import Spool
from lvsctl.spec.load import read
from tests.support.hosts import Host, Net, wait_until
from tests.support.keepalived import Keepalived

pytestmark = pytest.mark.kernel(timeout=120)

ONE, TWO = "VI one", "the second, 2nd"
NAMES = (ONE, TWO)
USER: Final = "keepalived_script"
UID: Final = 990
SCRIPT_USER: Final = {"lb1": "root", "lb2": USER}
ADDRESS: Final = {"lb1": "10.0.0.11", "lb2": "10.0.0.12"}
BETTER: Final = {ONE: "lb1", TWO: "lb2"}
ENTERING = re.compile(r"\((.+)\) Entering (\w+) STATE")


def spec() -> str:
    """Answer the spec of both."""
    instance = {"interface": "eth1", "advert_int": "0.3", "unicast": True, "track_interface": ["eth0"]}
    return yaml.safe_dump(
        {
            "nodes": {node: {"address": address} for node, address in ADDRESS.items()},
            "global_defs": {"vrrp_version": 3},
            "per_node": {
                node: {
                    "global_defs": {"script_user": user},
                    "vrrp_instances": {
                        name: {"priority": 150 if BETTER[name] == node else 100} for name in NAMES
                    },
                }
                for node, user in SCRIPT_USER.items()
            },
            "vrrp_instances": {
                name: {**instance, "virtual_router_id": number, "virtual_ipaddress": [f"10.0.0.{number}/24"]}
                for number, name in enumerate(NAMES, 100)
            },
        }
    )


class Director:
    """A director with the hooks installed and the FIFO open; keepalived runs from the block's beginning."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._stack = ExitStack()
        self._heard: list[Event] = []

    def __enter__(self) -> Self:
        self._know_the_user()
        self._install()
        run = self._host.path("/run/lvsctl")
        self._spool = Spool(run / "spool", owners=(UID if SCRIPT_USER[self._host.name] == USER else 0,))
        self._fifo = FifoReader(run / "vrrp_notify_fifo")
        self._stack.callback(self._fifo.close)
        self._host.write("/etc/lvsctl/lvs.yaml", spec())
        text = render(read(self._host.path("/etc/lvsctl/lvs.yaml")), self._host.name).text
        self.keepalived = Keepalived(self._host, text)
        self.keepalived.wait_started()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _know_the_user(self) -> None:
        """Have USER on this host, and on no other: the lab's files are all hosts'."""
        for file, line in (("passwd", f"{USER}:x:{UID}:{UID}::/:/bin/false"), ("group", f"{USER}:x:{UID}:")):
            self._host.write(f"/run/{file}", Path("/etc", file).read_text() + line + "\n")
            self._host.run(["mount", "--bind", f"/run/{file}", f"/etc/{file}"])

    def _install(self) -> None:
        """Put in place what `lvsctl hooks install` does, but for what is in folders that are all hosts'."""
        user = ScriptUser(USER, UID, USER) if SCRIPT_USER[self._host.name] == USER else ROOT
        for part in parts(Path("/"), Path("/bin/true"), user):
            if not any(part.path.is_relative_to(folder) for folder in ("/usr/libexec", "/run")):
                continue
            path = self._host.path(part.path)
            match part:
                case Folder(mode=mode, gid=gid):
                    path.mkdir(parents=True, exist_ok=True)
                    os.chown(path, 0, gid)
                    path.chmod(mode)
                case File(text=text, mode=mode):
                    self._host.write(str(part.path), text, mode)
                case Link(target=target):
                    path.symlink_to(target)

    def logged(self) -> list[tuple[str, str]]:
        """Answer the states that keepalived says it entered, in order."""
        return [(name, state) for name, state in ENTERING.findall(self.keepalived.log)]

    def state(self, name: str) -> str:
        """Answer the state that keepalived says *name* is in."""
        return dict(self.logged()).get(name, "")

    def heard(self) -> list[Event]:
        """Answer what the FIFO told so far, in order."""
        events, complaints = self._fifo.read()
        assert not complaints
        self._heard += events
        return self._heard

    def recorded(self) -> list[Event]:
        """Answer what hooks recorded; every record is the script user's."""
        entries, rejected = self._spool.look()
        assert not rejected
        return [each.event for each in entries]

    def is_heard_by_nobody(self, name: str) -> None:
        """Send to a card that nobody has what is for the peer, until the peer's adverts of a lower priority have come here."""
        peer = next(address for address in ADDRESS.values() if address != ADDRESS[self._host.name])
        self._host.ip(f"neigh replace {peer} lladdr 02:00:00:00:00:99 dev eth1 nud permanent")
        assert wait_until(lambda: LowerPrioritySeen(name) in self.heard()), self.keepalived.log
        self._host.ip(f"neigh del {peer} dev eth1")

    def agrees(self) -> bool:
        """Answer whether the hooks recorded what the FIFO told."""
        return Counter(self.recorded()) == Counter(self.heard())


def test_keepalived_tells_every_transition_by_fifo_and_by_hook() -> None:
    with Net() as net, ExitStack() as stack:
        hosts = [
            net.host(name, eth0="street", eth1=f"private {address}/24") for name, address in ADDRESS.items()
        ]
        directors = [stack.enter_context(Director(host)) for host in hosts]
        by_name = dict(zip(ADDRESS, directors, strict=True))

        def settled() -> bool:
            return all(
                each.state(name) == ("MASTER" if BETTER[name] == node else "BACKUP")
                for node, each in by_name.items()
                for name in NAMES
            )

        assert wait_until(settled)
        for name, better in BETTER.items():
            by_name[better].is_heard_by_nobody(name)
            assert wait_until(settled)
        for host in hosts:
            net.cable(host, "eth0", plugged=False)
        assert wait_until(lambda: all(each.state(name) == "FAULT" for each in directors for name in NAMES))
        for host in hosts:
            net.cable(host, "eth0", plugged=True)
        assert wait_until(settled)

        for each in directors:
            wait_until(each.agrees)  # scripts take a second here
            assert Counter(each.recorded()) == Counter(each.heard())
            assert transitions(each.heard()) == each.logged()
        for each in directors:
            each.keepalived.stop()
            assert {(one.name, one.state) for one in each.heard()[-2:] if isinstance(one, Transition)} == {
                (name, "STOP") for name in NAMES
            }


def transitions(events: list[Event]) -> list[tuple[str, str]]:
    """Answer the transitions among *events*."""
    return [(each.name, each.state) for each in events if isinstance(each, Transition)]
