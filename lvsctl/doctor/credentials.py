"""What lvsctl needs of the providers of failover IPs: credentials, calls left, an answer."""

import shlex
from collections.abc import Iterator
from ipaddress import IPv6Network

from lvsctl.doctor.model import DIRECTOR, ERROR, Found, Machine, check
from lvsctl.failover.budget import Purpose
from lvsctl.failover.observation import FailoverAddress
from lvsctl.failover.provider import Call
from lvsctl.spec.failover_ips import NEED_CREDENTIALS, FailoverIp
from lvsctl.vocabulary import Address


def _accounts(machine: Machine) -> Iterator[FailoverIp]:
    """Yield one failover IP for each account with a provider."""
    seen: dict[tuple[str, str | None], FailoverIp] = {}
    for entry in machine.spec.failover_ips:
        if entry.provider in NEED_CREDENTIALS:
            seen.setdefault((entry.provider, entry.credentials), entry)
    yield from seen.values()


@check(
    "LVD800",
    ERROR,
    "Credentials that cannot be used",
    why="At the failover the provider's API is asked with them; a missing password is found out at night.",
    remedy="Write user= and password= (Robot) or token= (Cloud) on lines of their own; chown root, chmod 600.",
    roles=DIRECTOR,
    needs_spec=True,
)
def bad_credentials(machine: Machine) -> Iterator[Found]:
    """Reads them as the agent does; nothing of what is in them is shown. A missing file is told by LVS805."""
    for entry in _accounts(machine):
        is_there = (
            machine.host.components(machine.host.real_path(entry.credentials or "/"))[-1].kind == "file"
        )
        if is_there and (said := machine.host.credentials(entry)):
            file = shlex.quote(entry.credentials or "/")
            yield Found(
                str(entry.credentials),
                said,
                f"chown root: {file}; chmod 600 {file}; lines: see docs/how-to/secrets.md",
            )


@check(
    "LVD801",
    ERROR,
    "No call left for a failover",
    why="The provider counts calls and refuses those beyond its quota, or has locked the account out: until then the address cannot be moved from here.",
    remedy="Wait, find out who spends the calls (lvsctl failover status), or move the address in the provider's web interface.",
    roles=DIRECTOR,
    needs_spec=True,
)
def no_call_left(machine: Machine) -> Iterator[Found]:
    """By the ledger of this node; nothing is asked."""
    for entry in _accounts(machine):
        budget, now = machine.host.quota(entry, len(machine.spec.nodes))
        free = budget.free_at(Call.POST, Purpose.CLAIM, now)
        if free > now:
            bar = budget.barred_until(Call.POST, now)
            when = "for ever" if free == float("inf") else f"for {free - now:.0f} s"
            yield Found(
                f"{entry.provider}, {entry.credentials}",
                f"none {when}: {bar.why if bar else 'the quota is spent'}",
                "lvsctl failover status",
            )


@check(
    "LVD802",
    ERROR,
    "A provider that does not answer",
    why="A wrong password, a firewall, an expired certificate: the same call would fail at the failover.",
    remedy="lvsctl failover status --fresh tells more.",
    roles=DIRECTOR,
    needs_spec=True,
)
def silent_provider(machine: Machine) -> Iterator[Found]:
    """By the ledger: a login that was refused, and none since that was not. With --fresh one call of each account is spent."""
    for entry in _accounts(machine):
        said = _asked(entry, machine) if machine.fresh else _remembered(entry, machine)
        if said:
            yield Found(f"{entry.provider}, {entry.ip}", said, "lvsctl failover status --fresh")


def _asked(entry: FailoverIp, machine: Machine) -> str:
    return machine.host.ask_provider(entry, machine.node, len(machine.spec.nodes))


def _remembered(entry: FailoverIp, machine: Machine) -> str:
    strikes = machine.host.quota(entry, len(machine.spec.nodes)).budget.account.strikes
    return f"it has refused the credentials, {strikes} times by now" if strikes else ""


@check(
    "LVD820",
    ERROR,
    "A DNS name that points elsewhere",
    why="Its visitors do not come to the failover IP, so no failover helps them; often an old A record, or an AAAA record that nobody serves.",
    remedy="Correct the record at your DNS provider; lower its TTL before a move.",
    roles=DIRECTOR,
    needs_spec=True,
)
def name_elsewhere(machine: Machine) -> Iterator[Found]:
    """The `names` of each failover IP, as this machine resolves them; addresses of other failover IPs of the spec are fine."""
    own = [entry.ip for entry in machine.spec.failover_ips]
    for entry in machine.spec.failover_ips:
        for name in entry.names:
            found = machine.host.resolve(name)
            wrong = sorted(str(each) for each in found if not any(_is(each, ip) for ip in own))
            if not found:
                yield Found(
                    name,
                    f"there is no such name; it should be {entry.ip}",
                    f"add a record: {name} {entry.ip}",
                )
            elif wrong or not any(_is(each, entry.ip) for each in found):
                told = ", ".join(wrong) or "another failover IP"
                yield Found(
                    name,
                    f"it points to {told}, not only to {entry.ip}",
                    f"correct the record: {name} {entry.ip}",
                )


def _is(address: Address, ip: FailoverAddress) -> bool:
    return address in ip if isinstance(ip, IPv6Network) else address == ip
