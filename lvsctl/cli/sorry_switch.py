"""``lvsctl sorry on`` and ``off``: what was asked for, checked before anything changes, then done and told."""

import os
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from lvsctl.cli.output import print_json, say
from lvsctl.cli.sorry_options import GRACE
from lvsctl.errors import LvsctlError, Unavailable, Usage

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lvsctl.cli.sorry_services import Known, Subject
    from lvsctl.sorry.model import Hold, Holder, Outcome
    from lvsctl.sorry.node import Node
    from lvsctl.sorry.ways import Ways

LONGEST_REASON = 500
LEFT = 2
"""Exit code when real servers still had connections after --timeout."""
INTERRUPTED = 130
"""Exit code when somebody did not want to wait for connections any longer."""
LONGEST_WAIT = 86400.0
"""Seconds that the other director may wait when it was told to wait for as long as it takes."""


class Asked(NamedTuple):
    """The options that `on` and `off` share."""

    services: tuple[str, ...]
    every: bool
    spec: str | None
    node: str
    holder: str
    netns: str | None
    force: bool
    pair: bool
    peer: str | None
    grace: float
    dry_run: bool
    json: bool
    quiet: bool


class More(NamedTuple):
    """The options of `on` alone."""

    sorry: str | None
    method: str
    reason: str
    period: str | None
    wait: bool
    timeout: float
    cut: bool
    guard: bool
    set_sysctl: bool


def on(asked: Asked, more: More) -> int:
    """Switch on and answer the exit code."""
    from lvsctl.cli import sorry_services
    from lvsctl.sorry.node import this_node

    if more.guard and (asked.pair or asked.dry_run):
        raise Usage("--guard stays here: leave out --pair and --dry-run")
    who, why = holder(asked.holder), promised(asked, more, now=time.time())
    what = sorry_services.known(asked.spec, asked.node, set_sysctl=more.set_sysctl)
    chosen = sorry_services.to_switch_on(
        what,
        sorry_services.remembered(asked.netns).snapshots,
        asked.services,
        every=asked.every,
        sorry=more.sorry,
        method=more.method,
        set_sysctl=more.set_sysctl,
    )
    with this_node(netns=asked.netns) as node:
        node.ipvs.info()  # whoever may not is told so before anything is looked at
        answer, code = _switch_on(node, chosen, who, why, asked, more)
        if asked.pair:
            code = _pair("on", *there(asked, more, code), what, answer, code)
        if asked.json:
            print_json(answer)
        if more.guard and code == INTERRUPTED:
            say("nobody watches the sorry: lvsctl sorry off ends it", quiet=asked.quiet)
        elif more.guard:
            from lvsctl.cli.sorry_guard import guarded

            guarded(node, [each.key for each in chosen], netns=asked.netns, quiet=asked.quiet)
    return code


def off(asked: Asked) -> int:
    """Switch off and answer the exit code."""
    from lvsctl.cli import sorry_services

    who = holder(asked.holder)
    what = sorry_services.known(asked.spec, asked.node, needed=False)
    before = sorry_services.remembered(asked.netns)
    everything = sorry_services.subjects(what, before.snapshots)
    chosen = sorry_services.selected(everything, asked.services, every=asked.every, more=what.services)
    if asked.every:
        chosen = [each for each in chosen if each.snapshot or _was_on(each)]
    answer: dict[str, Any] = {"services": []}
    failure: LvsctlError | None = None
    code = 0 if before.whole or not asked.every else LvsctlError.exit_code
    try:
        code = _switch_off(chosen, who, asked, answer) or code
    except LvsctlError as error:
        if not asked.pair:
            raise
        failure = error  # the other director is told nevertheless: off is what both shall be
    if asked.pair:
        code = _pair("off", *there(asked, None, code), what, answer, code)
    if asked.json:
        print_json(answer)
    if failure:
        raise failure
    return code


