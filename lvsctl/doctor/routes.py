"""The way back: what ``lvsctl return-path check`` finds, and a strict filter or a daemon that a failover would meet.

The judgement is :mod:`lvsctl.returnpath.check`'s; here each of its findings gets an id and a page.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from lvsctl.compose.return_paths import intended
from lvsctl.compose.rules import Severity
from lvsctl.doctor.model import DIRECTOR, ERROR, EVERYWHERE, NOTE, WARNING, Found, Machine, Role, check
from lvsctl.doctor.serving import virtual_addresses
from lvsctl.errors import Unavailable
from lvsctl.net.model import MAIN
from lvsctl.returnpath.check import findings
from lvsctl.returnpath.intent import Intended
from lvsctl.vocabulary import Family

BOOT: Final = "boot-race"
"""The finding that needs files; others need only the kernel."""


class _Row(NamedTuple):
    word: str
    """What :mod:`lvsctl.returnpath.check` calls it."""
    id: str
    severity: Severity
    title: str
    why: str
    remedy: str
    roles: frozenset[Role] = DIRECTOR


_ROWS: Final = (
    _Row(
        "ambiguous-default",
        "LVD400",
        ERROR,
        "Two default routes with one metric",
        "Replies are spread over them, or go by whichever was first: half of the clients hear nothing.",
        "Give each a metric of its own, and declare return_paths.",
        EVERYWHERE,
    ),
    _Row(
        BOOT,
        "LVD401",
        ERROR,
        "Default routes that race at boot",
        "Whichever interface comes up first wins, and the other's route is refused (File exists). That machine works until a reboot turns the order round: then ping and connect work, and every request is lost.",
        "Keep one, or give them metrics; and declare return_paths for an address of each interface.",
        EVERYWHERE,
    ),
    _Row(
        "missing",
        "LVD402",
        ERROR,
        "Routes and rules of a return path are missing",
        "Without them an address answers through whatever the main table's default is.",
        "lvsctl return-path fix.",
    ),
    _Row(
        "leftover",
        "LVD403",
        WARNING,
        "Routes and rules that no return path wants any more",
        "They still decide where replies go.",
        "lvsctl return-path fix.",
    ),
    _Row(
        "wrong-way",
        "LVD404",
        ERROR,
        "An address that answers through another gateway",
        "Ping and connect may seem to work, and every request is lost: what comes in by one gateway and is answered through another is dropped, or given another address on the way.",
        "lvsctl return-path fix; where VRRP has the address, render and reload.",
    ),
    _Row(
        "no-way",
        "LVD405",
        ERROR,
        "An address that cannot answer",
        "Clients get no reply at all.",
        "lvsctl return-path explain ADDRESS CLIENT says where it ends.",
    ),
    _Row(
        "by-default",
        "LVD406",
        WARNING,
        "The right way by luck",
        "The default route is the right one now. After the next boot another default may be the one.",
        "lvsctl return-path fix.",
    ),
    _Row(
        "unstated",
        "LVD407",
        ERROR,
        "An address without a return path on an interface with a gateway of its own",
        "Its packets probably come in by that gateway, and its replies leave by another.",
        "Declare return_paths for it in the spec.",
    ),
    _Row(
        "link",
        "LVD408",
        ERROR,
        "The interface of a return path is down, or not there",
        "The address has no other way: its replies are refused.",
        "ip link set INTERFACE up, or correct return_paths.",
    ),
    _Row(
        "rp-filter",
        "LVD409",
        ERROR,
        "A strict reverse path filter that drops what comes in",
        "The kernel looks where the reply would leave. That is another interface, so it drops the packet before any program sees it.",
        "lvsctl return-path fix: with the rules in place strict mode passes.",
    ),
    _Row(
        "address-missing",
        "LVD410",
        ERROR,
        "A failover IP that this director does not have",
        "When the provider points it here, its packets are dropped. Both directors have it all the time.",
        "lvsctl return-path fix.",
    ),
    _Row(
        "address-preferred",
        "LVD411",
        WARNING,
        "A failover IP that the machine's own connections may use",
        "Whatever is sent from it while it points to the other director is never answered.",
        "ip address change IP dev INTERFACE preferred_lft 0, and likewise in the boot files.",
    ),
    _Row(
        "rp-filter-drops",
        "LVD412",
        NOTE,
        "Packets dropped by the reverse path filter",
        "They came in by an interface that their reply would not leave by. It may be what you are looking for: net.ipv4.conf.all.log_martians=1 logs each.",
        "lvsctl return-path explain.",
        EVERYWHERE,
    ),
)


def _looks(row: _Row) -> Callable[[Machine], Iterator[Found]]:
    def looks(machine: Machine) -> Iterator[Found]:
        wanted = intended(machine.spec) if machine.declared is not None else Intended()
        seen = machine.host.return_paths(wanted)
        for each in findings(wanted, seen):
            if each.id == row.word:
                severity = Severity(each.severity.value)
                yield Found(each.subject, each.what, each.remedy or row.remedy, severity, each.why)
        if seen.trouble and row.word == BOOT:
            raise Unavailable("; ".join(seen.trouble), hint="run lvsctl as root")

    looks.__doc__ = "As `lvsctl return-path check` finds it" + (
        "." if row.roles is EVERYWHERE else ", for the return paths of the spec."
    )
    return looks


for _each in _ROWS:
    check(
        _each.id,
        _each.severity,
        _each.title,
        why=_each.why,
        remedy=_each.remedy,
        roles=_each.roles,
        needs_spec=_each.roles is not EVERYWHERE,
    )(_looks(_each))


@check(
    "LVD413",
    WARNING,
    "Several default routes, and addresses that follow the best one",
    why="Their metrics tell them apart, so replies of every address leave by the best: those of addresses that belong to the other gateway, too, unless a rule goes by the source.",
    remedy="Declare return_paths for an address of each gateway, or uplinks.",
)
def several_defaults(machine: Machine) -> Iterator[Found]:
    """Default routes of the main table over different interfaces, where an address of one of them has no rule of its own."""
    for family in Family:
        devs = {
            hop.dev
            for route in machine.host.routes(family)
            if route.is_default and route.table == MAIN
            for hop in route.next_hops
        }
        ruled = [rule.src for rule in machine.host.rules(family) if rule.src is not None]
        bare = [
            f"{each.address} on {each.dev}"
            for each in machine.host.addresses()
            if each.dev in devs
            and (each.address.version == 4) is (family is Family.INET)  # noqa: PLR2004 - IP's own version number
            and not each.address.is_link_local
            and not any(each.address in network for network in ruled)
        ]
        if len(devs) > 1 and bare:
            yield Found(
                f"default routes ({family})",
                f"by {', '.join(sorted(devs))}; without a rule of their own: {'; '.join(sorted(bare))}",
                "lvsctl return-path explain; then declare return_paths in the spec",
            )


@check(
    "LVD414",
    WARNING,
    "A program that cannot start while this director is BACKUP",
    why="It binds a virtual address, which only the master has: after a failover, or a reboot as BACKUP, it ends with 'Cannot assign requested address' (measured; 1 lets it bind).",
    remedy="sysctl -w net.ipv4.ip_nonlocal_bind=1 (IPv6: net.ipv6.ip_nonlocal_bind), and the same in /etc/sysctl.d/60-lvs.conf.",
    roles=DIRECTOR,
    needs_spec=True,
)
def bound_to_vip(machine: Machine) -> Iterator[Found]:
    """Sockets that listen on an address of a VRRP instance; while the director is BACKUP there are none to see."""
    vips = {each.interface.ip for each in virtual_addresses(machine.spec)}
    bound = Counter(each.address for each in machine.host.sockets() if each.address in vips)
    for address, count in bound.items():
        name = f"net/ipv{address.version}/ip_nonlocal_bind"
        if machine.host.sysctl(name) == 0:
            yield Found(
                str(address),
                f"{count} sockets listen there, and {name.replace('/', '.')} is 0",
                f"sysctl -w {name.replace('/', '.')}=1, and the same in /etc/sysctl.d/60-lvs.conf",
            )


@check(
    "LVD415",
    WARNING,
    "systemd-networkd takes routes and rules away that are not its own",
    why="When it starts again, after an upgrade for instance, it removes what it did not make: return paths and keepalived's virtual routes are gone until somebody notices (systemd issues 19106 and 22077).",
    remedy="ManageForeignRoutes=no and ManageForeignRoutingPolicyRules=no under [Network] in /etc/systemd/networkd.conf.d.",
    roles=DIRECTOR,
    needs_spec=True,
)
def taken_away(machine: Machine) -> Iterator[Found]:
    """Where networkd has files to work with, and the spec has return paths, or instances with routes or rules."""
    spec, host = machine.spec, machine.host
    wanted = spec.return_paths or any(
        each.virtual_routes or each.virtual_rules for each in spec.vrrp_instances.values()
    )
    at_work = any(name.endswith(".network") for folder in NETWORK for name in host.names(folder))
    if not wanted or not at_work:
        return
    said = _networkd(machine)
    kept = [
        word for word in FOREIGN if said.get(word, "yes").lower() not in {"no", "false", "off", "0", "n", "f"}
    ]
    if kept:
        lines = "\\n".join(["[Network]", *(f"{word}=no" for word in kept)])
        file = "/etc/systemd/networkd.conf.d/lvsctl.conf"
        yield Found(
            "systemd-networkd",
            f"{' and '.join(kept)} say yes, which is the default",
            f"printf '{lines}\\n' > {file}",
        )


NETWORK: Final = ("/etc/systemd/network", "/run/systemd/network")
FOREIGN: Final = ("ManageForeignRoutes", "ManageForeignRoutingPolicyRules")


def _networkd(machine: Machine) -> dict[str, str]:
    """Answer the settings of networkd.conf(5): the main file first, then the others by name."""
    folders = (
        "/usr/lib/systemd/networkd.conf.d",
        "/run/systemd/networkd.conf.d",
        "/etc/systemd/networkd.conf.d",
    )
    others = {
        name: f"{folder}/{name}"
        for folder in folders
        for name in machine.host.names(folder)
        if name.endswith(".conf")
    }
    paths = ["/etc/systemd/networkd.conf", *(others[name] for name in sorted(others))]
    lines = [line for path in paths for line in (machine.host.text(path) or "").splitlines()]
    found = (line.partition("=") for line in lines if not line.lstrip().startswith(("#", ";")))
    return {key.strip(): value.strip() for key, equals, value in found if equals}
