"""What outlives the process: which uplink is in use and how each was, and what an operator wants.

Three small files, each with one writer. *state* is written by whoever keeps the uplinks, at every change, and survives
a reboot: a restart changes no uplink. *wish* is written by ``uplink use`` and ``uplink auto``. *status* is for whoever
asks; it is on /run and has a heartbeat. Times in files are the wall clock's.
"""

import json
import math
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

from lvsctl.errors import Busy, LvsctlError
from lvsctl.host.files import make_folder, read_text, refused, write_atomic
from lvsctl.host.lock import locked
from lvsctl.host.paths import run_folder, state_folder
from lvsctl.uplink.choice import Choice, Forced
from lvsctl.uplink.model import Key, Standing, Verdict
from lvsctl.uplink.report import FAMILY, FORCED, TARGET, UPLINK
from lvsctl.vocabulary import Family

Doc = dict[str, Any]
VERSION: Final = 1
HEARTBEAT: Final = 2.0
"""Seconds between two writings of the status at most."""
STALE: Final = 3 * HEARTBEAT
"""Age from which a status says that nobody keeps the uplinks any more."""


class Memory(NamedTuple):
    """What is known from before."""

    choices: Mapping[Family, Choice] = {}
    standings: Mapping[Key, Standing] = {}

    def of(self, keys: Collection[Key]) -> "Memory":
        """Answer the same with the standings of *keys* alone."""
        return self._replace(standings={key: each for key, each in self.standings.items() if key in keys})


class Wish(NamedTuple):
    """What an operator wants to be used; it is about every family that has an uplink of this name."""

    name: str
    until: float | None = None
    """Seconds since 1970; None: until it is taken back."""

    def forced(self, wall: float, now: float) -> Forced | None:
        """Answer it in the times of another clock that is at *now* while the wall's is at *wall*."""
        if self.until is None:
            return Forced(self.name)
        return Forced(self.name, now + self.until - wall) if wall < self.until else None


class Files:
    """Where the files are: of this namespace, or of *netns*."""

    def __init__(self, netns: str | None = None) -> None:
        name = "uplink" if netns is None else f"uplink@{netns.replace('/', '_')}"
        self.state = state_folder() / name / "state.json"
        self.wish = state_folder() / name / "wish.json"
        self.status = run_folder() / f"{name}.json"
        self.lock = run_folder() / "locks" / f"{name}.lock"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Be the one who keeps the uplinks while the block runs. Raises Busy when somebody else is, Denied, Unavailable."""
        with ExitStack() as held:
            try:
                held.enter_context(locked(self.lock, timeout=0.2))
            except Busy as error:
                message = f"the uplinks are kept already, by the agent or another lvsctl uplink run: {error.message}"
                raise Busy(message, hint=error.hint) from error
            yield

    # --- what is known

    def remember(self, wall: float, now: float) -> Memory:
        """Read the state, with its times on a clock that is at *now*. What cannot be read is as if it were not there."""
        try:
            doc = _read(self.state)
            shift = now - wall
            return Memory(
                {Family(each): _choice(found, shift, now) for each, found in doc["in_use"].items()},
                {_key(each): _standing(found, shift, now) for each, found in doc["uplinks"].items()},
            )
        except (LvsctlError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return Memory()

    def keep(self, memory: Memory, wall: float, now: float) -> None:
        """Write the state. Raises Denied or Unavailable."""
        shift = wall - now
        doc = {
            "in_use": {
                family.value: {"uplink": each.active, "since": each.since + shift}
                for family, each in memory.choices.items()
            },
            "uplinks": {
                f"{key.family}/{key.name}": {"verdict": each.verdict.value, "since": each.since + shift}
                for key, each in memory.standings.items()
            },
        }
        _write(self.state, doc)

    def forget(self) -> None:
        """Remove all files but the lock. Raises Denied or Unavailable."""
        for path in (self.state, self.wish, self.status):
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise refused(path, error) from error

    # --- what is wanted

    def wished(self) -> Wish | None:
        """Read what an operator wants; None when nothing, or when it cannot be read."""
        try:
            doc = _read(self.wish)
            until = doc["until"]
            return Wish(str(doc["uplink"]), None if until is None else _time(until))
        except (LvsctlError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None

    def want(self, wish: Wish | None) -> bool:
        """Write what an operator wants, or that it is nothing; answer whether it is new. Raises Denied or Unavailable."""
        before = self.wished()
        if wish is not None:
            _write(self.wish, {"uplink": wish.name, "until": wish.until})
            return wish != before
        try:
            self.wish.unlink(missing_ok=True)
        except OSError as error:
            raise refused(self.wish, error) from error
        return before is not None

    # --- what is told

    def tell(self, status: Doc) -> str:
        """Write the status, for others; answer why it cannot be written, which stops nothing."""
        try:
            _write(self.status, status, mode=0o644)
        except LvsctlError as error:
            return error.message
        return ""

    def fall_silent(self) -> None:
        """Tell that nobody keeps the uplinks any more."""
        with suppress(OSError):
            self.status.unlink()

    def told(self, wall: float) -> Doc | None:
        """Read the status; None when there is none, or when it is stale."""
        try:
            doc = _read(self.status)
            is_fresh = abs(wall - float(doc["at"])) < STALE
            return doc if is_fresh and _is_status(doc) else None
        except (LvsctlError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None


def _read(path: Path) -> Doc:
    text = read_text(path)
    doc = json.loads(text) if text is not None else {}
    if doc.get("version") != VERSION:
        raise ValueError(f"{path}: not of version {VERSION}")
    return dict(doc)


def _write(path: Path, doc: Doc, *, mode: int = 0o600) -> None:
    make_folder(path.parent)
    write_atomic(path, json.dumps({"version": VERSION, **doc}) + "\n", mode=mode)


def _is_status(doc: Doc) -> bool:
    """Answer whether *doc* has the form that whoever reads it relies on (:mod:`lvsctl.uplink.report`)."""
    families, uplinks = doc["families"].values(), doc["uplinks"]
    targets = [target for each in uplinks for target in each["targets"]]
    forced = [each["forced"] for each in families if each["forced"] is not None]
    wanted = ((FAMILY, families), (UPLINK, uplinks), (TARGET, targets), (FORCED, forced))
    return all(words <= each.keys() for words, some in wanted for each in some)


def _time(seconds: Any) -> float:
    """Answer a time of a file. Raises ValueError for one that is no number, or endless."""
    if not math.isfinite(found := float(seconds)):
        raise ValueError(f"{found} is no time")
    return found


def _choice(doc: Doc, shift: float, now: float) -> Choice:
    return Choice(str(doc["uplink"]), min(now, _time(doc["since"]) + shift))


def _standing(doc: Doc, shift: float, now: float) -> Standing:
    return Standing(Verdict(doc["verdict"]), min(now, _time(doc["since"]) + shift))


def _key(text: str) -> Key:
    family, _, name = text.partition("/")
    return Key(Family(family), name)
