"""A network namespace of this machine's own kernel, with a few virtual cables, for a test's block."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from lvsctl.vocabulary import Family
from tests.support import netns


def ip(*lines: str, family: Family = Family.INET) -> str:
    """Run ``ip`` commands, each given without the word ip, in one process."""
    return subprocess.run(
        ["ip", "-family", family.value, "-batch", "-"],
        input="".join(f"{line}\n" for line in lines),
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    ).stdout


@contextmanager
def cables(*names: str) -> Iterator[None]:
    """Be in a fresh namespace that has the interfaces *names*, each with its other end ``~NAME``, all up."""
    with netns.fresh():
        for each in ("all", "default"):
            netns.sysctl(f"net.ipv6.conf.{each}.accept_dad", 0)
        ip("link set lo up", *(line for name in names for line in _cable(name)))
        yield


def _cable(name: str) -> Iterator[str]:
    yield f"link add {name} type veth peer name ~{name}"
    yield f"link set {name} up"
    yield f"link set ~{name} up"
