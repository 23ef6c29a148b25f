"""From what the spec says about failover IPs to providers that can be asked.

Failover IPs of one provider with the same credentials share one :class:`Provider`, as they share its quota, unless
their APIs are reached in different ways or they are known to it by an id or a name.
"""

import ssl
import time
from dataclasses import dataclass, field
from pathlib import Path

from lvsctl.errors import Unavailable, visible
from lvsctl.failover import cloud, robot
from lvsctl.failover.command import Command
from lvsctl.failover.credentials import read_login, read_token
from lvsctl.failover.none import NoProvider
from lvsctl.failover.observation import FailoverAddress, Target, as_target
from lvsctl.failover.provider import Clock, Provider
from lvsctl.failover.transport import Client, Link
from lvsctl.spec.failover_ips import FailoverIp


@dataclass(frozen=True, slots=True)
class Api:
    """Where an API is, when it is not where everybody's is, and how it is reached."""

    url: str | None = None
    link: Link = field(default_factory=Link)


def trusting(ca_file: Path) -> ssl.SSLContext:
    """Answer a TLS context that trusts the authorities in *ca_file* and no others. Raises Unavailable."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cafile=str(ca_file))
    except OSError as error:  # a file that holds no certificate is an SSLError, which is one
        raise Unavailable(f"{visible(str(ca_file))}: {error.strerror or error}") from error
    return context


def api_of(entry: FailoverIp) -> Api:
    """Answer how the API of *entry*'s provider is reached. Raises Unavailable when its authorities cannot be read."""
    said = entry.api
    if said is None:
        return Api()
    link = Link(
        verify=trusting(Path(said.ca)) if said.ca else None,
        ipv4_only=said.ipv4_only,
        source_address=str(said.source_address) if said.source_address else None,
        proxy=said.proxy,
    )
    return Api(said.url.rstrip("/") if said.url else None, link)


class Providers:
    """The providers of this node, each opened when it is first wanted."""

    def __init__(self, node: str, *, clock: Clock = time.monotonic) -> None:
        """Open on behalf of *node*, as the spec names it."""
        self._node = node
        self._clock = clock
        self._open: dict[tuple[str, ...], Provider] = {}

    def of(self, entry: FailoverIp) -> Provider:
        """Answer the provider of *entry*.

        Raises what :func:`read_login` raises, when the credentials cannot be had, and Unavailable when a command is
        not told what the provider calls this node, or the API's authorities cannot be read.
        """
        key = (entry.provider, str(entry.credentials), *(entry.command or ()))
        key = (*key, str(entry.api), str(entry.id), str(entry.name))
        if entry.provider == "command":
            key = (*key, self.here(entry))
        if key not in self._open:
            self._open[key] = self._opened(entry)
        return self._open[key]

    def here(self, entry: FailoverIp) -> Target:
        """Answer what *entry*'s provider calls this node. Raises Unavailable when the spec does not say."""
        if self._node not in entry.targets:
            raise Unavailable(f"failover IP {entry.ip} has no target for node {self._node}")
        return as_target(entry.targets[self._node])

    async def aclose(self) -> None:
        """Close all of them."""
        for each in self._open.values():
            await each.aclose()

    def _opened(self, entry: FailoverIp) -> Provider:
        path = Path(entry.credentials or "")
        api = api_of(entry)
        match entry.provider:
            case "hetzner-robot":
                login = read_login(path)
                client = Client(api.url or robot.BASE_URL, login, api.link)
                return robot.HetznerRobot(client, login.user, clock=self._clock)
            case "hetzner-cloud":
                token = read_token(path)
                client = Client(api.url or cloud.BASE_URL, token, api.link)
                digest = cloud.digest(token.token.reveal())
                return cloud.HetznerCloud(client, digest, known=_known(entry), clock=self._clock)
            case "command":
                return Command(entry.command or (), self.here(entry), clock=self._clock)
            case _:
                return NoProvider()


def _known(entry: FailoverIp) -> dict[FailoverAddress, int | str]:
    said = entry.id or entry.name
    return {} if said is None else {entry.ip: said}
