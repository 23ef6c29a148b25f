"""SIGINT, SIGTERM and SIGHUP as a wish that is heard at the next good moment, where a command must not be torn apart."""

import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import Final

ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Wish:
    """Whether somebody wants the command to end."""

    def __init__(self) -> None:
        self._said = False

    def __call__(self) -> bool:
        """Answer whether it was said."""
        return self._said

    def hear(self, _number: int, _frame: FrameType | None) -> None:
        """Take note of a signal. Whoever says it twice does not want to be waited for: raises KeyboardInterrupt."""
        if self._said:
            raise KeyboardInterrupt
        self._said = True


@contextmanager
def heard() -> Iterator[Wish]:
    """Have the first signal that would end this process only be noted, while the block runs.

    Signals are the main thread's: in another one nothing is heard. Who ignores one goes on ignoring it: nohup does with
    SIGHUP, and a shell with SIGINT for what runs in background.
    """
    wish = Wish()
    with ExitStack() as stack:
        mine = threading.current_thread() is threading.main_thread()
        for number in ENDING if mine else ():
            if signal.getsignal(number) is not signal.SIG_IGN:
                stack.callback(signal.signal, number, signal.signal(number, wish.hear))
        yield wish
