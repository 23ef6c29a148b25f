"""Every error lvsctl raises on purpose, and the exit code each one ends in.

::

    LvsctlError                    1   it failed, or the answer is unknown
    ├── Usage                     64   the command line makes no sense
    ├── Invalid                   65   what the operator wrote is wrong; carries every fault found
    │   ├── SpecInvalid                in the spec
    │   └── ConfigInvalid              in a keepalived.conf
    ├── Unavailable               69   the kernel, a daemon, a program or an API is not there
    ├── Busy                      75   try again: locked, rate limited
    └── Denied                    77   not permitted

Exit codes have one meaning everywhere (docs/reference/exit-codes.md): 0 done or yes, 2 no or differs.
Those two are answers rather than errors, so no class owns them.
"""

from collections.abc import Sequence
from typing import ClassVar, NamedTuple


def visible(text: str) -> str:
    """Answer *text* with escapes in the place of what a terminal, a log or a comment would act on, not show.

    File names are the one text in our messages that nobody has checked before: they hold anything but NUL.
    """
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)


class Place(NamedTuple):
    """A position in a text that a person wrote. Lines and columns count from 1; 0 means not known."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        parts = [visible(self.file)]
        if self.line:
            parts.append(str(self.line))
            if self.column:
                parts.append(str(self.column))
        return ":".join(parts)


class Fault(NamedTuple):
    """One thing that is wrong with an input: where, on which path, and what was expected instead."""

    place: Place
    path: str
    """Dotted path of the value (``virtual_servers.web.port``); empty for the file as a whole."""
    message: str
    """What is wrong and what was expected, without the position."""

    def __str__(self) -> str:
        where = f"{self.place}: {self.path}" if self.path else str(self.place)
        return f"{where}: {self.message}"


class LvsctlError(Exception):
    """Base of everything lvsctl raises on purpose; *hint* says what to do next."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Usage(LvsctlError):
    """The command line makes no sense (EX_USAGE of sysexits.h)."""

    exit_code = 64


class Invalid(LvsctlError):
    """Input that cannot be accepted, with all of its faults (EX_DATAERR of sysexits.h)."""

    exit_code = 65

    def __init__(self, faults: Sequence[Fault], *, hint: str = "") -> None:
        super().__init__("\n".join(map(str, faults)), hint=hint)
        self.faults = tuple(faults)


class SpecInvalid(Invalid):
    """The spec cannot be accepted."""


class ConfigInvalid(Invalid):
    """A keepalived.conf cannot be accepted."""


class Unavailable(LvsctlError):
    """The kernel, a daemon, a program or an API is not there (EX_UNAVAILABLE)."""

    exit_code = 69


class Busy(LvsctlError):
    """Somebody else holds the lock, or a rate limit is reached: try again (EX_TEMPFAIL)."""

    exit_code = 75


class Denied(LvsctlError):
    """The operating system does not let this user do that (EX_NOPERM)."""

    exit_code = 77
