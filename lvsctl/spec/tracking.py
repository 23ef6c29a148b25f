"""What instances and sync groups watch, with the weight each has there; and the unicast peers of an instance.

What is watched is declared elsewhere (:mod:`lvsctl.spec.track`, :mod:`lvsctl.spec.bfd`). Read by alloc_track_if
and its siblings, and alloc_vrrp_unicast_peer (keepalived 2.2.7).
"""

from typing import Annotated, Self

from pydantic import model_validator

from lvsctl.spec.base import Line
from lvsctl.spec.forms import BARE, FIRST
from lvsctl.spec.values import Address, Bool, Interface, Name, Whole

Weight = Annotated[int, Whole(-253, 253)]
WideWeight = Annotated[int, Whole(-254, 254)]
Ttl = Annotated[int, Whole(0, 255)]


class TrackInterface(Line):
    """An interface that has to be up."""

    syntax = "INTERFACE [weight N [reverse]]"

    interface: Annotated[Interface, FIRST]
    """The interface."""
    weight: Weight | None = None
    """Added to the priority: while up when positive, while down when negative; 0, the default, means down is FAULT."""
    reverse: Annotated[Bool, BARE] = False
    """Up counts as down and down as up."""

    @model_validator(mode="after")
    def _reverses_a_weight(self) -> Self:
        if self.reverse and self.weight is None:
            raise ValueError("reverse belongs to weight: keepalived reads it only behind one")
        return self


class _Tracked(Line):
    """Something declared elsewhere, by name; without a weight it has the one of its declaration."""

    name: Annotated[Name, FIRST]
    """The name of its declaration."""
    weight: WideWeight | None = None
    """The weight it has here, instead of the one of its declaration."""
    reverse: Annotated[Bool, BARE] = False
    """Success counts as failure and failure as success."""
    noreverse: Annotated[Bool, BARE] = False
    """Success counts as success, although the declaration reverses it."""

    @model_validator(mode="after")
    def _reverses_a_weight(self) -> Self:
        if (self.reverse or self.noreverse) and self.weight is None:
            raise ValueError("reverse and noreverse belong to weight: keepalived reads them only behind one")
        if self.reverse and self.noreverse:
            raise ValueError("expected reverse or noreverse, not both")
        return self


class TrackScript(_Tracked):
    """A `vrrp_script` that decides here."""

    syntax = "SCRIPT [weight N [reverse|noreverse]]"

    weight: Weight | None = None
    """The weight it has here, instead of the one of its declaration."""


class TrackBfd(_Tracked):
    """A `bfd_instance` that decides here."""

    syntax = "BFD_INSTANCE [weight N [reverse|noreverse]]"

    weight: Weight | None = None
    """The weight it has here, instead of the one of its declaration."""


class TrackedFile(_Tracked):
    """A `track_file` that decides here."""

    syntax = "TRACK_FILE [weight N [reverse|noreverse]]"


class TrackProcess(_Tracked):
    """A `vrrp_track_process` that decides here."""

    syntax = "TRACK_PROCESS [weight N [reverse|noreverse]]"


class UnicastPeer(Line):
    """Another router of the same virtual router, and how far away its advertisements may come from."""

    syntax = "ADDRESS [min_ttl N] [max_ttl N]"

    address: Annotated[Address, FIRST]
    """Its address."""
    min_ttl: Ttl | None = None
    """Advertisements that arrive with a lower TTL are dropped; 255 is the same link. Any limit also checks the source."""
    max_ttl: Ttl | None = None
    """Advertisements that arrive with a higher TTL are dropped."""

    @model_validator(mode="after")
    def _lets_something_in(self) -> Self:
        if self.min_ttl is not None and self.max_ttl is not None and self.min_ttl > self.max_ttl:
            raise ValueError(
                f"min_ttl {self.min_ttl} is above max_ttl {self.max_ttl}: nothing could ever arrive"
            )
        return self
