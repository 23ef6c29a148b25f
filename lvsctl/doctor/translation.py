"""IPVS beside a packet filter: who sees the connections of whom (net.ipv4.vs.conntrack).

Documentation/networking/ipvs-sysctl.rst: the setting is for connections that stateful rules are to handle, too.
"""

from collections.abc import Iterator

from lvsctl.doctor.firewall import Rule, rules
from lvsctl.doctor.model import DIRECTOR, NOTE, WARNING, Found, Machine, check
from lvsctl.doctor.ways_in import natted, towards
from lvsctl.errors import Unavailable
from lvsctl.vocabulary import Address, family_of

SETTING = "net/ipv4/vs/conntrack"
TURN_ON = "sysctl -w net.ipv4.vs.conntrack=1, and the same in /etc/sysctl.d/60-lvs.conf"
TURN_OFF = TURN_ON.replace("=1", "=0")
FEW = 3


def _rules(machine: Machine) -> tuple[Rule, ...]:
    try:
        return rules(machine.host.firewall())
    except ValueError as error:
        raise Unavailable(str(error)) from error


def _servers(machine: Machine, rule: Rule) -> list[Address]:
    return [each for each in natted(machine) if family_of(each) in rule.families]


def _concerns(machine: Machine, rule: Rule) -> bool:
    """Answer whether *rule* is for what IPVS sends to a real server by NAT: from a client, to a real server, out to it."""
    servers = _servers(machine, rule)
    if rule.asks_ipvs:
        return bool(servers)
    if rule.dst is not None:
        return any(each in network for each in servers for network in rule.dst)
    if rule.src is not None:
        return False  # the usual one is for what real servers send by themselves
    out = {dev for each in servers for dev in towards(machine, each)}
    if rule.oifs is None:
        return bool(servers)
    return any(_is_named(dev, name) for dev in out for name in rule.oifs)


def _is_named(dev: str, pattern: str) -> bool:
    return dev.startswith(pattern[:-1]) if pattern.endswith(("+", "*")) else dev == pattern


@check(
    "LVD232",
    WARNING,
    "Source addresses that the packet filter does not change",
    why="With net.ipv4.vs.conntrack = 0 IPVS takes its packets out of connection tracking, and without that no rule translates them: real servers see the client's own address, and one that does not answer through the director answers past it (measured: 0 hangs, 1 answers).",
    remedy="sysctl -w net.ipv4.vs.conntrack=1, and keep it. It costs an entry in the connection table for each connection (LVD231), and before Linux 5.9 a second where a client reuses its port.",
    roles=DIRECTOR,
    needs_spec=True,
)
def untranslated(machine: Machine) -> Iterator[Found]:
    """SNAT and masquerade of nftables and iptables, where they are for packets to a real server by NAT. A rule for certain sources only, and no certain destination, is passed over: that is how real servers get out by themselves."""
    if machine.host.sysctl(SETTING) != 0:
        return
    for each in [rule for rule in _rules(machine) if rule.translates and _concerns(machine, rule)][:FEW]:
        yield Found(each.where, f"it says {each.text!r}, and net.ipv4.vs.conntrack is 0", TURN_ON)


@check(
    "LVD233",
    WARNING,
    "A stateful filter that does not know the connections of IPVS",
    why="With net.ipv4.vs.conntrack = 0 nothing remembers a connection that IPVS sends on. The real server's answer then belongs to none: it is invalid, or new, and the filter drops it before IPVS gives it its address back.",
    remedy="sysctl -w net.ipv4.vs.conntrack=1, and keep it; or let the filter accept what comes from the real servers.",
    roles=DIRECTOR,
    needs_spec=True,
)
def stateless(machine: Machine) -> Iterator[Found]:
    """Chains at the hook forward that drop by default, or drop a state, and ask for the state of connections; where services go by NAT, and no rule of the chain accepts anything without asking for its state that may come from the real servers. What the chain calls is not looked at."""
    if machine.host.sysctl(SETTING) != 0:
        return
    found = _rules(machine)
    told: set[str] = set()
    for each in found:
        strict = each.hook == "forward" and each.by_state and (each.drops or each.policy == "drop")
        servers = _servers(machine, each)
        if strict and servers and each.where not in told and not _let_pass(found, each.where, servers):
            told.add(each.where)
            yield Found(each.where, f"it says {each.text!r}, and net.ipv4.vs.conntrack is 0", TURN_ON)


def _let_pass(found: tuple[Rule, ...], where: str, servers: list[Address]) -> bool:
    """Answer whether another rule of the chain may accept what comes from the *servers*, whatever its state."""
    return any(
        each.where == where
        and each.accepts
        and not each.by_state
        and (each.src is None or any(server in network for network in each.src for server in servers))
        for each in found
    )


@check(
    "LVD234",
    WARNING,
    "Firewall marks that only the first packet has",
    why="The rule takes the mark from the connection, and with net.ipv4.vs.conntrack = 0 no connection through IPVS is remembered: the first packet is marked and scheduled, the next ones have no mark, belong to no service, and are lost.",
    remedy="sysctl -w net.ipv4.vs.conntrack=1, and keep it; or mark every packet by its address and port.",
    roles=DIRECTOR,
    needs_spec=True,
)
def unmarked(machine: Machine) -> Iterator[Found]:
    """Rules that set the mark of a packet to that of its connection, where a service goes by a firewall mark."""
    marked = [name for name, each in machine.spec.virtual_servers.items() if each.fwmark is not None]
    if marked and machine.host.sysctl(SETTING) == 0:
        for each in [rule for rule in _rules(machine) if rule.restores][:FEW]:
            yield Found(each.where, f"it says {each.text!r}; by mark: {', '.join(marked[:FEW])}", TURN_ON)


@check(
    "LVD235",
    NOTE,
    "Connections tracked twice",
    why="net.ipv4.vs.conntrack = 1 is for rules that translate IPVS's packets, or go by the state of its connections, and there are none: each connection costs an entry in a second table, which can fill up, and looks itself up twice.",
    remedy="sysctl -w net.ipv4.vs.conntrack=0, unless something outside of these rules needs it.",
    roles=DIRECTOR,
    needs_spec=True,
)
def for_nothing(machine: Machine) -> Iterator[Found]:
    """Only where rules can be read, none of which asks for the state of a connection, translates sources or restores a mark."""
    if machine.host.sysctl(SETTING) != 1 or not machine.spec.virtual_servers:
        return
    if not any(each.translates or each.by_state or each.restores for each in _rules(machine)):
        yield Found(
            "net.ipv4.vs.conntrack",
            "it is 1, and no rule of nftables or iptables needs it",
            TURN_OFF,
        )
