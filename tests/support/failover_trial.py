"""One thing that happens to a pair of directors, and what it cost: outage and API calls, lvsctl beside a bare script.

    with pair_trial(pair, "the master's keepalived is killed") as trial:
        rows = trial.part("killed", pair.lb1.kill_keepalived, owner=pair.lb2)

Both ways see the same event at the same moment. A part is over when the address that lvsctl keeps is where it belongs
and the script has had its answer. With ``LVSCTL_ARTIFACTS`` each row ends up in failover-outages.jsonl there, for
:mod:`docs.failover_page`.
"""

import json
import os
import platform
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.fakes.hetzner.journal import Entry
from tests.support.failover_pair import INSTANCE, LVSCTL, SCRIPT, SWITCH, WAYS, Director, Pair, address
from tests.support.hosts import wait_until
from tests.support.outage import PATIENCE, Outage
from tests.support.provider_router import next_hop

WITHIN = 30.0
"""Seconds for lvsctl to have the address where it belongs, on a machine with much else to do."""

GLANCE = 0.1
"""Seconds between two looks of ours: what is looked at runs on the same processor."""


class Row(NamedTuple):
    """What one way made of one part of a trial."""

    trial: str
    part: str
    way: str
    outage: Outage
    gets: int
    posts: int
    begun: int
    """So many of the POSTs began a move."""
    others: int
    """Calls that are neither GET nor POST."""
    after: float | None
    """Seconds from the event to the arrival of the first POST."""
    owner: str
    """Where packets went at the end."""
    seconds: float = 0.0
    """How long the part was watched."""
    masterships: int = 0
    """How often an instance became MASTER meanwhile, on either director: once, unless the lab was short of time."""


class Trial:
    """What happens to the addresses of one trial. Both point at lb1 in the beginning."""

    def __init__(self, pair: Pair, name: str, number: int) -> None:
        self.name = name
        self.ips = {way: address(number, way) for way in WAYS}
        self._pair = pair
        self._visits = {way: pair.client.visit(ip) for way, ip in self.ips.items()}

    def leave(self) -> None:
        """Visit its addresses no more."""
        for each in self._visits.values():
            self._pair.client.leave(each)

    def part(
        self, what: str, do: Callable[[], object], *, owner: Director | None = None, script: bool = False
    ) -> Mapping[str, Row]:
        """Do something, wait until *owner* has lvsctl's address, and answer what both ways made of it.

        With *script*, wait until the script has asked for its address, too, and knows what became of that.
        """
        since, begun, seen = time.monotonic(), self._pair.fake.clock.now(), len(self._pair.fake.journal)
        before = {way: self._masterships(way) for way in WAYS}
        do()
        if owner:
            self.wait(lambda: self._is_kept_by(owner), f"{owner.name} does not get the address")
        if script:
            self.wait(lambda: self._script_has_ended(seen), "the script asks for nothing")
        until = time.monotonic()
        time.sleep(PATIENCE)
        rows = {}
        for way in WAYS:
            row = self._row(what, way, self._visits[way].between(since, until), begun, seen)
            rows[way] = row._replace(
                seconds=round(until - since, 3), masterships=self._masterships(way) - before[way]
            )
        _note(rows)
        return rows

    def calls(self, way: str, after: int = 0) -> list[Entry]:
        """Answer the requests about one way's address, those of the journal's first *after* entries left out."""
        entries = list(self._pair.fake.journal)[after:]
        return [each for each in entries if each.path.endswith(f"/{self.ips[way]}")]

    def has_asked(self, way: str, after: int) -> bool:
        """Answer whether there was a request about one way's address since the journal's first *after* entries."""
        return bool(self.calls(way, after))

    def owner(self, way: str) -> str:
        """Answer the name of the director that packets go to now."""
        failover = self._pair.fake.robot.world.failovers[self.ips[way]]
        hop = next_hop(failover, self._pair.fake.clock.now())
        return next(each.name for each in self._pair.directors if each.target == hop)

    def _masterships(self, way: str) -> int:
        return sum(each.masterships(INSTANCE[way]) for each in self._pair.directors)

    def wait(self, condition: Callable[[], bool], otherwise: str) -> None:
        """Wait until *condition* holds; an AssertionError says what did not happen, and everything there is to read."""
        if not wait_until(condition, WITHIN, GLANCE):
            raise AssertionError(f"{self.name}: {otherwise}\n{self._pair.account()}")

    def _is_kept_by(self, director: Director) -> bool:
        return (
            director.is_master(INSTANCE[LVSCTL])
            and self.owner(LVSCTL) == director.name
            and director.phase(self.ips[LVSCTL]) == "held"
            and self._visits[LVSCTL].last == director.name
        )

    def _script_has_ended(self, seen: int) -> bool:
        posts = [each for each in self.calls(SCRIPT, seen) if each.method == "POST"]
        return bool(posts) and self._pair.fake.clock.now() > posts[-1].at + PATIENCE

    def _row(self, what: str, way: str, outage: Outage, begun: float, seen: int) -> Row:
        calls = self.calls(way, seen)
        posts = [each for each in calls if each.method == "POST"]
        gets = [each for each in calls if each.method == "GET"]
        return Row(
            self.name,
            what,
            way,
            outage,
            gets=len(gets),
            posts=len(posts),
            begun=sum(each.begun for each in posts),
            others=len(calls) - len(gets) - len(posts),
            after=round(posts[0].t - begun, 3) if posts else None,
            owner=self.owner(way),
        )


@contextmanager
def pair_trial(pair: Pair, name: str, *, api: bool = True) -> Iterator[Trial]:
    """Begin a trial with new addresses at lb1, once lb1 is MASTER of both instances.

    Without *api* nothing waits until lb1's agent has seen its address.
    """
    number = pair.next_trial()
    ready = wait_until(
        lambda: all(pair.lb1.is_master(each) and not pair.lb2.is_master(each) for each in INSTANCE.values()),
        WITHIN,
        GLANCE,
    )
    assert ready, f"{name}: lb1 does not become master\n{pair.account()}"
    pair.take_up(number)
    trial = Trial(pair, name, number)
    for each in pair.directors:
        each.reload_agent()
    wanted = "held" if api else "seeking"
    taken = wait_until(lambda: pair.lb1.phase(trial.ips[LVSCTL]) == wanted, WITHIN, GLANCE)
    assert taken, f"{name}: lb1's agent does not take up its address\n{pair.account()}"
    try:
        yield trial
    finally:
        trial.leave()


def _note(rows: Mapping[str, Row]) -> None:
    """Leave lines for the table in the docs, where somebody asked for it."""
    if folder := os.environ.get("LVSCTL_ARTIFACTS"):
        with Path(folder, "failover-outages.jsonl").open("a") as file:
            for row in rows.values():
                line = {**row._asdict(), "outage": row.outage._asdict()}
                file.write(json.dumps({**line, "kernel": platform.release(), "switch": SWITCH}) + "\n")
