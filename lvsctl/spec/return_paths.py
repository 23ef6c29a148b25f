"""Return paths: the gateway that an address answers through."""

from typing import Annotated

from lvsctl.spec.base import Block
from lvsctl.spec.values import Address, Interface, Whole

MAX_TABLE = 2**31 - 1


class ReturnPath(Block):
    """The gateway that an address answers through."""

    interface: Interface
    """The interface that its answers leave by."""
    gateway: Address
    """The router on that interface."""
    table: Annotated[int, Whole(256, MAX_TABLE)] | None = None
    """The routing table for it; by default a free one from 1001 on. Addresses with the same way may share one."""
