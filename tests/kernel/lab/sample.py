"""Tests for the tests of the lab itself (tests/unit/lab); named so that pytest does not collect them unasked."""

import os
import time
import warnings
from pathlib import Path

import pytest

from lvsctl.host.run import find

pytestmark = pytest.mark.kernel(timeout=1)


def test_passes() -> None:
    print("said in the lab")  # noqa: T201  # shows that output comes back
    assert find("sh")


def test_writes_where_it_likes() -> None:
    for name in ("/etc/lvsctl-sample", "/usr/lvsctl-sample", "/tmp/lvsctl-sample", f"{__file__}.written"):
        Path(name).write_text("from the lab")
        assert Path(name).read_text() == "from the lab"


def test_fails() -> None:
    with Path("/dev/kmsg").open("w") as log:
        log.write("<4>said by the kernel\n")
    expected = {"a": 1}
    assert expected == {"a": 2}


def test_leaves_something() -> None:
    Path(os.environ["LVSCTL_ARTIFACTS"], "table").write_text("left in the lab")


def test_skips() -> None:
    pytest.skip("no reason at all")


@pytest.mark.xfail(strict=True)
def test_fails_as_expected() -> None:
    pytest.fail("of course")


@pytest.mark.filterwarnings("default")
def test_warns() -> None:
    warnings.warn("careful there", stacklevel=1)


@pytest.mark.parametrize("value", ["a b", "[::1]", "ü"])
def test_has_odd_names(value: str) -> None:
    assert value


@pytest.fixture
def hangs_at_the_end() -> object:
    yield
    time.sleep(60)


def test_hangs() -> None:
    time.sleep(60)


@pytest.mark.usefixtures("hangs_at_the_end")
def test_hangs_at_the_end() -> None:
    pass


def test_panics() -> None:
    Path("/proc/sysrq-trigger").write_text("c")
    time.sleep(60)


def test_comes_too_late() -> None:
    pass
