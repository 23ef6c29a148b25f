"""Put a new configuration in the place of the running one, and take it back when keepalived does not cope.

The order matters: judge, then replace the file by a rename (keepalived takes an absent file for an empty
configuration and drops every address), then SIGHUP, then look whether it really runs with the new file. What
counts as running with it is decided in :mod:`lvsctl.keepalived.running`, on what was seen; here are the effects.
"""

import os
import signal
import time
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from lvsctl.errors import LvsctlError
from lvsctl.host.files import refused, write_atomic
from lvsctl.keepalived.account import account, held
from lvsctl.keepalived.inventory import Inventory
from lvsctl.keepalived.judge import Unverified, Valid, Verdict, objections
from lvsctl.keepalived.obstacles import obstacles
from lvsctl.keepalived.process import Ambiguous, Daemon, children, find, is_alive, tell
from lvsctl.keepalived.running import Seen, Wanted, shortcoming


class Outcome(Enum):
    """How an installation ended."""

    UNCHANGED = "keepalived already runs with this"
    NOT_RUNNING = "installed, and keepalived is not running"
    RELOADED = "installed, and keepalived runs with it"
    REFUSED = "not installed"
    ROLLED_BACK = "taken back: keepalived runs with the previous file again"
    BROKEN = "keepalived runs neither with the new file nor with the previous one"


class Reloaded(NamedTuple):
    """What became of a new configuration."""

    outcome: Outcome
    detail: str
    """What was seen, for the operator; empty when there is nothing to add."""
    verdict: Verdict


def install_and_reload(
    text: str,
    path: Path,
    *,
    validate: Callable[[str], Verdict],
    inventory: Inventory | None = None,
    mode: int = 0o644,
    accept_unverified: bool = False,
    timeout: float = 15.0,
) -> Reloaded:
    """Judge *text*, put it at *path*, reload the keepalived that reads *path*; take it back if that fails.

    *inventory* is what the text makes keepalived work on (:func:`lvsctl.keepalived.inventory.configured`); the
    previous file stays beside the new one as ``NAME.previous``. *timeout* is for each of the reload and the
    way back. Raises Denied or Unavailable before anything is changed, Ambiguous when several keepalived read
    the file.
    """
    verdict = validate(text)
    if not (isinstance(verdict, Valid) or (accept_unverified and isinstance(verdict, Unverified))):
        return Reloaded(Outcome.REFUSED, "\n".join(objections(verdict)), verdict)
    daemon = find(path)
    if daemon is None:
        write_atomic(path, text, mode=mode, keep_previous=True)
        return Reloaded(Outcome.NOT_RUNNING, "it reads the file when it is started", verdict)
    before, previous = _look(daemon), _previous(path)
    wanted = Wanted(text, inventory if before.account is not None else None)
    if previous.text == text and not shortcoming(before, wanted):
        return Reloaded(Outcome.UNCHANGED, "", verdict)
    ipvs = bool(inventory and inventory.virtual_servers)
    if said := obstacles(daemon, path, text, before.copy, ipvs=ipvs):
        return Reloaded(Outcome.REFUSED, "\n".join(said), verdict)
    write_atomic(path, text, mode=mode, keep_previous=True)
    if not (failure := _reload(daemon, wanted, timeout)):
        return Reloaded(Outcome.RELOADED, "" if wanted.inventory else UNASKED, verdict)
    outcome, detail = _take_back(daemon, path, previous, before, timeout)
    return Reloaded(outcome, f"{failure}; {detail}", verdict)


UNASKED = "what it works on could not be compared"


class Previous(NamedTuple):
    """The file that was replaced."""

    text: str | None
    mode: int = 0


def _previous(path: Path) -> Previous:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode & 0o777
            return Previous(file.read().decode("utf-8", "surrogateescape"), mode)
    except FileNotFoundError:
        return Previous(None)
    except OSError as error:
        raise refused(path, error) from error


ANSWER = 5.0
"""Seconds within which a keepalived writes its dumps; 1,000 virtual servers take a fraction of one."""


def _look(daemon: Daemon) -> Seen:
    """Look at *daemon*, and ask it what it works on."""
    told = account(daemon, timeout=ANSWER)
    return _glance(daemon)._replace(account="\n".join(told.values()) if told else None)


def _glance(daemon: Daemon) -> Seen:
    """Look at *daemon* without asking it anything: every question is a line in its log."""
    alive = is_alive(daemon.parent)
    return Seen(alive, children(daemon), held(daemon)) if alive else Seen(alive)


SETTLED = 0.5
"""Seconds for which everything has to stay well: a child that dies while reloading is started again at once."""

POLL = 0.1
"""Seconds between two looks."""


def _reload(daemon: Daemon, wanted: Wanted, timeout: float) -> str:
    """Make *daemon* read its file again, and say what it lacks in the end; the empty string is success."""
    tell(daemon, signal.SIGHUP)
    return _await(daemon, wanted, time.monotonic() + timeout)


def _await(daemon: Daemon, wanted: Wanted, deadline: float) -> str:
    """Wait until *daemon* runs with *wanted* and keeps doing so, and say what it lacks if it never does."""
    failure = ""
    while time.monotonic() < deadline:
        glance = _glance(daemon)
        failure = shortcoming(glance, wanted._replace(inventory=None))
        if not glance.alive:
            break
        if not failure:
            first = _look(daemon)
            time.sleep(SETTLED)
            last = _look(daemon)
            failure = shortcoming(first, wanted) or shortcoming(last, wanted)
            if not failure and first.children == last.children:
                return ""
        time.sleep(POLL)
    return failure or "its processes do not stay alive"


def _take_back(
    daemon: Daemon, path: Path, previous: Previous, before: Seen, timeout: float
) -> tuple[Outcome, str]:
    if previous.text is None:
        return Outcome.BROKEN, "there is no previous file to go back to"
    try:
        write_atomic(path, previous.text, mode=previous.mode)
    except LvsctlError as error:
        return Outcome.BROKEN, f"the previous file cannot be put back: {error}"
    inventory = before.inventory if not shortcoming(before, Wanted(previous.text)) else None
    deadline = time.monotonic() + timeout
    if is_alive(daemon.parent):
        failure = _reload(daemon, Wanted(previous.text, inventory), timeout)
        if failure:
            return Outcome.BROKEN, f"the previous file is back, and with it {failure}"
        return Outcome.ROLLED_BACK, "the previous file is back"
    failure = "nothing has started keepalived again"
    while time.monotonic() < deadline:
        try:
            started = find(path)
        except Ambiguous as error:  # for a moment the children of the dead one look like daemons of their own
            started, failure = None, str(error)
        if started:
            missing = _await(started, Wanted(previous.text, inventory), deadline)
            if not missing:
                return Outcome.ROLLED_BACK, "its supervisor has started it again, with the previous file"
            failure = f"of the keepalived that was started since: {missing}"
        time.sleep(POLL)
    return Outcome.BROKEN, f"the previous file is back, but {failure}"
