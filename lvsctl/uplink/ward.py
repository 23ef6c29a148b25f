"""How all uplinks are, and which are in use, as samples and news come in. Pure: it does nothing, it says what to do.

One :class:`Ward` holds what changes; :mod:`lvsctl.uplink.health` and :mod:`lvsctl.uplink.choice` decide.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Self

from lvsctl.uplink.choice import Choice, Decision, Forced, decide
from lvsctl.uplink.health import TargetHealth, cut, judged, standing
from lvsctl.uplink.model import Key, Sample, Settings, Standing, Target, Uplink, Verdict
from lvsctl.vocabulary import Family

GOOD = (Verdict.UP, Verdict.UNKNOWN)


class Ward:
    """The uplinks of one node. Times are of one clock, in seconds."""

    def __init__(
        self,
        settings: Settings,
        choices: Mapping[Family, Choice] | None = None,
        standings: Mapping[Key, Standing] | None = None,
        healths: Mapping[Key, Mapping[Target, TargetHealth]] | None = None,
    ) -> None:
        """Begin with what is remembered: an uplink that was down has to prove itself also after a restart."""
        before, known = standings or {}, healths or {}
        self.settings = settings
        self.uplinks = {each.key: each for each in settings.uplinks}
        self.targets: dict[Key, tuple[TargetHealth, ...]] = {
            key: tuple(
                known.get(key, {}).get(target, _remembered(before.get(key))) for target in each.targets
            )
            for key, each in self.uplinks.items()
        }
        self.standings = {key: before.get(key, Standing()) for key in self.uplinks}
        self.choices = {family: (choices or {}).get(family, Choice()) for family in settings.families}

    @classmethod
    def after(cls, former: "Ward", settings: Settings) -> Self:
        """Go on from *former* with other *settings*: what leads the same way is as it was, with every sample.

        An uplink that leads another way now is a new one, about which nothing is known.
        """
        same = former.same(settings)
        standings = {key: former.standings[key] for key in same}
        healths = {
            key: dict(zip(former.uplinks[key].targets, former.targets[key], strict=True)) for key in same
        }
        return cls(settings, former.choices, standings, healths)

    def same(self, settings: Settings) -> set[Key]:
        """Answer which uplinks of *settings* are here and lead the same way."""
        ways = {key: _way(each) for key, each in self.uplinks.items()}
        return {each.key for each in settings.uplinks if ways.get(each.key) == _way(each)}

    # --- what comes in

    def sampled(self, key: Key, samples: Sequence[Sample], now: float) -> bool:
        """Take one sample of each target of an uplink; answer whether that changes how it stands."""
        limits = self.settings.thresholds
        pairs = zip(self.targets[key], samples, strict=True)
        self.targets[key] = tuple(judged(health, sample, limits) for health, sample in pairs)
        return self._stand(key, now)

    def unplugged(self, key: Key, reason: str, now: float) -> None:
        """Take the news that an uplink certainly leads nowhere."""
        limits = self.settings.thresholds
        self.targets[key] = tuple(cut(each, limits, reason) for each in self.targets[key])
        self._stand(key, now)

    def wished(self, forced: Forced | None) -> None:
        """Take an operator's word; it is about every family that has an uplink of that name."""
        for family, choice in self.choices.items():
            own = forced if forced is not None and Key(family, forced.name) in self.uplinks else None
            self.choices[family] = choice._replace(forced=own)

    def _stand(self, key: Key, now: float) -> bool:
        before, limits = self.standings[key], self.settings.thresholds
        after = standing(before, self.targets[key], self.uplinks[key].quorum, limits, now)
        self.standings[key] = after
        return after._replace(reason="") != before._replace(reason="")

    # --- what to do

    def decide(self, now: float) -> Iterator[tuple[Family, Decision]]:
        """Change the uplinks in use where that is due, and yield each change."""
        for family in self.settings.families:
            order = [each.name for each in self.settings.of(family)]
            standings = {name: self.standings[Key(family, name)] for name in order}
            self.choices[family], decision = decide(
                self.choices[family], order, standings, self.settings.damping, now
            )
            if decision is not None:
                yield family, decision

    # --- how it is

    @property
    def active(self) -> dict[Family, str]:
        """The name of the uplink in use, for each family that has one."""
        return {family: each.active for family, each in self.choices.items() if each.active}

    def in_use(self, family: Family) -> Uplink | None:
        """Answer the uplink in use of *family*."""
        return self.uplinks.get(Key(family, self.choices[family].active))

    def is_good(self, key: Key) -> bool:
        """Answer whether an uplink is good, or nothing is known against it."""
        return self.standings[key].verdict in GOOD

    def are_all_down(self, family: Family) -> bool:
        """Answer whether no uplink of *family* is good."""
        return not any(self.is_good(each.key) for each in self.settings.of(family))

    def is_forced_down(self, family: Family) -> bool:
        """Answer whether the one in use is down, and only because an operator said so."""
        choice = self.choices[family]
        return (
            choice.forced is not None and bool(choice.active) and not self.is_good(Key(family, choice.active))
        )

    @property
    def track_value(self) -> int:
        """What the track_file has to say: of the families' values the one furthest from 0."""
        values = [self._track_value(family) for family in self.settings.families]
        return max(values, key=abs, default=0)

    def _track_value(self, family: Family) -> int:
        uplink = self.in_use(family)
        if uplink is None:
            return 0
        return uplink.track_value if self.is_good(uplink.key) else self.settings.track_down


def _way(uplink: Uplink) -> tuple[object, ...]:
    return uplink.interface, uplink.gateway, uplink.source


def _remembered(before: Standing | None) -> TargetHealth:
    verdict = before.verdict if before else Verdict.UNKNOWN
    if verdict is Verdict.UP:
        return TargetHealth(is_up=True)
    if verdict in (Verdict.DOWN, Verdict.RISING):
        return TargetHealth(is_up=False, reason="it was down before the restart")
    return TargetHealth()
