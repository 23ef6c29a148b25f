"""Reads and changes the links, addresses, routes and rules of a network namespace, through pyroute2's sockets.

One short-lived socket per :class:`Net`; opening costs 0.3 ms. pyroute2 is loaded when the first one is opened.
"""

import errno
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from types import TracebackType
from typing import Any, Self

from lvsctl.errors import Busy, Denied, LvsctlError, Unavailable
from lvsctl.host.netns import inside
from lvsctl.net import codec
from lvsctl.net.model import HostAddress, Link, Lookup, Route, Rule, Way
from lvsctl.vocabulary import Family


class NoRoute(LvsctlError):
    """The kernel has no way for such a packet: it would be dropped, or refused."""


class NoLink(Unavailable):
    """There is no such interface."""


class Net:
    """A network namespace: this process's own, or the one named *netns* (``ip netns``).

    Not for a thread in which an event loop runs: pyroute2 waits with one of its own.
    Raises Denied when only root may, Unavailable for what is not there, Busy when the kernel asks to come again.
    """

    def __init__(self, netns: str | None = None) -> None:
        from pyroute2 import IPRoute  # noqa: PLC0415 - 120 ms that only those pay who touch the network

        with _translated("netlink"):
            # strict_check: the kernel filters by table, instead of us. Not pyroute2's netns=, which makes a namespace
            # that is not there; and it opens its own socket late and per thread, so it gets one that is open.
            place = {} if netns is None else {"fileno": inside(netns, _open)}
            self._route = IPRoute(strict_check=True, **place)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the socket."""
        self._route.close()

    # --- reading

    def links(self) -> dict[str, Link]:
        """Answer every link by its name, and learn the names anew."""
        with _translated("links"):
            found = [codec.link(message) for message in self._route.get_links()]
        self.__dict__["_names"] = {each.index: each.name for each in found}
        return {each.name: each for each in found}

    def addresses(self) -> list[HostAddress]:
        """Answer every address of the host."""
        with _translated("addresses"):
            messages = list(self._route.get_addr())
        self._learn(message["index"] for message in messages)
        return [codec.host_address(message, self._names) for message in messages]

    def routes(self, family: Family, table: int | None = None, *, proto: int | None = None) -> list[Route]:
        """Answer the routes of one table, or of all, and of one ``proto``, or of all; without the clones that exceptions leave."""
        asked = {"table": table, "proto": proto}
        wanted = {name: value for name, value in asked.items() if value is not None}
        with _translated("routes"):
            try:
                messages = list(self._route.get_routes(family=codec.AF[family], **wanted))
            except Exception as error:
                if getattr(error, "code", None) == errno.ENOENT:  # a table that has never had a route
                    return []
                raise
        whole = [each for each in messages if not each["flags"] & codec.RTM_F_CLONED]
        self._learn(dict(each["attrs"]).get("RTA_OIF", 0) for each in whole)
        return [codec.route(message, self._names) for message in whole]

    def rules(self, family: Family) -> list[Rule]:
        """Answer the rules in the order in which they are asked."""
        with _translated("rules"):
            found = [codec.rule(message) for message in self._route.get_rules(family=codec.AF[family])]
        return sorted(found, key=lambda each: each.priority)

    def way(self, lookup: Lookup) -> Way:
        """Ask which way a packet would go. Raises NoRoute when there is none."""
        keywords = self._placed(lambda indices: codec.asked(lookup, indices))
        try:
            with _translated(f"ip route get {' '.join(lookup.words())}"):
                found = self._route.route("get", flags=codec.match_flags(lookup.dst), **keywords)[0]
                source = self._route.route("get", **keywords)[0]
        except Unavailable as error:
            raise NoRoute(str(error)) from error
        self._learn([dict(found["attrs"]).get("RTA_OIF", 0)])
        return codec.way(found, codec.attributes(source).get("RTA_PREFSRC"), self._names)

    # --- changing

    def replace_route(self, route: Route) -> None:
        """Add *route*, or put it in the place of the one with its destination, table and metric: one step."""
        self._change_route("replace", route)

    def add_route(self, route: Route) -> bool:
        """Add *route*; answer whether it was missing."""
        return _unless(errno.EEXIST, lambda: self._change_route("add", route))

    def delete_route(self, route: Route) -> bool:
        """Delete *route*; answer whether it was there."""
        return _unless(errno.ESRCH, lambda: self._change_route("del", route))

    def add_rule(self, rule: Rule) -> bool:
        """Add *rule*; answer whether it was missing."""
        return _unless(errno.EEXIST, lambda: self._change_rule("add", rule))

    def delete_rule(self, rule: Rule) -> bool:
        """Delete *rule*; answer whether it was there."""
        return _unless(errno.ENOENT, lambda: self._change_rule("del", rule))

    def add_address(self, address: HostAddress) -> bool:
        """Add *address*; answer whether it was missing."""
        return _unless(errno.EEXIST, lambda: self._change_address("add", address))

    def delete_address(self, address: HostAddress) -> bool:
        """Delete *address*; answer whether it was there. With an interface's last one go the routes over it."""
        return _unless(errno.EADDRNOTAVAIL, lambda: self._change_address("del", address))

    def _change_address(self, verb: str, address: HostAddress) -> None:
        keywords = self._placed(lambda indices: codec.of_address(address, indices))
        with _translated(f"ip address {verb} {address}"):
            self._route.addr(verb, **keywords)

    def _change_route(self, verb: str, route: Route) -> None:
        keywords = self._placed(lambda indices: codec.of_route(route, indices))
        with _translated(f"ip route {verb} {route}"):
            self._route.route(verb, **keywords)

    def _change_rule(self, verb: str, rule: Rule) -> None:
        keywords = codec.of_rule(rule)
        with _translated(f"ip -{'6' if rule.family is Family.INET6 else '4'} rule {verb} {rule}"):
            self._route.rule(verb, **keywords)

    # --- names and numbers of links

    @cached_property
    def _names(self) -> Mapping[int, str]:
        return {each.index: each.name for each in self.links().values()}

    def _learn(self, indices: Iterator[int] | list[int]) -> None:
        # A link may have come since the names were read.
        if any(index and index not in self._names for index in indices):
            self.links()

    def _placed(self, make: Callable[[Mapping[str, int]], dict[str, Any]]) -> dict[str, Any]:
        for attempt in range(2):
            try:
                return make({name: index for index, name in self._names.items()})
            except KeyError as error:
                if attempt:
                    raise NoLink(f"there is no interface {error.args[0]}", hint="see: ip link") from None
                self.links()
        raise AssertionError


def _open() -> int:
    return socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, socket.NETLINK_ROUTE).detach()


def _unless(code: int, change: Callable[[], None]) -> bool:
    """Make a change; answer false when the kernel says *code*: it is so already."""
    try:
        change()
    except LvsctlError as error:
        if getattr(error.__cause__, "code", None) == code:
            return False
        raise
    return True


_BUSY = frozenset((errno.EBUSY, errno.EAGAIN, errno.ENOBUFS))
_DENIED = frozenset((errno.EPERM, errno.EACCES))


@contextmanager
def _translated(what: str) -> Iterator[None]:
    """Turn what pyroute2 raises into errors that say what was asked and what the kernel answered."""
    from pyroute2 import NetlinkError  # noqa: PLC0415 - see above

    try:
        yield
    except (NetlinkError, OSError) as error:
        code = getattr(error, "code", None) or getattr(error, "errno", None) or 0
        message = f"{what}: {os.strerror(code) if code else error}"
        if code in _DENIED:
            raise Denied(message, hint="run lvsctl as root") from error
        raise (Busy if code in _BUSY else Unavailable)(message) from error
