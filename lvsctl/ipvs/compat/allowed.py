"""Which options ipvsadm takes with which command."""

from collections.abc import Collection
from typing import Final

from lvsctl.errors import Usage

_SERVICE: Final = frozenset(
    {"service-address", "scheduler", "persistent", "netmask", "ops", "pe", "sched-flags"}
)
_TUNNEL: Final = frozenset({"tun-type", "tun-port", "tun-nocsum", "tun-csum", "tun-remcsum", "tun-flags"})
_SERVER: Final = frozenset(
    {"service-address", "real-server", "forwarding-method", "weight", "u-threshold", "l-threshold"}
)
_TITLES: Final = frozenset(
    {"stats", "rate", "thresholds", "persistent-conn", "nosort", "exact", "tun-info", "numeric"}
)
_LISTED: Final = frozenset({"connection", "service-address", "timeout", "daemon"})
_DAEMON: Final = frozenset(
    {"mcast-interface", "syncid", "mcast-group", "mcast-port", "mcast-ttl", "sync-maxlen"}
)

OPTIONS: Final = {
    "add-service": _SERVICE,
    "edit-service": _SERVICE,
    "delete-service": frozenset({"service-address"}),
    "clear": frozenset[str](),
    "list": _TITLES | _LISTED,
    "add-server": _SERVER | _TUNNEL,
    "edit-server": _SERVER | _TUNNEL,
    "delete-server": frozenset({"service-address", "real-server"}),
    "set": frozenset[str](),
    "start-daemon": _DAEMON,
    "stop-daemon": frozenset({"syncid"}),
    "restore": frozenset[str](),
    "save": frozenset({"numeric"}),
    "zero": frozenset({"service-address"}),
}
"""What each command takes. Several spellings are one option here: -t, -u and -f are the service-address."""

_NEEDED: Final = {
    "add-service": ("service-address",),
    "edit-service": ("service-address",),
    "delete-service": ("service-address",),
    "add-server": ("service-address", "real-server"),
    "edit-server": ("service-address", "real-server"),
    "delete-server": ("service-address", "real-server"),
}
_CHECKSUMS: Final = ("tun-nocsum", "tun-csum", "tun-remcsum")
_TUNNEL_OPTIONS: Final = {
    "ipip": frozenset[str](),
    "gue": frozenset({"tun-port", *_CHECKSUMS, "tun-flags"}),
    "gre": frozenset({"tun-nocsum", "tun-csum", "tun-flags"}),
}


def check(command: str, given: Collection[str]) -> None:
    """Refuse options that *command* does not take, and a command without one that it needs. Raises Usage."""
    for option in given:
        if option not in OPTIONS[command]:
            raise Usage(f"{command} does not take the option {option}")
    for option in _NEEDED.get(command, ()):
        if option not in given:
            raise Usage(f"{command} needs the option {option}")
    if command == "list":
        _at_most_one(command, [option for option in given if option in _LISTED])
        _check_list(given)


def check_tunnel(kind: str, given: Collection[str], *, tunnelled: bool) -> None:
    """Refuse tunnel options that the forwarding method or the tunnel type has no use for. Raises Usage."""
    wanted = [option for option in given if option in _TUNNEL]
    if not tunnelled:
        if wanted:
            raise Usage(f"{wanted[0]} is for tunnels: the forwarding method is not -i")
        return
    for option in wanted:
        if option != "tun-type" and option not in _TUNNEL_OPTIONS[kind]:
            raise Usage(f"a tunnel of type {kind} does not take the option {option}")
    if kind == "gue" and "tun-port" not in given:
        raise Usage("a tunnel of type gue needs the option tun-port")
    _at_most_one(f"a tunnel of type {kind}", [option for option in _CHECKSUMS if option in given])


def _check_list(given: Collection[str]) -> None:
    plain = {"stats", "rate", "thresholds"}
    if {"timeout", "daemon"} & set(given):
        plain = plain | {"persistent-conn"}
    elif "connection" not in given:
        return
    if clash := plain & set(given):
        raise Usage(f"list: {min(clash)} does not go with what is listed")


def _at_most_one(what: str, options: list[str]) -> None:
    if len(options) > 1:
        raise Usage(f"{what}: {options[0]} and {options[1]} exclude each other")
