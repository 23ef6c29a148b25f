"""What an instance or a real server can track besides interfaces: scripts, processes and files.

How they are tracked (``track_script`` and its siblings) is the business of the blocks that do it.
"""

from decimal import Decimal
from typing import Annotated, Self

from pydantic import model_validator

from lvsctl.spec.base import Extensible, Line, OptionalLine
from lvsctl.spec.forms import BARE, FIRST, REST
from lvsctl.spec.script import Script, ScriptUser
from lvsctl.spec.values import AbsolutePath, Bool, Flag, OneOf, Str, Whole, seconds

Delay = Annotated[Decimal, seconds("0.000001", "3600")]


class Weight(Line):
    """What a result does to the priority of those who track it."""

    syntax = "WEIGHT [reverse]"

    weight: Annotated[int, Whole(-253, 253), FIRST]
    """Added to the priority: on success when positive, on failure when negative; 0 means failure is FAULT."""
    reverse: Annotated[Bool, BARE] = False
    """Success counts as failure and failure as success."""


class WideWeight(Line):
    """What a count or the content of a file does to the priority of those who track it."""

    syntax = "WEIGHT [reverse]"

    weight: Annotated[int, Whole(-254, 254), FIRST]
    """Like the weight of a script; a result of 254 or more in either direction means FAULT."""
    reverse: Annotated[Bool, BARE] = False
    """Success counts as failure and failure as success."""


class VrrpScript(Extensible):
    """A command whose exit status decides over priorities or the FAULT state."""

    script: Script
    """The command to run."""
    interval: Annotated[int, Whole(1, 4294, "s")] | None = None
    """Time between two runs; keepalived's default is 1."""
    timeout: Annotated[int, Whole(1, 4294, "s")] | None = None
    """After this the run counts as failed."""
    weight: Weight | None = None
    """What failure does: 0, keepalived's default, is FAULT; anything else changes the priority."""
    rise: Annotated[int, Whole(1, 2147483647)] | None = None
    """Successes in a row until it counts as up; keepalived's default is 1."""
    fall: Annotated[int, Whole(1, 2147483647)] | None = None
    """Failures in a row until it counts as down; keepalived's default is 1."""
    user: ScriptUser | None = None
    """Whom it runs as; the default is `script_user` of `global_defs`."""
    init_fail: Flag = False
    """Count as failed until the first success."""

    @model_validator(mode="after")
    def _user_has_its_own_line(self) -> Self:
        if self.script.user is not None:
            raise ValueError(
                "the user of a vrrp_script is its keyword `user`: behind the command keepalived ignores it"
            )
        return self


class TrackedCommand(Line):
    """A process to look for: its name as the kernel knows it, or its command line."""

    syntax = "COMMAND [PARAMETER]..."

    command: Annotated[Str, FIRST]
    """The name of the process, or the first word of its command line."""
    parameters: Annotated[tuple[Str, ...], REST] = ()
    """The words that follow; any word here makes keepalived compare whole command lines."""


class ParamMatch(OptionalLine):
    """How parameters are compared: all of them, or as far as they are given."""

    syntax = "[initial|partial]"

    kind: Annotated[Annotated[str, OneOf("initial", "partial")] | None, FIRST] = None
    """`partial`: further parameters may follow; `initial`: the last one may also be longer; without it all are equal."""


class VrrpTrackProcess(Extensible):
    """A process that has to run, or must not, counted without starting a script."""

    process: TrackedCommand
    """Which process."""
    param_match: ParamMatch | None = None
    """How its parameters are compared; alone (`true`) it means exactly those given, none included."""
    weight: WideWeight | None = None
    """What too few or too many of them do: 0, keepalived's default, is FAULT; anything else changes the priority."""
    quorum: Annotated[int, Whole(1, 65535)] | None = None
    """How many have to run; keepalived's default is 1."""
    quorum_max: Annotated[int, Whole(0, 65535)] | None = None
    """How many may run at most; 0 means it must not run at all."""
    delay: Delay | None = None
    """Sets both delays below."""
    terminate_delay: Delay | None = None
    """How long there may be too few before it counts, so that a restart goes unnoticed."""
    fork_delay: Delay | None = None
    """How long there have to be enough before it counts, so that a fork that becomes something else goes unnoticed."""
    full_command: Flag = False
    """Compare the whole command line instead of the kernel's name of the process."""

    @model_validator(mode="after")
    def _quorums_agree(self) -> Self:
        if self.quorum is not None and self.quorum_max is not None and self.quorum_max < self.quorum:
            raise ValueError(f"quorum_max ({self.quorum_max}) is below quorum ({self.quorum})")
        return self


class InitFile(OptionalLine):
    """What a tracked file starts with."""

    syntax = "[VALUE] [overwrite]"

    value: Annotated[Annotated[int, Whole(-254, 254)] | None, FIRST] = None
    """What is written into the file; keepalived's default is 0."""
    overwrite: Annotated[Bool, BARE] = False
    """Write it at every start of keepalived, not only when there is no file."""


class TrackFile(Extensible):
    """A file with a number in it that decides over priorities, weights, or the FAULT state, as soon as it changes."""

    file: AbsolutePath
    """The file. Its folder has to exist; a file that does not counts as 0."""
    weight: WideWeight | None = None
    """The number is multiplied by this; with 0 any number but 0 is FAULT. keepalived's default is 1."""
    init_file: InitFile | None = None
    """Create the file when keepalived starts: `true`, or what it starts with."""
