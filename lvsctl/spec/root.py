"""Keywords that stand in no block: which namespace and instance this is, interfaces, the client side of TLS.

``lvsctl.spec.spec`` adds the blocks with names.
"""

from decimal import Decimal
from typing import Annotated

from lvsctl.spec.base import Block, Extensible, Line, OptionalLine
from lvsctl.spec.forms import BODY, FIRST
from lvsctl.spec.global_defs import GlobalDefs
from lvsctl.spec.values import AbsolutePath, Flag, Interface, OneOf, Str, Text, Whole, seconds

NetNamespace = Annotated[str, Text("the name of a network namespace", r"[^\s/]+", high=255)]
InstanceName = Annotated[str, Text("a name that can be part of a file name", r"[^\s/]+", high=200)]
Debounce = Annotated[Decimal, seconds("0", "255")]


class IpvsNamespace(OptionalLine):
    """A network namespace other than keepalived's own."""

    syntax = "[NAME]"

    name: Annotated[NetNamespace | None, FIRST] = None
    """The name; without one (`true`) it is the namespace that keepalived was started in."""


class LinkbeatInterface(Line):
    """An interface whose link is polled."""

    syntax = "INTERFACE [MII|ETHTOOL|IOCTL]"

    interface: Annotated[Interface, FIRST]
    """The interface."""
    method: Annotated[Annotated[str, OneOf("MII", "ETHTOOL", "IOCTL")] | None, FIRST] = None
    """How it is asked; without it, or where the driver cannot, keepalived tries them in this order."""


class InterfaceDelays(Line):
    """How long an interface has to be down, and up again, before keepalived believes it."""

    syntax = "INTERFACE DOWN_DELAY [UP_DELAY]"

    interface: Annotated[Interface, FIRST]
    """The interface."""
    down: Annotated[Debounce, FIRST]
    """How long it has to be down, in seconds; 0 is at once."""
    up: Annotated[Debounce | None, FIRST] = None
    """How long it has to be up again, in seconds; keepalived 2.2.7 takes 0 when it is left out."""


class Ssl(Extensible):
    """How SSL_GET checks introduce themselves, and whom they trust."""

    password: Str | None = None
    """What the private key is locked with."""
    ca: AbsolutePath | None = None
    """File with the certificates of the authorities to trust."""
    certificate: AbsolutePath | None = None
    """File with the client certificate."""
    key: AbsolutePath | None = None
    """File with the private key that belongs to it."""


class Root(Block):
    """What keepalived reads outside of any block, in the order in which it has to be read, around `global_defs`."""

    net_namespace: NetNamespace | None = None
    """The network namespace that keepalived runs in; it moves its pid files to /run/keepalived."""
    net_namespace_ipvs: IpvsNamespace | None = None
    """The network namespace of the IPVS table, when that is another one."""
    namespace_with_ipsets: Flag = False
    """Use ipsets in a network namespace although the kernel is older than 3.13."""
    instance: InstanceName | None = None
    """Part of the names of the pid files, for several keepaliveds on one host; a reload does not change it."""
    use_pid_dir: Flag = False
    """Keep the pid files in /run/keepalived."""
    child_wait_time: Annotated[int, Whole(0, 4294967295, "s")] | None = None
    """How long the processes may take to stop before they are killed; keepalived's default is 5."""
    global_defs: GlobalDefs | None = None
    """What holds for the whole daemon, and the defaults of everything else."""
    linkbeat_use_polling: Flag = False
    """Poll the link of every interface instead of listening to the kernel."""
    linkbeat_interfaces: Annotated[tuple[LinkbeatInterface, ...], BODY] = ()
    """The interfaces whose link is polled because their drivers do not report it."""
    interface_up_down_delays: Annotated[tuple[InterfaceDelays, ...], BODY] = ()
    """Delays that keep an interface which flaps from moving addresses."""
    SSL: Ssl | None = None
    """The client side of SSL_GET checks."""
