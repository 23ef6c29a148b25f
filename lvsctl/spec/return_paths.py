"""Return paths: the gateway that an address answers through."""

from typing import Annotated

from lvsctl.spec.base import Block
from lvsctl.spec.values import Address, Interface, Whole

FIRST_TABLE, LAST_TABLE = 1001, 1199
"""Whatever lvsctl finds of its own in these tables is a return path's."""


class ReturnPath(Block):
    """The gateway that an address answers through."""

    interface: Interface
    """The interface that its answers leave by."""
    gateway: Address
    """The router on that interface."""
    table: Annotated[int, Whole(FIRST_TABLE, LAST_TABLE)] | None = None
    """The routing table for it; by default the first one that the spec does not use. Addresses with the same way may share it."""
