"""A whole machine that a test describes in a few words, for the checks of doctor.

Everything is data: files with their content, sysctls, interfaces, routes, the IPVS table. What a test does not tell is as
on a machine where nothing is wrong. A value that is an LvsctlError is raised: that question cannot be answered there.
"""

from collections.abc import Mapping, Sequence
from ipaddress import ip_address, ip_interface, ip_network
from typing import Any

from lvsctl.doctor.firewall import Printed
from lvsctl.doctor.host import Clock, Kept, Quota, Running
from lvsctl.errors import LvsctlError
from lvsctl.failover.budget import Account, Budget
from lvsctl.ipvs.errors import NoIpvs
from lvsctl.ipvs.model import Observation, Table
from lvsctl.keepalived.program import Program
from lvsctl.net.model import MAIN, HostAddress, Link, NextHop, Route, Rule
from lvsctl.returnpath.boot import races, read
from lvsctl.returnpath.boot_files import PATTERNS
from lvsctl.returnpath.check import Seen
from lvsctl.returnpath.intent import Host as Paths
from lvsctl.returnpath.intent import Intended, routes_of, rules_of
from lvsctl.sorry.listeners import Socket
from lvsctl.sorry.preflight import Candidate, Examined, Objection
from lvsctl.spec.failover_ips import FailoverIp
from lvsctl.vocabulary import Address, Family, Protocol
from tests.support.made_up_host import MadeUpHost

PLAIN = "file 0 0 644"
NOW = 1_800_000_000.0


