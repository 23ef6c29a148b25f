"""How packets get to a real server: `lvs_method` and its tunnels (keepalived.conf(5), "Virtual server(s)")."""

from collections.abc import Iterator
from typing import Annotated, Self

from pydantic import model_validator

from lvsctl.spec.base import Line
from lvsctl.spec.forms import FIRST, choice
from lvsctl.spec.values import OneOf, Port

CHECKSUMS = ("nocsum", "csum", "remcsum")
UNFIT = {"ipip": ("csum", "remcsum"), "gue": (), "gre": ("remcsum",)}
"""The checksums that a type of tunnel does not have."""


class LvsMethod(Line):
    """The forwarding method, and for TUN the encapsulation."""

    syntax = "NAT|DR|TUN [type ipip|gue|gre] [port PORT] [nocsum|csum|remcsum]"

    method: Annotated[str, OneOf("NAT", "DR", "TUN"), FIRST]
    """NAT rewrites the destination, DR sends the packet on as it is, TUN wraps it into another."""
    type: Annotated[str, OneOf("ipip", "gue", "gre")] | None = None
    """The encapsulation of TUN; the default is ipip."""
    port: Port | None = None
    """The UDP port of a gue tunnel, which cannot do without."""
    checksum: Annotated[Annotated[str, OneOf(*CHECKSUMS)] | None, choice(*CHECKSUMS)] = None
    """The checksum in the tunnel header: csum for gue and gre, remcsum (remote offload) for gue; the default is nocsum."""

    @model_validator(mode="after")
    def _tunnel_makes_sense(self) -> Self:
        for problem in self._problems():
            raise ValueError(problem)
        return self

    def _problems(self) -> Iterator[str]:
        kind = self.type or "ipip"
        if self.method != "TUN":
            if self.type or self.port or self.checksum:
                yield f"{self.method} takes no type, port or checksum: those belong to TUN"
            return
        if kind == "gue" and not self.port:
            yield "a gue tunnel needs its port: TUN type gue port 6080"
        if kind != "gue" and self.port:
            yield f"only a gue tunnel has a port, not {kind}"
        if self.checksum in UNFIT[kind]:
            yield f"{kind} tunnels do not support {self.checksum}"
