"""The pytest plugin that runs tests marked ``kernel`` in the lab, as if they ran here.

On this machine it boots the lab while other tests run, then hands in the guest's own reports. A long run on a machine
with several processors is shared by three guests. In a guest, a second pytest runs exactly its tests
(:mod:`tests.support.lab_guest`). Options that change what a test does or shows are handed on; a debugger (``--pdb``) is
not.
"""

import json
import os
import shutil
import sys
import warnings
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.support import lab
from tests.support.lab_results import LabDied, Results
from tests.support.require import refuse

IN_GUEST = "LVSCTL_LAB" in os.environ
ARTIFACTS = "LVSCTL_ARTIFACTS"
"""Names a folder for files that tests leave on purpose; in the guest it is part of the exchange folder."""


def pytest_configure(config: pytest.Config) -> None:
    if IN_GUEST:
        from tests.support.lab_guest import GuestSide  # the guest's half, not needed here

        config.pluginmanager.register(GuestSide(config), "lvsctl-lab-guest")
    else:
        config.pluginmanager.register(HostSide(config), "lvsctl-lab")


class HostSide:
    """Delegates kernel tests to one, two or three guests per session."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.guests: list[tuple[lab.Guest, Results]] = []
        self.refusal = ""
        self._results: dict[str, Results] = {}
        self._folders = ExitStack()

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Put the kernel tests last: the lab boots and runs while the others keep us busy."""
        items.sort(key=_is_kernel)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        items = [item for item in session.items if _is_kernel(item)]
        if not items or self.config.option.collectonly:
            return
        self.refusal = lab.why_not()
        for share in shares(items) if not self.refusal else ():
            exchange = self._folders.enter_context(lab.exchange_folder())
            guest = boot_tests(exchange, share, self.config)
            results = Results(guest)
            self.guests.append((guest, results))
            self._results |= dict.fromkeys((item.nodeid for item in share), results)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        """Report what the guest says about *item*; every other test takes its usual way."""
        results = self._results.get(item.nodeid)
        if results is None:
            return None
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        for report in self._reports(item, results):
            item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        if self.refusal and _is_kernel(item):
            refuse("kernel", f"the kernel lab cannot run: {self.refusal}")

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        """End the guest before pytest-cov, further out, combines what was measured."""
        outcome = yield
        self._end()
        return outcome

    def pytest_unconfigure(self) -> None:
        for guest, _ in self.guests:
            guest.kill()
        self._folders.close()

    def _reports(self, item: pytest.Item, results: "Results") -> Iterator[pytest.TestReport]:
        try:
            for event in results.of(item.nodeid):
                if "warning" in event:
                    self._warn(event["warning"])
                else:
                    yield self._revive(event["report"])
        except LabDied as death:
            yield failure(item, str(death))

    def _revive(self, data: dict[str, Any]) -> pytest.TestReport:
        if data["outcome"] == "skipped" and isinstance(data["longrepr"], list):
            data["longrepr"] = tuple(data["longrepr"])  # JSON knows no tuples, pytest insists on one
        report: pytest.TestReport = self.config.hook.pytest_report_from_serializable(
            config=self.config, data=data
        )
        return report

    def _warn(self, told: dict[str, Any]) -> None:
        message = warnings.WarningMessage(
            message=Warning(f"{told['category']}: {told['text']}"),
            category=Warning,
            filename=told["filename"],
            lineno=told["lineno"],
        )
        details = {
            "warning_message": message,
            "when": told["when"],
            "nodeid": told["nodeid"],
            "location": None,
        }
        self.config.hook.pytest_warning_recorded.call_historic(kwargs=details)

    def _end(self) -> None:
        wanted = os.environ.get(ARTIFACTS)
        for number, (guest, results) in enumerate(self.guests):
            if _coverage_options(self.config) or wanted:
                results.drain()
            measured = guest.exchange / "coverage"
            if measured.exists():
                shutil.copy(measured, Path(f"{_data_file()}.lab.{os.getpid()}-{number}"))
            if wanted:
                hand_out(guest.exchange / "artifacts", Path(wanted), add=number > 0)
            guest.kill()


MANY = 100
"""Tests from which more guests are worth their boot."""

THIRDS = (
    ("/sorry/test_matrix", "/sorry/test_healthy", "/sorry/test_seed_recipe", "/doctor/", "/agent/"),
    ("/sorry/", "/failover/"),
)
"""What the first and the second guest of a long run get; the third one gets the rest. Each takes about as much of the
processors as the others; and they have what the tests outside leave (lab.YIELDING)."""


