"""The local sorry backend, and what the spec says about the kernel and the rules."""

from typing import Annotated

from pydantic import Field

from lvsctl.spec.base import Block
from lvsctl.spec.values import Port, Str, Text, Whole


class Sorry(Block):
    """The backend on each director that says sorry: 503 with Retry-After, for every URL."""

    port: Port = 8503
    """The port it listens on, on the node's own addresses."""
    status: Annotated[int, Whole(503, 503)] = 503
    """Its answer. Only 503 keeps a robot's index and a cache from believing it."""
    retry_after: Annotated[int, Whole(1, 86400, "s")] = 120
    """When clients are asked to come back."""


class Sysctl(Block):
    """Kernel settings that the directors have, by their names: a statement that rules rely on and doctor checks."""

    expire_quiescent_template: Annotated[int, Whole(0, 1)] | None = Field(
        None, alias="net.ipv4.vs.expire_quiescent_template"
    )
    """1: a client bound by persistence to a real server of weight 0 is given another one."""
    expire_nodest_conn: Annotated[int, Whole(0, 1)] | None = Field(
        None, alias="net.ipv4.vs.expire_nodest_conn"
    )
    """1: a connection whose real server was removed is ended at once."""


class Ignore(Block):
    """A rule that does not apply here, and why."""

    rule: Annotated[str, Text("a rule's id such as LVS012", r"LVS[0-9]{3}")]
    """The rule's id."""
    at: Str | None = None
    """Ignore it only below this path of the spec, such as `virtual_servers.web`; the default is everywhere."""
    reason: Annotated[str, Text("a reason that a colleague will understand", low=8)]
    """Why it does not apply; whoever reads the spec next wants to know."""
