"""Health checks that ask this director itself: a program, a file, a BFD session (keepalived.conf(5), "Virtual server(s)")."""

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import field_validator

from lvsctl.spec.base import Extensible, Line
from lvsctl.spec.check_base import Paced
from lvsctl.spec.forms import BARE, FIRST
from lvsctl.spec.script import Script, ScriptUser
from lvsctl.spec.values import Bool, Flag, Name, Switch, Text, Whole

MAX_WEIGHT = 2**31 - 1


class MiscCheck(Paced):
    """Runs a program: it succeeds with exit status 0, and with `misc_dynamic` the status also sets the weight."""

    misc_path: Script
    """The program and its arguments; its user is a keyword of its own here."""
    misc_timeout: Annotated[int, Whole(0, 4294, "s")] | None = None
    """The program is killed after this time; the default is `delay_loop`."""
    misc_dynamic: Flag = False
    """Exit status 2 to 255 means success with weight status-2; without it, everything but 0 means failure."""
    user: ScriptUser | None = None
    """Whom the program runs as; the default is `script_user` of `global_defs`."""

    @field_validator("misc_path")
    @classmethod
    def _user_stands_apart(cls, value: Script) -> Script:
        if value.user is not None:
            raise ValueError(
                "MISC_CHECK reads no user after the command: write it as `user` beside `misc_path`"
            )
        return value


class FileWeight(Line):
    """What the number in a tracked file is multiplied by before it is added to the weight."""

    syntax = "WEIGHT [reverse|noreverse]"

    weight: Annotated[int, Whole(-MAX_WEIGHT, MAX_WEIGHT), FIRST]
    """The multiplier; 0 means that any number other than 0 takes the server down."""
    reverse: Annotated[Bool, BARE] = False
    """Count the other way round: subtract, and with weight 0 take the server down at 0."""

    @classmethod
    def _parts(cls, words: list[str]) -> Iterator[tuple[str, Any]]:
        # "noreverse" says what is so anyway.
        if words[1:] == ["noreverse"]:
            words = words[:1]
        return super()._parts(words)


class FileCheck(Extensible):
    """Lets the number in a tracked file decide about the server's weight."""

    track_file: Name
    """The `track_files` entry to watch."""
    weight: FileWeight | None = None
    """The multiplier for this server; the default is the track file's own."""


class BfdCheck(Extensible):
    """Follows a BFD session: the server is up while the session is."""

    name: Annotated[str, Text("the name of a BFD instance", r"[^\s]+", high=31)]
    """The `bfd_instances` entry to follow."""
    alpha: Switch | None = None
    """Count the server as failed until the session has come up once; the default is the real server's."""
