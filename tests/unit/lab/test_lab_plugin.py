"""Kernel tests are reported as if they had run here: pytest about a sample, from outside."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import lab
from tests.support.require import refuse

SAMPLE = "tests/kernel/lab/sample.py"


@pytest.fixture(autouse=True, scope="module")
def _lab() -> None:
    if reason := lab.why_not():
        refuse("kernel", f"the kernel lab cannot run: {reason}")


WITHOUT_MODULES = """
import sys, pathlib, pytest
from tests.support import lab
lab.MODULES_FOLDER = pathlib.Path("/nowhere")
sys.exit(pytest.main())
"""


def pytest_about(
    *arguments: str, env: dict[str, str] | None = None, program: tuple[str, str] = ("-m", "pytest")
) -> str:
    """Run pytest in a process of its own and answer what it printed."""
    argv = [sys.executable, *program, "-p", "no:cacheprovider", "-rA", *arguments]
    # On a CI machine pytest repeats every failure in full at the end, so it is not told that it is on one.
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTEST", "COV", "LVSCTL")) and name not in ("CI", "BUILD_NUMBER")
    }
    finished = subprocess.run(
        argv, cwd=lab.ROOT, capture_output=True, text=True, timeout=240, check=False, env=kept | (env or {})
    )
    return finished.stdout + finished.stderr


def outcomes(text: str) -> dict[str, str]:
    found = re.findall(r"^(PASSED|FAILED|ERROR|XFAIL) \S+sample\.py::(\S+)", text, re.MULTILINE)
    return {name: outcome for outcome, name in found}


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("coverage")


@pytest.fixture(scope="module")
def told(measured: Path) -> str:
    """Everything but the panic, with coverage."""
    coverage = ["--cov=lvsctl.host.run", f"--cov-report=json:{measured}/report.json"]
    return pytest_about(
        SAMPLE,
        "-k",
        "not panics and not late",
        *coverage,
        env={"COVERAGE_FILE": f"{measured}/data", "LVSCTL_ARTIFACTS": f"{measured}/left"},
    )


def test_every_outcome_is_the_guests(told: str) -> None:
    assert outcomes(told) == {
        "test_passes": "PASSED",
        "test_writes_where_it_likes": "PASSED",
        "test_fails": "FAILED",
        "test_leaves_something": "PASSED",
        "test_warns": "PASSED",
        "test_has_odd_names[a": "PASSED",
        "test_has_odd_names[[::1]]": "PASSED",
        "test_has_odd_names[\\xfc]": "PASSED",
        "test_hangs": "FAILED",
        "test_hangs_at_the_end": "ERROR",
        "test_fails_as_expected": "XFAIL",
    }
    assert re.search(r"SKIPPED \[1\] tests/kernel/lab/sample.py:\d+: no reason at all", told)


def test_what_the_guest_writes_stays_there(told: str) -> None:
    assert outcomes(told)["test_writes_where_it_likes"] == "PASSED"
    for name in (
        "/etc/lvsctl-sample",
        "/usr/lvsctl-sample",
        "/tmp/lvsctl-sample",
        lab.ROOT / f"{SAMPLE}.written",
    ):
        assert not Path(name).exists()


def test_output_comes_back(told: str) -> None:
    assert "said in the lab" in told


def test_a_failure_shows_its_assertion_and_the_kernels_log(told: str) -> None:
    assert "assert {'a': 1} == {'a': 2}" in told
    assert re.search(r"Kernel log during the test -+\nsaid by the kernel\n", told)


def test_warnings_come_back(told: str) -> None:
    assert "UserWarning: careful there" in told


def test_a_test_that_takes_too_long_fails_by_itself(told: str) -> None:
    assert "Failed: call took longer than 1 s" in told
    assert "Failed: teardown took longer than 1 s" in told


def test_coverage_comes_back(told: str, measured: Path) -> None:
    assert told
    report = json.loads((measured / "report.json").read_text())
    assert "find" in [
        name
        for name, part in report["files"]["lvsctl/host/run.py"]["functions"].items()
        if part["executed_lines"]
    ]


def test_files_left_on_purpose_come_back(told: str, measured: Path) -> None:
    assert told
    assert (measured / "left/table").read_text() == "left in the lab"


def test_a_panic_fails_what_was_not_reported_and_shows_why() -> None:
    text = pytest_about(SAMPLE, "-k", "passes or panics or late")
    assert outcomes(text) == {
        "test_passes": "PASSED",
        "test_panics": "FAILED",
        "test_comes_too_late": "FAILED",
    }
    assert f"the lab died during {SAMPLE}::test_panics\n--- kernel log of the lab ---" in text
    # The kernel may come to say it again at its very end, so the log is counted, not its words.
    assert text.count("--- kernel log of the lab ---") == 1
    assert "Kernel panic - not syncing: sysrq triggered crash" in text
    assert "the lab died during tests/kernel/lab/sample.py::test_panics: see there" in text


@pytest.mark.parametrize(
    ("require", "expected"),
    [
        ("", "1 skipped"),
        ("kernel", "LVSCTL_REQUIRE names kernel, but the kernel lab cannot run: "),
    ],
)
def test_without_user_mode_linux_a_kernel_test_says_so(require: str, expected: str) -> None:
    program = ("-c", WITHOUT_MODULES)
    text = pytest_about(f"{SAMPLE}::test_passes", program=program, env={"LVSCTL_REQUIRE": require})
    assert expected in text
    assert re.search(r"cannot run: /usr/bin/linux.uml is \S+, but /nowhere/\S+ has no IPVS", text)


def test_one_command_in_the_lab_answers_its_status() -> None:
    finished = subprocess.run(
        [lab.ROOT / "tests/lab-shell", "sh", "-c", "uname --release; echo again >&2; exit 3"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert finished.returncode == 3
    assert finished.stdout == f"{lab.kernel().release}\nagain\n"


def test_folders_of_this_machine_start_empty() -> None:
    """In a lab of its own: what the tests of a longer run leave there is theirs."""
    folders = [folder for folder in (*lab.COVERED, "/var/lib/lvsctl") if folder != "/run"]
    marks = [Path(folder) / f"lvsctl-stranger-{os.getpid()}" for folder in folders if Path(folder).is_dir()]
    for mark in marks:
        mark.touch()
    try:
        finished = subprocess.run(
            [lab.ROOT / "tests/lab-shell", "find", *folders, "-maxdepth", "1"],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    finally:
        for mark in marks:
            mark.unlink(missing_ok=True)
    assert set(folders) <= set(finished.stdout.splitlines()), finished.stderr
    assert "lvsctl-stranger" not in finished.stdout
