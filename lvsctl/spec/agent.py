"""The agent's own settings: who may read its figures, and whom it calls."""

from ipaddress import ip_address
from typing import Annotated

from pydantic import field_validator

from lvsctl.spec.base import Block
from lvsctl.spec.script import Argument
from lvsctl.spec.values import Text, Whole


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


class Agent(Block):
    """Settings of `lvsctl agent`."""

    metrics: Annotated[str, Text("an address of the loopback and a port, such as 127.0.0.1:9798")] | None = (
        None
    )
    """Where Prometheus may read the agent's figures."""
    alert: Alert | None = None
    """Whom to call."""

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
