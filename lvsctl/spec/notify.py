"""What lvsctl does when keepalived reports a transition."""

from typing import Annotated, Any, ClassVar, Self

from pydantic import field_validator, model_validator

from lvsctl.spec.base import Block
from lvsctl.spec.script import Argument
from lvsctl.spec.values import JsonSchema, OneOf, ServiceName, Whole, expected

VERBS = ("failover", "return_path")


class Action(Block):
    """One thing to do: a verb (`failover`, `return_path`), a sorry swap, or a program of yours."""

    shorthand: ClassVar[JsonSchema | None] = {"enum": list(VERBS)}

    verb: Annotated[str, OneOf(*VERBS)] | None = None
    """`failover` points the failover IPs here; `return_path` makes them answer through their own gateway."""
    sorry: Annotated[str, OneOf("on", "off")] | None = None
    """Swap services to the sorry backend, or back."""
    services: tuple[ServiceName, ...] = ()
    """Which virtual servers `sorry` swaps; empty means the ones the event is about."""
    run: tuple[Annotated[str, Argument()], ...] | None = None
    """A program and its arguments; no shell is involved."""
    timeout: Annotated[int, Whole(1, 3600, "s")] | None = None
    """How long `run` may take."""

    @model_validator(mode="before")
    @classmethod
    def _from_word(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"verb": value}
        if isinstance(value, dict) and "verb" in value:
            raise ValueError(
                f"expected the word alone ({' or '.join(VERBS)}), or a block with sorry: or run:"
            )
        if not isinstance(value, (dict, cls)):
            raise expected("failover, return_path, {sorry: on|off} or {run: [program, argument…]}", value)
        return value

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        if sum(part is not None for part in (self.verb, self.sorry, self.run)) != 1:
            raise ValueError("expected exactly one of failover, return_path, sorry: and run:")
        if self.services and self.sorry is None:
            raise ValueError("services: belongs to sorry:")
        if self.timeout is not None and self.run is None:
            raise ValueError("timeout: belongs to run:")
        return self


class QuorumActions(Block):
    """What happens when a virtual server loses its quorum of real servers, and when it has it again."""

    down: tuple[Action, ...] = ()
    """When the quorum is lost."""
    up: tuple[Action, ...] = ()
    """When it is back."""


FAILOVER, RETURN_PATH = (Action.model_validate(verb) for verb in VERBS)


class Notify(Block):
    """What lvsctl does on each transition, in order. A failing step never keeps the next one from running."""

    shorthand: ClassVar[JsonSchema | None] = {"const": "none"}

    master: tuple[Action, ...] = (FAILOVER, RETURN_PATH)
    """When an instance becomes master here."""
    backup: tuple[Action, ...] = (RETURN_PATH,)
    """When it becomes backup here."""
    fault: tuple[Action, ...] = (RETURN_PATH,)
    """When it goes into the fault state here."""
    stop: tuple[Action, ...] = ()
    """When keepalived stops."""
    quorum: dict[ServiceName, QuorumActions] = {}
    """Per virtual server: what to do when its quorum is lost or back."""
    off: bool = False
    """Written as `notify: none`: lvsctl's hooks and FIFO are left out of keepalived.conf."""

    @model_validator(mode="before")
    @classmethod
    def _from_none(cls, value: Any) -> Any:
        if isinstance(value, str):
            if value != "none":
                raise expected(
                    "a block with master:, backup:, fault:, stop: and quorum:, or the word none", value
                )
            return {"off": True}
        return value

    @field_validator("off", mode="before")
    @classmethod
    def _is_not_a_keyword(cls, value: Any) -> bool:
        if value is not True:
            raise ValueError("unknown keyword; leaving the hooks out is written notify: none")
        return value