def _switch_on(
    node: "Node", chosen: "Sequence[Subject]", who: "Holder", why: "Hold", asked: Asked, more: More
) -> tuple[dict[str, Any], int]:
    from lvsctl.cli.sorry_patience import drained, granted, unbroken, untouched
    from lvsctl.cli.sorry_tell import outcomes
    from lvsctl.sorry import owner, ways

    with untouched():
        wishes = [ways.Wish(each.candidate.target, each.owner) for each in chosen if each.candidate]
        which = ways.by_owner(wishes, owner.look(netns=asked.netns), guarded=more.guard, cut=more.cut)
        preflight(chosen, netns=asked.netns, probe=not asked.force, quiet=asked.quiet)
        warned(which, quiet=asked.quiet)
    left = 0
    with unbroken(quiet=asked.quiet) as wish:
        with granted(asked, wish, more) as grace:
            done = ways.on(node, which, who, why, cut=more.cut, dry_run=asked.dry_run, grace=grace)
        done = tuple(named(done, chosen))
        outcomes(done, wanted="on", were=(), dry_run=asked.dry_run, quiet=asked.quiet, steps=not asked.json)
        if more.wait and not asked.dry_run:
            targets = [each.target for each in wishes]
            left = drained(node, targets, wish, timeout=more.timeout, quiet=asked.quiet)
            rest = f"{left} connection{'s' if left > 1 else ''} left" if left else "no connections"
            say(f"the real servers have {rest}", quiet=asked.quiet)
    return document(done), INTERRUPTED if wish() else LEFT if left else 0


def _switch_off(chosen: "Sequence[Subject]", who: "Holder", asked: Asked, answer: dict[str, Any]) -> int:
    from lvsctl.cli.sorry_patience import granted, unbroken
    from lvsctl.cli.sorry_tell import outcomes
    from lvsctl.sorry import owner, ways
    from lvsctl.sorry.node import this_node

    if not chosen:
        say("no sorry is known to be on", quiet=asked.quiet)
        return 0
    were = {each.key for each in chosen if _was_on(each)}
    with this_node(netns=asked.netns) as node:
        node.ipvs.info()
        owners = owner.look(netns=asked.netns)
        with unbroken(quiet=asked.quiet) as wish:
            with granted(asked, wish) as grace:
                done = ways.off(
                    node,
                    [each.key for each in chosen],
                    owners,
                    who,
                    targets={each.key: each.candidate.target for each in chosen if each.candidate},
                    force=asked.force,
                    dry_run=asked.dry_run,
                    grace=grace,
                )
            found, dry_run = named(done, chosen), asked.dry_run
            outcomes(found, wanted="off", were=were, dry_run=dry_run, quiet=asked.quiet, steps=not asked.json)
    answer |= document(found)
    return INTERRUPTED if wish() else 0


def _was_on(each: "Subject") -> bool:
    """Answer whether a sorry is on: there is a snapshot, or a maintenance file that outlived it."""
    from lvsctl.sorry import maintenance
    from lvsctl.sorry.model import Phase

    if each.snapshot is not None or each.owner != "keepalived":
        return each.snapshot is not None and each.snapshot.phase is not Phase.LINGERING
    try:
        return maintenance.read(maintenance.file_of(each.name))
    except LvsctlError:
        return True


def there(asked: Asked, more: More | None, code: int) -> tuple[Asked, More | None]:
    """Answer what the other director is told: as we were, but not to wait where somebody did not want to."""
    if code != INTERRUPTED:
        return asked, more
    return asked._replace(grace=0.0), more and more._replace(wait=False)


def _pair(
    verb: str, asked: Asked, more: More | None, what: "Known", answer: dict[str, Any], code: int
) -> int:
    from lvsctl.cli.sorry_pair import also_there

    words = _words(asked) if more is None else _words_on(asked, more)
    timeout = asked.grace + ((more.timeout or LONGEST_WAIT) if more and more.wait else 0.0)
    return also_there(
        verb, words, what, answer, code, spec=asked.spec, peer=asked.peer, timeout=timeout, quiet=asked.quiet
    )


def _words(asked: Asked) -> list[str]:
    """Answer the shared options and the services as words for the other director; its node and spec are its own."""
    flags = {"--force": asked.force, "--dry-run": asked.dry_run, "--all": asked.every}
    words = [flag for flag, given in flags.items() if given]
    words += [f"--grace={asked.grace:g}"] if asked.grace != GRACE else []
    return [*words, "--as", asked.holder, "--", *asked.services]


