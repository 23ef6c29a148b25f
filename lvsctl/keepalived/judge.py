"""The verdict of the real keepalived about a configuration.

It never answers Valid unless keepalived itself was asked, on a regular file, with everything the configuration
expects of its machine in place, and said nothing at all. Facts about this machine (a script that is missing
here, its permissions, a user) are no part of the verdict: the rules examine them. So the same text gets the
same verdict wherever the same keepalived is installed.
"""

import signal
from typing import NamedTuple

from lvsctl.errors import Unavailable
from lvsctl.host.run import Finished
from lvsctl.keepalived import sandbox
from lvsctl.keepalived.grammar import Version
from lvsctl.keepalived.messages import Message, about_kernel, certain, false_alarm, harmful, messages, unsaid
from lvsctl.keepalived.program import Program, dotted, installed
from lvsctl.keepalived.stand_ins import CONFIG
from lvsctl.keepalived.surroundings import Surroundings


class Valid(NamedTuple):
    """keepalived accepted the text without a word that counts."""

    version: Version
    """The keepalived that judged."""
    false_alarms: tuple[Message, ...] = ()
    """What it said and does without harm (:func:`lvsctl.keepalived.messages.false_alarm`)."""


class Invalid(NamedTuple):
    """keepalived found fault with the text."""

    version: Version
    messages: tuple[Message, ...]


class Crashed(NamedTuple):
    """keepalived did not survive reading the text: it must not be given to a running one."""

    version: Version
    how: str
    """The name of the signal (``SIGSEGV``), or that the time was up."""
    messages: tuple[Message, ...] = ()


class Unverified(NamedTuple):
    """keepalived could not be asked, or could not be asked everything: neither valid nor invalid."""

    reason: str
    messages: tuple[Message, ...] = ()
    """What it said nevertheless; may be about this machine rather than the text."""


Verdict = Valid | Invalid | Crashed | Unverified


def objections(verdict: Verdict) -> tuple[str, ...]:
    """Say what a verdict has against a text, one complaint after the other; empty when it is Valid."""
    match verdict:
        case Valid():
            return ()
        case Invalid(messages=said):
            return tuple(map(str, said))
        case Crashed(how=how, messages=said):
            return (f"keepalived does not survive reading it: {how}", *map(str, said))
        case Unverified(reason=reason, messages=said):
            return (f"not verified: {reason}", *map(str, said))


def judge(
    text: str,
    *,
    node: str,
    surroundings: Surroundings,
    target: Version | None = None,
    timeout: float = 20.0,
) -> Verdict:
    """Ask the installed keepalived whether *text* is a configuration it accepts completely.

    *node* is what ``@word`` conditions are compared with (``keepalived -i``); *target* the release that the
    text is for, by default the installed one. Never raises for what keepalived or the machine does: that is
    Crashed or Unverified. The namespaces are for peace, not for safety: a text that was not printed by lvsctl can
    have keepalived run commands.
    """
    try:
        program = _program()
    except Unavailable as error:
        return Unverified(str(error))
    if found := harmful(text):
        return Invalid(program.version, found)
    try:
        finished = sandbox.ask(program, text, node, surroundings, timeout)
    except sandbox.Refused as refusal:
        return _plainly(program, text, node, str(refusal), timeout)
    except Unavailable as error:
        return Crashed(program.version, str(error))
    return verdict(finished, text, program.version, target or program.version)


def _program() -> Program:
    program = installed()
    if program is None:
        raise Unavailable("keepalived is not installed, or `keepalived --version` names no release")
    return program


def verdict(
    finished: Finished, text: str, version: Version, target: Version, file: str = str(CONFIG)
) -> Verdict:
    """Decide what a keepalived that had everything it wanted has said about *text*, which it knows as *file*."""
    said = (*unsaid(text), *messages(finished.stderr, file))
    if killed_by := _killed_by(finished):
        return Crashed(version, killed_by, said)
    alarms = tuple(each for each in said if false_alarm(each, target, text))
    faults = tuple(each for each in said if each not in alarms)
    if finished.status and not said:
        faults = (
            Message(None, None, f"keepalived refuses it (status {finished.status}) and does not say why"),
        )
    if not faults:
        return Valid(version, alarms)
    if all(map(about_kernel, faults)):
        return Unverified("the kernel of this machine lacks what the configuration uses", faults)
    if version < target and any(each.text.startswith("Unknown keyword") for each in faults):
        return Unverified(f"keepalived {dotted(version)} is older than the target {dotted(target)}", faults)
    return Invalid(version, faults)


def _killed_by(finished: Finished) -> str:
    """Name the signal that ended it, also when a shell or ``unshare`` turned it into a status."""
    number = -finished.status if finished.status < 0 else finished.status - 128
    return signal.Signals(number).name if number in signal.valid_signals() else ""


def _plainly(program: Program, text: str, node: str, refusal: str, timeout: float) -> Verdict:
    """Ask without namespaces: that can show a text to be invalid, never that it is valid."""
    reason = f"keepalived -t needs namespaces of its own, and this machine refuses them ({refusal})"
    try:
        finished, file = sandbox.ask_plainly(program, text, node, timeout)
    except (Unavailable, OSError) as error:
        return Unverified(f"{reason}; asked without them: {error}")
    return plain_verdict(finished, text, program.version, reason, file)


def plain_verdict(
    finished: Finished, text: str, version: Version, reason: str, file: str
) -> Invalid | Crashed | Unverified:
    """Decide what is certain of what keepalived said on this machine as it is about *text*, in *file*."""
    said = (*unsaid(text), *messages(finished.stderr, file))
    killed_by = _killed_by(finished)
    if killed_by == "SIGTERM":  # it ends itself when a script's user is not ours (before 2.2.8, issue #2587)
        return Unverified(f"{reason}; without them it ended itself", said)
    if killed_by:
        return Crashed(version, killed_by, said)
    sure = (*unsaid(text), *(each for each in said if certain(each)))
    return Invalid(version, tuple(dict.fromkeys(sure))) if sure else Unverified(reason, said)
