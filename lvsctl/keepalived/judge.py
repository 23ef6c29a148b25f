"""The verdict of the real keepalived about a configuration.

It never answers Valid unless keepalived itself was asked, on a regular file, with everything the configuration
expects of its machine in place, and said nothing at all. Facts about this machine (a script that is missing
here, its permissions, a user) are no part of the verdict: the rules examine them.
"""

from typing import NamedTuple

from lvsctl.keepalived.messages import Message
from lvsctl.keepalived.surroundings import Surroundings

Version = tuple[int, int, int]


class Valid(NamedTuple):
    """keepalived accepted the text without a word."""

    version: Version
    """The keepalived that judged."""


class Invalid(NamedTuple):
    """keepalived found fault with the text."""

    version: Version
    messages: tuple[Message, ...]


class Crashed(NamedTuple):
    """keepalived did not survive reading the text: it cannot be used, whatever it says."""

    version: Version
    how: str
    """The name of the signal (``SIGSEGV``), or that the time was up."""
    messages: tuple[Message, ...]


class Unverified(NamedTuple):
    """keepalived could not be asked, or could not be asked everything: neither valid nor invalid."""

    reason: str
    messages: tuple[Message, ...] = ()
    """What it said nevertheless; may be about this machine rather than the text."""


Verdict = Valid | Invalid | Crashed | Unverified


def judge(text: str, *, node: str, surroundings: Surroundings, timeout: float = 20.0) -> Verdict:
    """Ask the installed keepalived whether *text* is a configuration it accepts completely.

    *node* is what ``@word`` conditions are compared with (``keepalived -i``). Never raises for what keepalived
    or the machine does: that is Crashed or Unverified.
    """
    raise NotImplementedError
