"""What a test needs from the machine: skip with the reason when it is not there, fail where it must be.

``LVSCTL_REQUIRE`` names what must be there, separated by blanks or commas: CI sets it, so that a missing
program cannot turn a test suite into a list of skips. Whoever requires the kernel lab requires keepalived too.
"""

import os
import shutil

import pytest

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

IMPLIED = {"kernel": {"kernel", "keepalived"}}
"""What comes with a name in LVSCTL_REQUIRE."""


def required() -> frozenset[str]:
    """Answer what LVSCTL_REQUIRE names, and what that implies."""
    named = os.environ.get("LVSCTL_REQUIRE", "").replace(",", " ").split()
    return frozenset(each for name in named for each in IMPLIED.get(name, {name}))


def refuse(name: str, reason: str) -> None:
    """End the running test: it fails when *name* is required, else it is skipped."""
    if name in required():
        pytest.fail(f"LVSCTL_REQUIRE names {name}, but {reason}", pytrace=False)
    pytest.skip(reason)


def require(program: str, *, name: str = "") -> str:
    """Answer the path of *program*, or refuse the running test; *name* is what LVSCTL_REQUIRE calls it."""
    path = shutil.which(program, path=PATH)
    if path is None:
        refuse(name or program, f"{program} is not installed")
    return path or ""


def require_root(name: str) -> None:
    """Refuse the running test, which needs *name*, unless it may make namespaces and interfaces."""
    if os.geteuid() != 0:
        refuse(name, "only root can make the namespaces it needs")
