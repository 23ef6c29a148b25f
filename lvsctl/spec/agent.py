"""The agent's own settings: who may read its figures, whom it calls, and how it reaches the providers."""

from ipaddress import ip_address
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import field_validator, model_validator

from lvsctl.spec.base import Block
from lvsctl.spec.script import Argument
from lvsctl.spec.values import AbsolutePath, Address, Flag, Text, Whole

Url = Annotated[str, Text("a URL", r"https?://[^\s]+", high=1000)]


class Alert(Block):
    """A command that is run when something has been unknown or wrong for too long."""

    after: Annotated[int, Whole(1, 1440, "min")] = 5
    """How long it has to last."""
    run: tuple[Annotated[str, Argument()], ...]
    """The program and its arguments. Three more follow: what it is about, `trouble` or `over`, and what is wrong."""

    @field_validator("run")
    @classmethod
    def _has_a_program(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise ValueError("expected a program and its arguments")
        return value


class Api(Block):
    """How the API of the failover IPs' provider is reached, where that is not the ordinary way."""

    url: Url | None = None
    """Where it is, when it is not where everybody's is."""
    ca: AbsolutePath | None = None
    """File with the certificate authorities to trust instead of the system's."""
    ipv4_only: Flag = False
    """Never use IPv6."""
    source_address: Address | None = None
    """The address to connect from."""
    proxy: Url | None = None
    """A proxy that makes the connection; it is not read from the environment."""

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        if self.url is not None and not self.url.startswith("https://"):
            raise ValueError("url: expected https://, because the credentials go there")
        if self.proxy is not None and "@" in urlsplit(self.proxy).netloc:
            raise ValueError("proxy: a spec is no place for a password")
        if self.proxy is not None and (self.ipv4_only or self.source_address is not None):
            raise ValueError("proxy: it connects itself, so leave out ipv4_only and source_address")
        return self


class Agent(Block):
    """Settings of `lvsctl agent`."""

    metrics: Annotated[str, Text("an address of the loopback and a port, such as 127.0.0.1:9798")] | None = (
        None
    )
    """Where Prometheus may read the agent's figures."""
    alert: Alert | None = None
    """Whom to call."""
    api: Api | None = None
    """How the provider's API is reached."""

    @field_validator("metrics")
    @classmethod
    def _is_on_the_loopback(cls, value: str | None) -> str | None:
        if value is not None:
            endpoint(value)
        return value


def endpoint(text: str) -> tuple[str, int]:
    """Read ``127.0.0.1:9798`` or ``[::1]:9798``. ValueError when it is not on the loopback."""
    host, _, port = text.rpartition(":")
    try:
        address = ip_address(host.removeprefix("[").removesuffix("]"))
        is_loopback = address.is_loopback and port.isascii() and port.isdecimal() and 0 < int(port) < 65536  # noqa: PLR2004 - a port
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise ValueError(
            f"expected an address of the loopback and a port, such as 127.0.0.1:9798, not {text[:60]!r}"
        )
    return str(address), int(port)
