"""The loop that plays visitors and servers knows when it was not there itself."""

import threading
import time
from contextlib import AbstractContextManager, nullcontext

from tests.support.loop import LATE, Loop


class Here:
    """No namespace but our own."""

    def inside(self) -> AbstractContextManager[object]:
        return nullcontext()


def test_a_turn_that_took_long_is_an_absence_from_its_begin_on() -> None:
    done = threading.Event()
    seen: list[float] = []

    def dawdle() -> None:
        begun = time.monotonic()
        time.sleep(2 * LATE)
        seen.append(loop.away(begun))
        done.set()

    with Loop(Here()) as loop:
        begun = time.monotonic()
        loop.call(dawdle)
        assert done.wait(10)
    assert loop.away(begun) >= 2 * LATE
    assert seen[0] >= 2 * LATE, "the turn that is under way counts, too"
    assert loop.away(time.monotonic()) < LATE
