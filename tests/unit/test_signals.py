"""A first signal is a wish, a second one an order, and who does not listen need not."""

import errno
import io
import os
import signal

import pytest

from lvsctl.cli.ipvs_drain import Bar
from lvsctl.cli.signals import ENDING, heard
from lvsctl.cli.sorry_patience import unbroken, untouched


@pytest.mark.parametrize("number", ENDING)
def test_the_first_one_is_noted_and_the_second_one_ends_it(number: signal.Signals) -> None:
    before = [signal.getsignal(each) for each in ENDING]
    with heard() as wish:
        assert not wish()
        os.kill(os.getpid(), number)
        assert wish()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert [signal.getsignal(each) for each in ENDING] == before


def test_what_nohup_has_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with heard() as wish:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not wish()
    finally:
        signal.signal(signal.SIGHUP, before)


def test_whoever_interrupts_sorry_is_told_how_far_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyboardInterrupt), untouched():
        os.kill(os.getpid(), signal.SIGINT)
    assert capsys.readouterr().err == "interrupted: nothing has been changed\n"
    with unbroken(quiet=False):
        os.kill(os.getpid(), signal.SIGTERM)
    assert capsys.readouterr().err == "interrupted: connections were not waited for any longer\n"
    with pytest.raises(KeyboardInterrupt):
        tear()
    assert capsys.readouterr().err.startswith("interrupted half way: `lvsctl sorry status` says how it is")


def tear() -> None:
    """Say twice that it shall end."""
    with unbroken(quiet=False):
        for number in (signal.SIGTERM, signal.SIGHUP):
            os.kill(os.getpid(), number)


class Gone(io.StringIO):
    """A terminal that was closed."""

    def isatty(self) -> bool:
        return True

    def write(self, _text: str) -> int:
        raise OSError(errno.EIO, "Input/output error")


def test_a_lost_terminal_ends_no_waiting() -> None:
    bar = Bar(Gone(), quiet=False)
    bar.draw(1, 2.0)
    bar.close()
