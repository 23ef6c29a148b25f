"""What ``on`` remembers of a service: a new snapshot, or the one that is there. Pure but for what it is handed.

A snapshot outlives what it was made for: a crash, a reboot, an ``off`` whose sorry still lingers. Here it is decided
what it is worth then.
"""

from collections.abc import Mapping
from typing import NamedTuple

from lvsctl.ipvs.model import VirtualServer
from lvsctl.sorry.course import NODEST, TEMPLATES, course, heavy_enough
from lvsctl.sorry.errors import AnotherSorry, AnotherWay
from lvsctl.sorry.holding import Holders
from lvsctl.sorry.model import Holder, Phase, Removal, Snapshot, Target, Way
from lvsctl.sorry.overload import without_sorry
from lvsctl.sorry.plan import settled
from lvsctl.sorry.switch import Switch


class Circumstances(NamedTuple):
    """What holds for every service of one call."""

    boot_id: str
    now: float
    lasting: Mapping[str, int]
    """The sysctls, as they are when no swap has changed them."""
    cut: bool = False


class Begun(NamedTuple):
    """A snapshot to work from, and why the swap is done the way it says."""

    snapshot: Snapshot
    reasons: tuple[str, ...] = ()

    def at_once(self) -> "Begun":
        """Answer it for a service whose real servers are deleted without waiting for their connections."""
        return Begun(self.snapshot._replace(removal=Removal.DELETE))


def begin(
    target: Target, actual: VirtualServer, present: Snapshot | None, holders: Holders, at: Circumstances
) -> Begun:
    """Answer the snapshot for switching on the sorry of a service that is *actual* now, *present* being the last one.

    Raises AnotherSorry and AnotherWay.
    """
    if present is not None:
        present = of_this_boot(present, actual, at.boot_id)
    if present is None:
        return fresh(target, actual, holders, at)
    if Holder.OVERLOAD in present.holders:
        return fresh(target, without_sorry(actual, present), holders, at)
    if present.way is not Way.KERNEL:
        raise AnotherWay(present.key, present.way)
    if present.phase is Phase.LINGERING:
        return fresh(target, settled(actual, present), holders, at)
    if present.target.dest_key != target.dest_key:
        raise AnotherSorry(target.key, present.target.dest_key, target.dest_key)
    kept = present._replace(holders=holders, forced=False)
    if at.cut and present.removal is Removal.WEIGHT:
        return _cutting(kept, actual, at)
    return Begun(kept, ("the sorry is on already",))


def begin_with_keepalived(
    switch: Switch, actual: VirtualServer, present: Snapshot | None, holders: Holders, at: Circumstances
) -> Begun:
    """Answer the snapshot for a service that keepalived owns; in the plain form it says how the kernel swaps it first.

    Raises AnotherSorry.
    """
    target, plain = switch.target, switch.removal is Removal.DELETE
    if present is not None and present.target.dest_key != target.dest_key:
        raise AnotherSorry(target.key, present.target.dest_key, target.dest_key)
    if present is not None and Holder.OVERLOAD in present.holders:
        actual, present = without_sorry(actual, present), None
    if present is not None and (present.boot_id != at.boot_id or present.way is not Way.KEEPALIVED):
        present = None
    cuts = at.cut and plain and present is not None and present.removal is Removal.WEIGHT
    if present is not None and present.phase is Phase.ON and not cuts:
        return Begun(present._replace(holders=holders))
    snapshot, reasons = fresh(target, present.before if present else actual, holders, at)
    snapshot = snapshot._replace(way=Way.KEEPALIVED)
    if not plain:
        return Begun(snapshot._replace(removal=switch.removal, service=snapshot.before.service, sysctls={}))
    return Begun(
        snapshot._replace(sysctls={**snapshot.sysctls, **(present.sysctls if present else {})}), reasons
    )


def of_this_boot(snapshot: Snapshot, actual: VirtualServer, boot_id: str) -> Snapshot | None:
    """Answer *snapshot* as it counts in this boot; None when the table is a new one and it says nothing of it.

    A table that was saved while the sorry was on, and restored at boot, still is what the swap made of it.
    """
    if snapshot.boot_id == boot_id:
        return snapshot
    sorry = snapshot.target.dest_key
    before, now = snapshot.before.dests.get(sorry), actual.dests.get(sorry)
    if now is None or not now.weight or (before is not None and before.weight):
        return None
    return snapshot._replace(boot_id=boot_id, sysctls={})


def fresh(target: Target, before: VirtualServer, holders: Holders, at: Circumstances) -> Begun:
    """Answer the snapshot for switching on the sorry of a service that is *before* now, the kernel way."""
    way = course(
        target.key,
        before.service,
        target,
        templates_expire=at.lasting[TEMPLATES] == 1,
        expire_nodest=at.lasting[NODEST] == 1,
        cut=at.cut,
    )
    others = (dest for dest_key, dest in before.dests.items() if dest_key != target.dest_key)
    snapshot = Snapshot(
        key=target.key,
        name=target.name,
        way=Way.KERNEL,
        phase=Phase.SWITCHING_ON,
        target=target._replace(dest=heavy_enough(target.dest, way.service, others)),
        removal=way.removal,
        before=before,
        service=way.service,
        holders=holders,
        boot_id=at.boot_id,
        sysctls={name: at.lasting[name] for name in way.sysctls},
        since=at.now,
    )
    return Begun(snapshot, way.reasons)


def _cutting(snapshot: Snapshot, actual: VirtualServer, at: Circumstances) -> Begun:
    """Answer *snapshot* for a sorry that is on, and shall end the connections, too."""
    way = course(
        snapshot.key,
        snapshot.before.service,
        snapshot.target,
        templates_expire=at.lasting[TEMPLATES] == 1,
        expire_nodest=at.lasting[NODEST] == 1,
        cut=True,
    )
    # Once deleted by us, a real server that others removed could not be told from the rest.
    there = {dest_key: dest for dest_key, dest in snapshot.before.dests.items() if dest_key in actual.dests}
    return Begun(
        snapshot._replace(
            phase=Phase.SWITCHING_ON,
            removal=Removal.DELETE,
            before=snapshot.before._replace(dests=there),
            sysctls={**{name: at.lasting[name] for name in way.sysctls}, **snapshot.sysctls},
        ),
        way.reasons,
    )
