"""The routing tables that lvsctl has for itself: are there enough, and does nobody else use them."""

from collections.abc import Iterator
from typing import Final

from lvsctl.compose.return_paths import intended
from lvsctl.doctor.model import DIRECTOR, ERROR, Found, Machine, check
from lvsctl.net.model import PROTO
from lvsctl.returnpath.intent import FORWARDED_WAY_PRIORITY, LAN_PRIORITY
from lvsctl.spec.return_paths import FIRST_TABLE, LAST_TABLE
from lvsctl.spec.uplinks import FIRST_TABLE as FIRST_UPLINK
from lvsctl.spec.uplinks import LAST_TABLE as LAST_UPLINK
from lvsctl.vocabulary import Family

KEEPALIVED: Final = 18
"""The routing protocol number of keepalived's routes and rules (rt_protos): those of return paths that VRRP owns."""


@check(
    "LVD418",
    ERROR,
    "More ways than routing tables",
    why=f"Return paths have the tables {FIRST_TABLE} to {LAST_TABLE}: what is beyond is neither recognised as lvsctl's nor taken away again, and from {FIRST_UPLINK} on it is an uplink's.",
    remedy="Let addresses with the same gateway share a way; each gateway on an interface needs one table.",
    roles=DIRECTOR,
    needs_spec=True,
)
def too_many(machine: Machine) -> Iterator[Found]:
    """The tables that the spec's return paths come to. More than 100 uplinks are refused with the spec; rules need no number of their own, they share four priorities."""
    beyond = {
        each.table for each in intended(machine.spec).paths if not FIRST_TABLE <= each.table <= LAST_TABLE
    }
    if beyond:
        yield Found(
            "return_paths",
            f"they need {len({each.table for each in intended(machine.spec).paths})} tables, there are {LAST_TABLE - FIRST_TABLE + 1}; table {min(beyond)} is beyond",
            "give addresses with the same gateway the same `table`, or return_paths only where the main table is wrong",
        )


@check(
    "LVD419",
    ERROR,
    "Somebody else's routes in lvsctl's tables",
    why=f"lvsctl keeps return paths in the tables {FIRST_TABLE} to {LAST_TABLE}, uplinks in {FIRST_UPLINK} to {LAST_UPLINK}, and its rules at priorities {LAN_PRIORITY} to {FORWARDED_WAY_PRIORITY}: a route or rule of another program there changes the way of an address, and lvsctl leaves alone what is not its own.",
    remedy="Move the other program's routes to another table, and its rules to another priority.",
    roles=DIRECTOR,
    needs_spec=True,
)
def shared(machine: Machine) -> Iterator[Found]:
    """Routes in those tables, and rules with those priorities, that are neither lvsctl's nor keepalived's; where the spec has return paths or uplinks."""
    spec = machine.spec
    if not spec.return_paths and spec.uplinks is None:
        return
    named = {path.table for path in intended(spec).paths}
    for family in Family:
        for route in machine.host.routes(family):
            reserved = route.table in named or (
                FIRST_UPLINK <= route.table <= LAST_UPLINK and spec.uplinks is not None
            )
            if reserved and route.proto not in {PROTO, KEEPALIVED}:
                yield Found(
                    f"table {route.table}",
                    f"it has {route}",
                    f"ip {'-6 ' * (family is Family.INET6)}route del {route}",
                )
        for rule in machine.host.rules(family):
            if LAN_PRIORITY <= rule.priority <= FORWARDED_WAY_PRIORITY and rule.proto not in {
                PROTO,
                KEEPALIVED,
            }:
                yield Found(
                    f"priority {rule.priority}",
                    f"it has {rule}",
                    f"ip {'-6 ' * (family is Family.INET6)}rule del {rule}",
                )
