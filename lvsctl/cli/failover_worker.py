"""``lvsctl failover worker``: the command line of the worker parse-hetzner-json.py, for the old resource agent.

Its configuration file says who asks (``user``, ``pass``) and where this node is (``local_ip``) in its first section;
``url`` and ``ca`` are new there. Calls are counted and answers kept as for everything else on this node.
"""

import asyncio
import configparser
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lvsctl.cli.failover_addresses import NO_INSTANCE, first_fault
from lvsctl.cli.output import say
from lvsctl.errors import LvsctlError, Unavailable, Usage, visible

if TYPE_CHECKING:
    from lvsctl.failover.credentials import Login
    from lvsctl.failover.directly import Subject
    from lvsctl.failover.provider import Provider, Readings
    from lvsctl.failover.shelf import HostClock
    from lvsctl.spec.failover_ips import FailoverIp

NODES = 2
"""How many share the account."""

PATIENCE = 240.0
"""Seconds to move an address; the old agent allows 300."""

YES, UNKNOWN, NO = 0, 1, 2


class Settings(NamedTuple):
    """What the configuration file says."""

    login: "Login"
    local_ip: str
    url: str | None
    ca: str | None


def work(*, get: bool, take: bool, listing: bool, ip: str | None, file: str) -> int:
    """Do what the options say; what goes wrong is *unknown*, which is not *no*."""
    if [get, take, listing].count(True) != 1 or (ip is None and not listing):
        raise Usage("expected -g -i IP, -s -i IP, or -l")
    try:
        said = settings(Path(file))
        if listing:
            return asyncio.run(_list(said, ip))
        return asyncio.run(_take(said, str(ip)) if take else _get(said, str(ip)))
    except LvsctlError as error:
        print("state=unknown")
        say(f"lvsctl: {error.message}" + (f"\n  {error.hint}" if error.hint else ""))
        return UNKNOWN


def settings(path: Path) -> Settings:
    """Read the configuration file. Raises Unavailable, Denied or CredentialsInvalid; no message quotes it."""
    from lvsctl.failover.credentials import login_of, read_private

    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(read_private(path).decode())
        section = parser[parser.sections()[0]]
        login = login_of(section["user"], section["pass"], str(path))
        return Settings(login, section["local_ip"], section.get("url"), section.get("ca"))
    except (configparser.Error, UnicodeDecodeError, IndexError, KeyError):
        # Their messages quote lines of the file, and one of those is the password.
        raise Unavailable(f"{visible(str(path))}: expected a section with user, pass and local_ip") from None


async def _get(said: Settings, ip: str) -> int:
    from lvsctl.failover.directly import look
    from lvsctl.failover.remembered import remembered

    subject = _subject(said, ip)
    try:
        report = remembered(subject.ip, subject.rules.target, subject.clock)
        report = report or await look(subject, fresh=False)
    finally:
        await subject.provider.aclose()
    if report.holds is None:
        print("state=unknown")
        say(visible(f"{ip}: {report.claim.why}"))
        return UNKNOWN
    print("state=held" if report.holds else "state=not-held")
    return YES if report.holds else NO


async def _take(said: Settings, ip: str) -> int:
    from lvsctl.failover.directly import Declared, Outcome, take

    subject = _subject(said, ip)
    try:
        taken = await take(subject, Declared(), patience=PATIENCE, tell=lambda _report: None)
    finally:
        await subject.provider.aclose()
    if taken.outcome is Outcome.HERE:
        print("state=held")
        return YES
    print("state=unknown")
    say(visible(f"{ip}: {taken.why}"))
    return UNKNOWN


async def _list(said: Settings, ip: str | None) -> int:
    found = await _listed(said)
    if not isinstance(found, Mapping):
        print("state=unknown")
        say(visible(found.why))
        return UNKNOWN
    if ip is None:
        for each in sorted(map(str, found)):
            print(each)
        return YES
    is_listed = _entry(said, ip).ip in found
    print("state=listed" if is_listed else "state=not-listed")
    return YES if is_listed else NO


async def _listed(said: Settings) -> "Readings":
    from lvsctl.failover.budget import Purpose
    from lvsctl.failover.ledger import file_ledger
    from lvsctl.failover.shelf import HostClock

    clock = HostClock()
    provider = _provider(said, clock)
    ledger = file_ledger(provider, NODES, clock)
    spend = ledger.spender(Purpose.OPERATOR)
    try:
        found = await provider.observe_all(spend=spend)
    finally:
        await provider.aclose()
    if spend.last:
        ledger.answered(spend.last, found)
    return found


def _subject(said: Settings, ip: str) -> "Subject":
    from lvsctl.failover.directly import subject_of
    from lvsctl.failover.observation import as_target
    from lvsctl.failover.shelf import HostClock

    clock = HostClock()
    try:
        target = as_target(said.local_ip)
    except ValueError:
        raise Unavailable("local_ip: expected the address of this server") from None
    node = socket.gethostname().split(".")[0]
    return subject_of(_entry(said, ip), _provider(said, clock), target, f"{node} {ip}", NODES, clock)


def _entry(said: Settings, ip: str) -> "FailoverIp":
    from pydantic import ValidationError

    from lvsctl.spec.failover_ips import FailoverIp

    api = {key: value for key, value in (("url", said.url), ("ca", said.ca)) if value}
    try:
        return FailoverIp.model_validate(
            {
                "ip": ip,
                "provider": "hetzner-robot",
                "vrrp_instance": NO_INSTANCE,
                "credentials": "/",
                "api": api,
            }
        )
    except ValidationError as error:
        raise Usage(first_fault(error)) from None


def _provider(said: Settings, clock: "HostClock") -> "Provider":
    from lvsctl.failover.opening import api_of
    from lvsctl.failover.robot import BASE_URL, HetznerRobot
    from lvsctl.failover.transport import Client

    api = api_of(_entry(said, "192.0.2.1"))
    client = Client(api.url or BASE_URL, said.login, api.link)
    return HetznerRobot(client, said.login.user, clock=clock.now)
