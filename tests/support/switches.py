"""Who switches in the loss matrix: lvsctl in its kernel way, and the recipe of the seed to compare with."""

import time

from lvsctl.ipvs import Family, ServiceKey
from lvsctl.sorry import swap
from lvsctl.sorry.lingering import SETTLE, reap
from lvsctl.sorry.model import Hold, Holder, Target
from lvsctl.sorry.node import this_node
from tests.support.matrix import SORRY_DEST, ipvsadm
from tests.support.sorry_topology import Place


class KernelWay:
    """`lvsctl sorry on` and `off` where nobody owns the service."""

    def on(self, place: Place) -> None:
        target = Target(place.key, str(place.key), place.sorry, SORRY_DEST)
        with this_node() as node:
            swap.on(node, [target], Holder.OPERATOR, Hold(time.time()))

    def off(self, place: Place) -> None:
        with this_node() as node:
            swap.off(node, [place.key], Holder.OPERATOR, wait=0)

    def is_done(self, place: Place) -> bool:
        with this_node() as node:
            # All visitors have gone when this is asked: no handshake is under way for which it would have to wait.
            settled = node._replace(now=lambda: time.time() + SETTLE)
            return all(outcome.phase is None for outcome in reap(settled, [place.key]))


class SeedRecipe:
    """What people do by hand: one ipvsadm per real server, then one for the sorry server; and back the kind way.

    Kinder than the page that it is from: the sorry server is where IPVS reaches it, and is last to go.
    """

    def __init__(self) -> None:
        self._reals: list[list[str]] = []

    def on(self, place: Place) -> None:
        rules = [line.split() for line in ipvsadm("-Sn").splitlines()]
        service = _named(place.key)
        self._reals = [
            rule[1:] for rule in rules if rule[0] == "-a" and rule[1 : 1 + len(service)] == service
        ]
        for real in self._reals:
            ipvsadm("-d", *real[: real.index("-r") + 2])
        ipvsadm("-a", *service, "-r", str(place.sorry), "-m")

    def off(self, place: Place) -> None:
        for real in self._reals:
            ipvsadm("-a", *real)
        ipvsadm("-d", *_named(place.key), "-r", str(place.sorry))

    def is_done(self, place: Place) -> bool:
        return str(place.sorry) not in ipvsadm("-Sn")


def _named(key: ServiceKey) -> list[str]:
    """Name a service as ipvsadm writes it."""
    if not key.mark:
        return ["-t", str(key).partition("/")[2]]
    return ["-f", str(key.mark), *(["-6"] if key.family is Family.INET6 else [])]
