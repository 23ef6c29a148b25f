"""Groups of interfaces that share a delay between gratuitous ARPs, and of instances that watch static addresses."""

from decimal import Decimal
from typing import Annotated, Self

from pydantic import model_validator

from lvsctl.spec.base import Extensible
from lvsctl.spec.forms import BODY
from lvsctl.spec.values import Interface, Name, seconds

Delay = Annotated[Decimal, seconds("0", "2147.483647")]


class GarpGroup(Extensible):
    """A delay between gratuitous ARPs or neighbour advertisements on one interface, or over several together.

    For switches that lose what comes too fast.
    """

    garp_interval: Delay | None = None
    """Time between two gratuitous ARPs, in seconds."""
    gna_interval: Delay | None = None
    """Time between two unsolicited neighbour advertisements, in seconds."""
    interface: Interface | None = None
    """The interface, where the delay is its own."""
    interfaces: Annotated[tuple[Interface, ...], BODY] = ()
    """The interfaces that share the delay, because they end in the same switch."""

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        if self.garp_interval is None and self.gna_interval is None:
            raise ValueError("expected garp_interval, gna_interval or both: keepalived drops a group without")
        if (self.interface is None) is not bool(self.interfaces):
            raise ValueError("expected either interface or interfaces")
        if len(set(self.interfaces)) < len(self.interfaces):
            raise ValueError("an interface is in interfaces twice")
        return self


class TrackGroup(Extensible):
    """Instances that go into the FAULT state when a static address, route or rule of this group is lost."""

    group: Annotated[tuple[Name, ...], BODY]
    """The names of the VRRP instances."""

    @model_validator(mode="after")
    def _has_members(self) -> Self:
        if not self.group:
            raise ValueError("expected the name of at least one VRRP instance in group")
        return self
