"""The session of docs/how-to/sorry.md, played on a machine with nothing but the kernel."""

import shutil
import subprocess
from pathlib import Path
from typing import Self

import pytest

from tests.support.hosts import Host, Net
from tests.support.preloaded import preloaded
from tests.support.sessions import play

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs/how-to/sorry.md"


class Shell:
    """One shell for all commands: a process less for each, and dozens of them in a session."""

    def __init__(self, host: Host, first: str) -> None:
        self._shell = subprocess.Popen(
            [*host._entered(), "bash"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._say(first)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._shell.communicate()  # ends its input, so the shell

    def __call__(self, command: str, folder: Path) -> subprocess.CompletedProcess[str]:
        assert self._shell.stdout is not None
        # Output goes through a file: what a session leaves running would keep a pipe open.
        self._say(f"{{ {command}\n}} >.output 2>&1 </dev/null; echo $?")
        status = int(self._shell.stdout.readline())
        return subprocess.CompletedProcess(command, status, (folder / ".output").read_text())

    def _say(self, line: str) -> None:
        assert self._shell.stdin is not None
        self._shell.stdin.write(f"{line}\n")
        self._shell.stdin.flush()


@pytest.mark.kernel(timeout=240)
def test_what_the_page_shows_is_what_the_kernel_does() -> None:
    folder = Path("/srv/session")  # not below a folder that the host has of its own
    folder.mkdir(parents=True)
    try:
        with Net() as net:
            host = net.host("lb1")
            with preloaded(host) as program, Shell(host, f"PATH={program}:$PATH; cd {folder}") as shell:
                play(PAGE.read_text(), folder, shell)
    finally:
        shutil.rmtree(folder)
