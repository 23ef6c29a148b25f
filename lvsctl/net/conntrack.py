"""The kernel's connection tracking, as far as uplinks need it: who was given which address, and forgetting that.

What has a fixed address (``snat to``) never heals when the way out changes: its packets go out by the new uplink with
the old one's address until nobody sends any more (facts: uplink §3.2). ``masquerade`` heals, at the cost of the packet
with which the kernel notices (nf_nat_oif_changed of net/netfilter/nf_nat_core.c drops it), and only where the new
uplink has another interface. Netlink does not say which of the two an entry is. Deleting it does both good: nothing is
lost that could have gone on, and the next packet is already given the new address. So both are deleted, and never the
whole table.
"""

import errno
from collections.abc import Callable, Collection, Iterator
from typing import Any, NamedTuple

from lvsctl.errors import Denied, Unavailable
from lvsctl.net.codec import AF
from lvsctl.vocabulary import Address, Family, as_address

_SRC_NAT: int = 1 << 4
"""IPS_SRC_NAT of linux/netfilter/nf_conntrack_common.h: the connection's source was rewritten."""


class Connection(NamedTuple):
    """A tracked connection whose source was rewritten."""

    source: Address
    """Who began it."""
    destination: Address
    given: Address
    """The address it goes out with."""
    protocol: int


class Conntrack:
    """The tracked connections of one family in this process's network namespace. Not for use inside a running loop."""

    def __init__(self, family: Family) -> None:
        from pyroute2 import NFCTSocket  # noqa: PLC0415 - see lvsctl.net.kernel

        # The kernel tells and deletes what is of the family that a request names: IPv4 alone, if nobody says so.
        self._socket: Any = NFCTSocket(AF[family])
        self._family = family

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def rewritten(self) -> Iterator[tuple[Connection, Any]]:
        """Yield the connections with a rewritten source, and what the socket calls each.

        The messages are read here: pyroute2's own entries break on a connection that hardware has taken over.
        """
        from pyroute2.netlink.nfnetlink.nfctsocket import NFCTAttrTuple  # noqa: PLC0415 - who deletes no entry does not wait for it

        for message in self._socket.dump():
            version = message["nfgen_family"]
            if version != AF[self._family] or not (message.get_attr("CTA_STATUS") or 0) & _SRC_NAT:
                continue
            original, reply = (
                NFCTAttrTuple.from_netlink(version, message.get_attr(f"CTA_TUPLE_{way}"))
                for way in ("ORIG", "REPLY")
            )
            source, destination, given = map(as_address, (original.saddr, original.daddr, reply.daddr))
            yield Connection(source, destination, given, original.proto), original

    def forget(self, given: Collection[Address], stays: Callable[[Connection], bool]) -> int:
        """Delete the connections that go out with one of the addresses *given*, unless one *stays*; answer how many.

        Raises Denied when only root may, Unavailable when the kernel refuses. No connection tracking is no error.
        """
        count = 0
        try:
            for connection, entry in list(self.rewritten()):
                if connection.given in given and not stays(connection):
                    count += self._delete(entry)
        except Exception as error:
            code = getattr(error, "code", None) or getattr(error, "errno", None)
            if code in _ABSENT:
                return count
            if code in (errno.EPERM, errno.EACCES):
                raise Denied("connection tracking: only root may see it") from error
            raise Unavailable(f"connection tracking: {error}") from error
        return count

    def _delete(self, entry: Any) -> bool:
        try:
            self._socket.entry("del", tuple_orig=entry)
        except Exception as error:
            if getattr(error, "code", None) == errno.ENOENT:  # it ended by itself meanwhile
                return False
            raise
        return True


_ABSENT = frozenset((errno.ENOENT, errno.EOPNOTSUPP, errno.EPROTONOSUPPORT, errno.EINVAL))
"""What netlink says of a subsystem that this kernel does not have, or has not loaded."""


def forget(
    family: Family, given: Collection[Address], stays: Callable[[Connection], bool] = lambda _: False
) -> int:
    """Delete the connections of *family* that go out with one of the addresses *given*, unless one *stays*.

    Answers how many.
    """
    if not given:
        return 0
    try:
        conntrack = Conntrack(family)
    except Exception as error:
        if (getattr(error, "code", None) or getattr(error, "errno", None)) in _ABSENT:
            return 0
        raise Unavailable(f"connection tracking: {error}") from error
    try:
        return conntrack.forget(given, stays)
    finally:
        conntrack.close()
