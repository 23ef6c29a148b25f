"""The guest's half of the kernel lab: tells this machine's pytest about every test as it happens.

One JSON object per line in the exchange folder: ``start`` and ``finish`` of a test, its reports, warnings.
It bounds each phase of a test in time, and adds what the kernel said meanwhile to the report of a failure.
"""

import json
import os
import shutil
import signal
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import pytest

LIMIT = 120.0
"""Seconds for each phase (setup, call, teardown) of a test; ``@pytest.mark.kernel(timeout=…)`` changes it."""


class GuestSide:
    """Runs the tests that were asked for, in that order, and reports them."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.exchange = Path(os.environ["LVSCTL_LAB"])
        self.stream = (self.exchange / "events").open("a", encoding="utf-8")
        self.log = KernelLog()
        self.running = ""

    def tell(self, **event: Any) -> None:
        """Write one event so that the machine outside sees it at once."""
        self.stream.write(json.dumps(event) + "\n")
        self.stream.flush()
        os.fsync(self.stream.fileno())

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        wanted = [json.loads(line) for line in (self.exchange / "tests").read_text().splitlines()]
        found = {item.nodeid: item for item in items}
        items[:] = [found.pop(nodeid) for nodeid in wanted if nodeid in found]
        config.hook.pytest_deselected(items=list(found.values()))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        self.running = item.nodeid
        self.tell(start=item.nodeid, limit=3 * limit_of(item))
        self.log.skip()
        outcome = yield
        self.tell(finish=item.nodeid)
        return outcome

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, object, object]:
        with bounded(item, "setup"):
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        with bounded(item, "call"):
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, object, object]:
        with bounded(item, "teardown"):
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        said = self.log.read() if report.failed else ""
        if said:
            report.sections.append(("Kernel log during the test", said))
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        data = self.config.hook.pytest_report_to_serializable(config=self.config, report=report)
        self.tell(nodeid=report.nodeid, report=data)

    def pytest_warning_recorded(self, warning_message: Any, when: str, nodeid: str) -> None:
        told = {
            "category": warning_message.category.__name__,
            "text": str(warning_message.message),
            "filename": warning_message.filename,
            "lineno": warning_message.lineno,
            "when": when,
            "nodeid": nodeid,
        }
        self.tell(nodeid=nodeid or self.running, warning=told)

    def pytest_unconfigure(self) -> None:
        measured = Path(os.environ["COVERAGE_FILE"])
        if measured.exists():
            shutil.copy(measured, self.exchange / "coverage")
        self.tell(done=True)
        self.stream.close()


class KernelLog:
    """What the kernel says, from now on."""

    def __init__(self) -> None:
        self._handle = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
        self.skip()

    def skip(self) -> None:
        """Forget what was said so far."""
        os.lseek(self._handle, 0, os.SEEK_END)

    def read(self) -> str:
        """Answer the messages since the last call."""
        return "\n".join(self._messages())

    def _messages(self) -> Iterator[str]:
        while True:
            try:
                record = os.read(self._handle, 8192)
            except BlockingIOError:
                return
            except BrokenPipeError:  # overwritten before we read it
                continue
            yield record.decode("utf-8", "replace").partition(";")[2].splitlines()[0]


def limit_of(item: pytest.Item) -> float:
    """Answer the seconds each phase of the test may take."""
    marker = item.get_closest_marker("kernel")
    return float(marker.kwargs.get("timeout", LIMIT)) if marker else LIMIT


@contextmanager
def bounded(item: pytest.Item, phase: str) -> Iterator[None]:
    """Let the block take no longer than the test's limit."""
    limit = limit_of(item)

    def expired(*_: object) -> NoReturn:
        pytest.fail(f"{phase} took longer than {limit:g} s")

    previous = signal.signal(signal.SIGALRM, expired)
    signal.setitimer(signal.ITIMER_REAL, limit)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
