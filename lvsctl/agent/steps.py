"""What the spec says under ``notify:`` for a transition, done in order.

Each step has its deadline, and one that fails or hangs keeps none of the later ones from their turn. A newer
transition of the same instance ends the work on the older one: a program is killed with its process group, a swap or
a return path that has begun is completed, and then made what the newer one says.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from lvsctl.errors import LvsctlError
from lvsctl.spec.notify import Action

SPACING = 0.25
"""Seconds between the beginnings of two transitions of one instance: what comes faster is only the last one."""

LEAD = 0.01
"""Seconds before the first step, in which whoever was woken first has the processor for itself."""

SHOWN = 200


class Step(NamedTuple):
    """One step of a transition, and how it went."""

    what: str
    outcome: str
    """``done``, ``failed``, or ``stopped`` by a newer transition."""
    said: str
    at: float
    """When it ended, on the agent's clock."""


class Doer(Protocol):
    """Whoever knows how a step is done."""

    async def do(self, action: Action, subject: str) -> str:
        """Do *action* because of *subject*, and answer in a few words what was done. Raises LvsctlError."""


class Course:
    """The transitions of one instance, or of one service's quorum."""

    def __init__(
        self,
        subject: str,
        doer: Doer,
        *,
        clock: Callable[[], float],
        tell: Callable[[str, Step], None],
    ) -> None:
        self.subject = subject
        self.steps: tuple[Step, ...] = ()
        """Those of the last transition, so far."""
        self._doer = doer
        self._clock = clock
        self._tell = tell
        self._task: asyncio.Task[None] | None = None
        self._begun = -SPACING

    def begin(self, actions: Sequence[Action], then: Callable[[], None] = lambda: None) -> None:
        """Do *actions*, and *then* the last thing; what an earlier call began is ended."""
        older = self._task
        self._task = asyncio.get_running_loop().create_task(self._go(tuple(actions), then, older))

    @property
    def busy(self) -> bool:
        """Whether a transition is under way."""
        return self._task is not None and not self._task.done()

    async def end(self) -> None:
        """End what is under way."""
        if self._task is not None:
            await _ended(self._task)

    async def _go(
        self, actions: Sequence[Action], then: Callable[[], None], older: "asyncio.Task[None] | None"
    ) -> None:
        if older is not None:
            await _ended(older)
        await asyncio.sleep(max(LEAD, self._begun + SPACING - self._clock()))
        self._begun = self._clock()
        self.steps = ()
        for each in actions:
            await self._do(each)
        then()

    async def _do(self, action: Action) -> None:
        what = described(action)
        outcome, said = "stopped", "a newer transition"
        try:
            outcome, said = "done", await self._doer.do(action, self.subject)
        except LvsctlError as error:
            outcome, said = "failed", error.message
        except TimeoutError:
            outcome, said = "failed", "not done in time"
        except Exception as error:  # noqa: BLE001 - a defect in one step must not keep the next one from its turn
            outcome, said = "failed", f"a defect of lvsctl: {type(error).__name__}"
        finally:
            step = Step(what, outcome, said[:SHOWN], self._clock())
            self.steps = (*self.steps, step)
            self._tell(f"{self.subject}: {what}: {outcome}" + (f": {step.said}" if said else ""), step)


def described(action: Action) -> str:
    """Answer an action in the words of the spec."""
    if action.run is not None:
        return f"run {action.run[0]}"
    if action.sorry is not None:
        return " ".join(("sorry", action.sorry, *action.services))
    return str(action.verb)


async def _ended(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.wait({task})
