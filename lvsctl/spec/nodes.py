"""Who the two directors are."""

from typing import Annotated, Any

from pydantic import BeforeValidator, field_validator

from lvsctl.spec.base import Block
from lvsctl.spec.values import Address, Str, Whole


def one_or_list(value: Any) -> Any:
    """Take a single value for a list of one."""
    return value if isinstance(value, (list, tuple)) else (value,)


FAMILIES = {4: "IPv4", 6: "IPv6"}


class Node(Block):
    """One director. Its name in `nodes` is what `--node` takes, and what `@` conditions would call it."""

    address: Annotated[
        tuple[Address, ...], BeforeValidator(one_or_list, json_schema_input_type=str | list[str])
    ] = ()
    """Its own address, or one of each family as a list: the source of unicast VRRP and the place of the local sorry backend."""
    priority: Annotated[int, Whole(1, 255)] | None = None
    """Its VRRP priority in every instance that does not state one; the highest becomes master."""
    router_id: Str | None = None
    """What it calls itself in VRRP mails; the default is the node's name."""

    @field_validator("address", mode="after")
    @classmethod
    def _one_of_each_family(cls, value: tuple[Address, ...]) -> tuple[Address, ...]:
        for version, name in FAMILIES.items():
            if sum(address.version == version for address in value) > 1:
                raise ValueError(f"expected at most one {name} address: the one the other director reaches")
        return value

    def address_of(self, version: int) -> Address | None:
        """Answer its address of the family *version* (4 or 6), if it has one."""
        return next((address for address in self.address if address.version == version), None)
