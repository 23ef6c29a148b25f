"""What several kinds of health check share: when they run, and how they connect (keepalived.conf(5), "Virtual server(s)").

The kinds themselves are in :mod:`lvsctl.spec.check_http`, :mod:`lvsctl.spec.check_net` and
:mod:`lvsctl.spec.check_local`.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Any

from pydantic import ValidationInfo, field_validator

from lvsctl.spec.base import Extensible
from lvsctl.spec.values import Address, Interface, Port, Switch, Whole, seconds

MAX_32 = 2**32 - 1
# keepalived counts microseconds in 64 bits; one value is its own mark for "not set".
LONGEST = "18446744073709.551614"

ConnectTimeout = Annotated[Decimal, seconds("0.000001", "4294.967295")]
Interval = Annotated[Decimal, seconds("0.000001", LONGEST)]
Delay = Annotated[Decimal, seconds("0", LONGEST)]


def words_of(value: Any) -> Any:
    """Split text at white space, also inside a list, so that ``200 300-399`` is the same as ``[200, 300-399]``."""
    if isinstance(value, (str, int)) and not isinstance(value, bool):
        value = (value,)
    return tuple(_flat(value)) if isinstance(value, (list, tuple)) else value


def _flat(items: list[Any] | tuple[Any, ...]) -> Iterator[Any]:
    for item in items:
        if isinstance(item, str):
            yield from item.split() or (item,)  # a blank item is refused, not left out
        else:
            yield item


class Paced(Extensible):
    """A health check that keepalived repeats."""

    delay_loop: Interval | None = None
    """Seconds between two checks; the default is the real server's, then the virtual server's, then 60."""
    warmup: Delay | None = None
    """The first check waits a random part of this many seconds; the default is `delay_loop`, and 0 means at once."""
    retry: Annotated[int, Whole(0, MAX_32)] | None = None
    """Failures in a row that are forgiven before a live server counts as failed; the default is 1 (DNS_CHECK 3, MISC_CHECK 0)."""
    delay_before_retry: Delay | None = None
    """Seconds until a failed check is repeated; the default is 1 (HTTP_GET and SSL_GET 3, DNS_CHECK `delay_loop`)."""
    alpha: Switch | None = None
    """Count the check as failed until it has succeeded once; the default is the real server's."""
    log_all_failures: Switch | None = None
    """Log every failure while the server counts as up, not only the one that takes it down; the default is false."""


class Connecting(Paced):
    """A health check that talks to the real server over the network."""

    bind_if: Interface | None = None
    """The interface to send from; a link-local address cannot do without it."""
    connect_ip: Address | None = None
    """Where to connect; the default is the real server's address."""
    connect_port: Port | None = None
    """The port to connect to; the default is the real server's."""
    bindto: Address | None = None
    """The address to connect from; the default is the kernel's choice."""
    bind_port: Port | None = None
    """The port to connect from; the default is the kernel's choice."""
    connect_timeout: ConnectTimeout | None = None
    """Seconds to wait for an answer; the default is the real server's, then the virtual server's, then 5."""
    fwmark: Annotated[int, Whole(0, MAX_32)] | None = None
    """The firewall mark that the check's own packets carry; 0, the default, is none."""

    @field_validator("connect_ip", "bindto")
    @classmethod
    def _link_local_has_interface(cls, value: Address | None, info: ValidationInfo) -> Address | None:
        if value is not None and value.version == 6 and value.is_link_local and not info.data.get("bind_if"):  # noqa: PLR2004 - IPv6
            raise ValueError(f"a link-local address such as {value} needs `bind_if`: the interface it is on")
        return value

    @field_validator("bindto")
    @classmethod
    def _one_family(cls, value: Address | None, info: ValidationInfo) -> Address | None:
        target = info.data.get("connect_ip")
        if value is not None and target is not None and value.version != target.version:
            raise ValueError(f"expected an address of the family of `connect_ip` {target}, not {value}")
        return value
