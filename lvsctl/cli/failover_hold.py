"""``lvsctl failover hold`` and ``resume``: a file for each address, and a word to the agent."""

from typing import TYPE_CHECKING

from lvsctl.cli.failover_addresses import address_in, known, why
from lvsctl.cli.output import print_json, say
from lvsctl.errors import LvsctlError, Usage, visible

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lvsctl.cli.failover_options import How, Where
    from lvsctl.failover.observation import FailoverAddress


LONGEST_REASON = 200


def hold(where: "Where", ip: str | None, how: "How", *, reason: str) -> None:
    """Put addresses on hold. Raises Usage, SpecInvalid, Denied or Unavailable."""
    from lvsctl.failover import hold as holds

    check_reason(reason)
    because = reason or "no reason given"
    changed = {}
    for each in _addresses(where, ip):
        anew = holds.held(each) is None or bool(reason)  # a reason that is there is not overwritten by none
        changed[str(each)] = anew if how.dry_run or not anew else holds.hold(each, because)
    if not how.dry_run:
        _tell_agent({"verb": "hold", "ip": ip, "reason": because})
    _answer(changed, "on hold", f"on hold: {because}", how)


def resume(where: "Where", ip: str | None, how: "How") -> None:
    """End the hold on addresses. Raises as :func:`hold`."""
    from lvsctl.failover import hold as holds

    changed = {}
    for each in _addresses(where, ip):
        changed[str(each)] = holds.held(each) is not None if how.dry_run else holds.resume(each)
    if not how.dry_run:
        _tell_agent({"verb": "resume", "ip": ip})
    _answer(changed, "not on hold", "may move again", how)


def check_reason(reason: str) -> None:
    """Raise Usage for a reason that is too long to be shown, or does more than be shown."""
    if len(reason) > LONGEST_REASON or not reason.isprintable():
        raise Usage(f"--reason: expected at most {LONGEST_REASON} characters that show")


def _addresses(where: "Where", ip: str | None) -> "tuple[FailoverAddress, ...]":
    try:
        return tuple(each.ip for each in known(where, ip).entries)
    except Usage:
        raise
    except LvsctlError as error:
        if ip is None:
            raise
        # In an incident a broken spec must not keep anybody from freezing what he can name.
        say(f"lvsctl: {why(error)}\n  the spec cannot be used; {ip} is taken as it is written")
        return (address_in(ip),)


def _tell_agent(request: dict[str, object]) -> None:
    """Wake the agent; the file is what counts, so one that does not listen now sees it by itself."""
    from lvsctl.cli.failover_agent import answer

    try:
        answer(request)
    except LvsctlError as error:
        say(f"lvsctl: the agent was not told, and looks by itself within seconds: {visible(error.message)}")


def _answer(changed: "Mapping[str, bool]", already: str, now: str, how: "How") -> None:
    if how.json:
        print_json({"changed": [ip for ip, anew in changed.items() if anew], "dry_run": how.dry_run})
        return
    for ip, anew in changed.items():
        would = "would be: " if how.dry_run and anew else ""
        say(f"{ip}: {would}{visible(now)}" if anew else f"{ip}: {already} already", quiet=how.quiet)
    say("this is about this node alone", quiet=how.quiet)