class MadeUpMachine(MadeUpHost):
    """A :class:`lvsctl.doctor.host.Host` from words.

    ``files``: content by path, or ``("file 0 0 755", content)``, or ``"link TARGET"``. ``sysctl``: values by name with
    slashes. ``links``: ``{eth0: "", tunl0: ipip}``; ``addresses``: ``{"10.0.0.11/24": eth0}``; ``routes``:
    ``["default via 10.0.0.1 dev eth0 metric 5"]``; ``rules``: ``{"from 203.0.113.10": 1001}``. ``paths``: return paths
    that are in place.
    """

    def __init__(self, told: Mapping[str, Any]) -> None:
        self._all = told
        self._content = {path: _content(each) for path, each in told.get("files", {}).items()}
        kinds = {path: _kind(each) for path, each in told.get("files", {}).items()}
        self._paths: Intended = told.get("paths", Intended())
        super().__init__({**told, "files": kinds})

    def _say(self, word: str, otherwise: Any) -> Any:
        found = self._all.get(word, otherwise)
        if isinstance(found, LvsctlError):
            raise found
        return found

    # --- files

    def text(self, path: str) -> str | None:
        found = self._content.get(self.real_path(path))
        if isinstance(found, LvsctlError):
            raise found
        return found

    def names(self, folder: str) -> Sequence[str]:
        paths = (path.removeprefix(f"{folder}/") for path in self._content if path.startswith(f"{folder}/"))
        return sorted({path.partition("/")[0] for path in paths})

    def real_path(self, path: str) -> str:
        kind, _, target = self._files.get(path, "").partition(" ")
        return self.real_path(target) if kind == "link" else super().real_path(path)

    # --- the kernel

    def interfaces(self) -> frozenset[str]:
        return frozenset(self.links())

    def sysctl(self, name: str) -> int | None:
        found: int | None = self._say("sysctl", {}).get(name)
        return found

    def release(self) -> str:
        return "6.1.0-18-amd64"

    def links(self) -> Mapping[str, Link]:
        kinds = {"lo": "", **self._say("links", {"eth0": ""})}
        return {
            name: Link(
                number,
                name,
                "down" not in kind,
                has_carrier=True,
                kind=kind.replace("down", ""),
                is_loopback=name == "lo",
            )
            for number, (name, kind) in enumerate(kinds.items(), start=1)
        }

    def addresses(self) -> Sequence[HostAddress]:
        found = {"127.0.0.1/8": "lo", **self._say("addresses", {})}
        told = [
            HostAddress(ip_interface(each), dev.split()[0], preferred_lft=0 if "unpreferred" in dev else None)
            for each, dev in found.items()
        ]
        return [*told, *self._paths.addresses]

    def routes(self, family: Family) -> Sequence[Route]:
        ways = [route for path in self._paths.paths for route in routes_of(path)]
        told = [*map(_route, self._say("routes", [])), *ways]
        return [each for each in told if each.family is family]

    def rules(self, family: Family) -> Sequence[Rule]:
        own = [
            _rule(text, table, number) for number, (text, table) in enumerate(self._say("rules", {}).items())
        ]
        own += [rule for path in self._paths.paths for rule in rules_of(path, forwarded=False)]
        last = (Rule(each, 32766, MAIN, proto=2) for each in Family)
        return [each for each in (*own, *last) if each.family is family]

    def table(self) -> Observation:
        found: Table = self.exact_table()
        return Observation(found, {}, {})

    def exact_table(self) -> Table:
        found: Table | None = self._say("table", {})
        if found is None:
            raise NoIpvs
        return found

    def sockets(self) -> frozenset[Socket]:
        return frozenset(Socket(Protocol.TCP, ip_address(each), 80) for each in self._say("sockets", ()))

    # --- keepalived and sorry

    def daemons(self) -> Sequence[Running]:
        return [Running(*each) for each in self._say("daemons", ())]

    def keepalived(self) -> Program | None:
        return Program("/usr/sbin/keepalived", self._say("keepalived", (2, 2, 7)), frozenset())

    def snapshots(self) -> Kept:
        found: Kept = self._say("snapshots", Kept((), (), ()))
        return found

    def examine_sorry(self, candidates: Sequence[Candidate]) -> Examined:
        silent = self._say("silent_sorry", otherwise=False)
        return Examined(
            tuple(Objection(each.target.name, "nobody listens", "start it") for each in candidates if silent)
        )

    def return_paths(self, intended: Intended) -> Seen:
        del intended
        everything = [(family, route) for family in Family for route in self.routes(family)]
        rules = tuple(rule for family in Family for rule in self.rules(family))
        links = {name: link.is_up for name, link in self.links().items()}
        host = Paths(links, tuple(self.addresses()), tuple(route for _, route in everything), rules)
        folders = tuple(pattern.partition("*")[0] for pattern in PATTERNS)
        boot = {
            path: text
            for path, text in self._content.items()
            if isinstance(text, str) and path[1:].startswith(folders)
        }
        strict = {name: self.sysctl(f"net/ipv4/conf/{name}/rp_filter") or 0 for name in links}
        trouble = self._say("trouble", ())
        return Seen(
            host,
            trouble=trouble,
            rp_filter=strict,
            drops=self._say("drops", 0),
            races=tuple(races(read(boot).defaults)),
        )

    # --- others

    def credentials(self, entry: FailoverIp) -> str:
        del entry
        found: str = self._say("credentials", "")
        return found

    def quota(self, entry: FailoverIp, nodes: int) -> Quota:
        del entry
        account, quotas = self._say("account", (Account(), ()))
        return Quota(Budget(account, quotas, nodes), 1000.0)

    def ask_provider(self, entry: FailoverIp, node: str, nodes: int) -> str:
        del entry, node, nodes
        found: str = self._say("provider", "")
        return found

    def resolve(self, name: str) -> frozenset[Address]:
        return frozenset(map(ip_address, self._say("dns", {}).get(name, ())))

    def syntax(self, path: str, interpreter: str) -> str:
        del interpreter
        found: str = self._say("syntax", {}).get(path, "")
        return found

    def firewall(self) -> Printed:
        found: Printed = self._say("firewall", Printed())
        return found

    def journal(self) -> Sequence[str] | None:
        found: Sequence[str] | None = self._say("journal", None)
        return found

    def label(self, path: str) -> str:
        found: str = self._say("labels", {}).get(path, "")
        return found

    def clock(self) -> Clock:
        return Clock(*self._say("clock", (True, 0.01)))

    def now(self) -> float:
        return NOW

    def is_alive(self, pid: int) -> bool:
        return pid in self._say("processes", (1,))


def _content(told: Any) -> Any:
    if isinstance(told, LvsctlError):
        return told
    return told[1] if isinstance(told, tuple) else "" if told.startswith("link ") else told


def _kind(told: Any) -> str:
    if isinstance(told, tuple):
        return str(told[0])
    return told if isinstance(told, str) and told.startswith("link ") else PLAIN


def _route(text: str) -> Route:
    words = text.split()
    after = dict(zip(words[1::2], words[2::2], strict=True))
    gateway = ip_address(after["via"]) if "via" in after else None
    everywhere = "::/0" if gateway and gateway.version == 6 else "0.0.0.0/0"
    dst = ip_network(everywhere if words[0] == "default" else words[0])
    hop = NextHop(after["dev"], gateway, onlink="table" in after)
    return Route(
        dst,
        int(after.get("table", MAIN)),
        int(after.get("metric", 0)),
        (hop,),
        proto=int(after.get("proto", 3)),
    )


def _rule(text: str, table: int, number: int) -> Rule:
    word, _, value = text.partition(" ")
    if word == "fwmark":
        return Rule(Family.INET, 100 + number, table, fwmark=int(value), fwmask=0xFFFFFFFF, proto=3)
    source = ip_network(value)
    return Rule(
        Family.INET if source.version == 4 else Family.INET6, 100 + number, table, src=source, proto=3
    )