def _words_on(asked: Asked, more: More) -> list[str]:
    flags = {"--wait": more.wait, "--cut": more.cut, "--set-sysctl": more.set_sysctl}
    values = {
        "--sorry": more.sorry,
        "--sorry-method": more.method if more.sorry else None,
        "--reason": more.reason or None,
        "--for": more.period,
        "--timeout": f"{more.timeout:g}" if more.timeout else None,
    }
    words = [flag for flag, given in flags.items() if given]
    # As one word: a reason may begin with a dash.
    return [*words, *(f"{name}={value}" for name, value in values.items() if value), *_words(asked)]


def holder(name: str) -> "Holder":
    """Read ``--as``. Raises Usage."""
    from lvsctl.sorry.model import Holder

    # Overload is the guard's own: its sorry stands beside the real servers.
    allowed = {str(each): each for each in Holder if each is not Holder.OVERLOAD}
    if name.lower() not in allowed:
        raise Usage(f"--as: expected {', '.join(allowed)}, not {name!r}")
    return allowed[name.lower()]


def promised(asked: Asked, more: More, *, now: float) -> "Hold":
    """Answer the hold of whoever runs this. Raises Unavailable when nobody would end it in time."""
    from lvsctl.cli.sorry_options import seconds
    from lvsctl.sorry.heartbeat import agent_is_alive
    from lvsctl.sorry.model import Hold

    if len(more.reason) > LONGEST_REASON:
        raise Usage(f"--reason: expected at most {LONGEST_REASON} characters, not {len(more.reason)}")
    until = None if more.period is None else now + seconds(more.period)
    if until is not None and not more.guard and asked.netns is not None:
        raise Unavailable(
            "--for: the agent keeps time for its own network namespace only, so nobody would switch it off there",
            hint="stay and keep time here: add --guard",
        )
    if until is not None and not more.guard and not agent_is_alive():
        raise Unavailable(
            "--for: the agent does not run, so nobody would switch it off in time",
            hint="start it: systemctl start lvsctl-agent; or stay and keep time here: add --guard",
        )
    return Hold(now, more.reason, until, user(), os.getpid())


def user() -> str:
    """Answer who is at the keyboard: sudo knows better than the system."""
    import pwd

    uid = os.getuid()
    if uid == 0 and (name := os.environ.get("SUDO_USER")):
        return name
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def preflight(chosen: "Iterable[Subject]", *, netns: str | None, probe: bool, quiet: bool) -> None:
    """Look whether the sorry servers would be reached and say 503, where the sorry is not on yet. Raises Refused."""
    from lvsctl.sorry.model import Phase
    from lvsctl.sorry.preflight import Refused, examine

    fresh = [
        each.candidate
        for each in chosen
        if each.candidate and not (each.snapshot and each.snapshot.phase is Phase.ON)
    ]
    if not fresh:
        return
    found = examine(fresh, netns=netns, probe=probe)
    for note in found.notes:
        say(note, quiet=quiet)
    if found.objections:
        raise Refused(found.objections)


def warned(which: "Ways", *, quiet: bool) -> None:
    """Say what a guard cannot promise."""
    for owner in which.unasked:
        say(
            f"{owner.server.name}: behind the back of keepalived (process {owner.daemon.parent.pid}), while this guard runs; "
            "`lvsctl sorry on` without --guard says which lines make it last",
            quiet=quiet,
        )


def document(done: "Iterable[Outcome]") -> dict[str, Any]:
    """Answer what was done as JSON has it."""
    from lvsctl.cli.sorry_tell import outcome_document

    return {"services": [dict(outcome_document(each)) for each in done]}


def named(done: "Iterable[Outcome]", chosen: "Sequence[Subject]") -> "list[Outcome]":
    """Answer outcomes with the names of the spec, where a snapshot did not know them."""
    names = {each.key: each.name for each in chosen}
    return [each._replace(name=names.get(each.key, each.name)) for each in done]
