"""How packets get to a real server: `lvs_method` and its tunnels (keepalived.conf(5), "Virtual server(s)")."""

from collections.abc import Iterator
from typing import Annotated, Self

from pydantic import model_validator

from lvsctl.spec.base import Line
from lvsctl.spec.forms import BARE, FIRST
from lvsctl.spec.values import Bool, OneOf, Port


class LvsMethod(Line):
    """The forwarding method, and for TUN the encapsulation."""

    syntax = "NAT|DR|TUN [type ipip|gue|gre] [port PORT] [nocsum|csum|remcsum]"

    method: Annotated[str, OneOf("NAT", "DR", "TUN"), FIRST]
    """NAT rewrites the destination, DR sends the packet on as it is, TUN wraps it into another."""
    type: Annotated[str, OneOf("ipip", "gue", "gre")] | None = None
    """The encapsulation of TUN; the default is ipip."""
    port: Port | None = None
    """The UDP port of a gue tunnel, which cannot do without."""
    nocsum: Annotated[Bool, BARE] = False
    """No checksum in the tunnel header, the default."""
    csum: Annotated[Bool, BARE] = False
    """A checksum in the header of a gue or gre tunnel."""
    remcsum: Annotated[Bool, BARE] = False
    """Remote checksum offload in a gue tunnel."""

    @model_validator(mode="after")
    def _tunnel_makes_sense(self) -> Self:
        for problem in self._problems():
            raise ValueError(problem)
        return self

    def _problems(self) -> Iterator[str]:
        checksums = [word for word in ("nocsum", "csum", "remcsum") if getattr(self, word)]
        kind = self.type or "ipip"
        if self.method != "TUN":
            if self.type or self.port or checksums:
                yield f"{self.method} takes no type, port or checksum: those belong to TUN"
            return
        if len(checksums) > 1:
            yield f"expected one of {', '.join(checksums)}"
        if kind == "gue" and not self.port:
            yield "a gue tunnel needs its port: TUN type gue port 6080"
        if kind != "gue" and self.port:
            yield f"only a gue tunnel has a port, not {kind}"
        if kind == "ipip" and (self.csum or self.remcsum):
            yield "an ipip tunnel has no checksum"
        if kind == "gre" and self.remcsum:
            yield "a gre tunnel has no remcsum, only csum"