def shares(items: Sequence[pytest.Item]) -> list[list[pytest.Item]]:
    """Share the tests of a long run out to three guests. When all would be one guest's, two get half of them each."""
    if len(items) < MANY or (os.cpu_count() or 1) < 2:
        return [list(items)]
    found: list[list[pytest.Item]] = [[] for _ in (*THIRDS, "the rest")]
    for item in items:
        found[_third(item.nodeid)].append(item)
    middle = len(items) // 2
    filled = [each for each in found if each]
    return filled if len(filled) > 1 else [list(items[:middle]), list(items[middle:])]


def _third(nodeid: str) -> int:
    whose = (number for number, parts in enumerate(THIRDS) if any(part in nodeid for part in parts))
    return next(whose, len(THIRDS))


def hand_out(artifacts: Path, wanted: Path, *, add: bool) -> None:
    """Copy what a guest left into the folder *wanted*; with *add* lines go behind those of the guest before."""
    shutil.copytree(artifacts, wanted, dirs_exist_ok=True, copy_function=_added if add else shutil.copy2)


def _added(source: str, target: str) -> None:
    if not source.endswith(".jsonl"):
        shutil.copy2(source, target)
        return
    with Path(target).open("ab") as file:
        file.write(Path(source).read_bytes())


def _is_kernel(item: pytest.Item) -> bool:
    return item.get_closest_marker("kernel") is not None


def failure(item: pytest.Item, text: str) -> pytest.TestReport:
    """Answer the report of a test that the guest never reported."""
    return pytest.TestReport(
        nodeid=item.nodeid,
        location=item.location,
        keywords={name: 1 for name in item.keywords},  # noqa: C420  # what pytest itself puts there
        outcome="failed",
        longrepr=text,
        when="call",
    )


def boot_tests(exchange: Path, items: Sequence[pytest.Item], config: pytest.Config) -> lab.Guest:
    """Boot a guest in which a second pytest runs *items* in this order."""
    (exchange / "artifacts").mkdir()
    (exchange / "tests").write_text("".join(f"{json.dumps(item.nodeid)}\n" for item in items))
    files = dict.fromkeys(str(item.path) for item in items)
    argv = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--no-header", "--no-summary", "-q"]
    argv += [*_options(config), *files]
    script = lab.command_script(argv, _environment())
    return lab.boot(exchange, script)


def _environment() -> dict[str, str]:
    """Hand on the settings that steer tests; PATH, HOME and the like are the guest's own."""
    handed = ("LVSCTL_", "HYPOTHESIS_", "PYTHON", "CI", "TZ", "COLUMNS")
    env = {name: value for name, value in os.environ.items() if name.startswith(handed)}
    env |= {"PYTHONDONTWRITEBYTECODE": "1", "HYPOTHESIS_STORAGE_DIRECTORY": "/tmp/hypothesis"}
    env |= {ARTIFACTS: str(lab.GUEST_EXCHANGE / "artifacts")} if ARTIFACTS in env else {}
    return env | {"COVERAGE_FILE": "/tmp/coverage"}


def _options(config: pytest.Config) -> list[str]:
    """Hand on the options that change what a test does or how its failure reads."""
    option = config.option
    colour = "yes" if config.get_terminal_writer().hasmarkup else "no"
    argv = [f"--tb={option.tbstyle}", f"--color={colour}", *(["--showlocals"] if option.showlocals else [])]
    argv += ["-" + "v" * (option.verbose + 1)] if option.verbose > 0 else []
    argv += [f"-W{each}" for each in config.known_args_namespace.pythonwarnings or ()]
    for name in ("hypothesis_seed", "hypothesis_profile"):
        value = getattr(option, name, None)
        argv += [f"--{name.replace('_', '-')}={value}"] if value is not None else []
    return argv + (_coverage_options(config) or ["-p", "no:pytest_cov"])


def _coverage_options(config: pytest.Config) -> list[str]:
    plugin = config.pluginmanager.getplugin("_cov")
    if plugin is None or getattr(plugin, "cov_controller", None) is None:
        return []
    sources = [each for each in config.option.cov_source if each is not True]
    argv = [f"--cov={each}" for each in sources] or ["--cov"]
    argv += ["--cov-branch"] if config.option.cov_branch else []
    return [*argv, f"--cov-config={config.option.cov_config}", "--cov-report="]


def _data_file() -> str:
    return os.environ.get("COVERAGE_FILE", str(lab.ROOT / ".coverage"))
