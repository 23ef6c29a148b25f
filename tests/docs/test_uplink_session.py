"""The session of the page on two ISPs, played on a host that has two."""

import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.isps import Isps
from tests.support.sessions import play

PAGE = Path(__file__).resolve().parents[2] / "docs/how-to/two-isps.md"


class Router:
    """The host: *folder* stands for its ``/``. What a session leaves running, it runs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._background: list[subprocess.Popen[bytes]] = []

    def run(self, command: str, folder: Path) -> subprocess.CompletedProcess[str]:
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        env = {"PATH": path, "LC_ALL": "C.UTF-8", "LVSCTL_ROOT": str(self._folder)}
        if command.endswith(" &"):
            words = command.removesuffix(" &").split()
            self._background.append(subprocess.Popen(words, cwd=folder, env=env))
            return subprocess.CompletedProcess(command, 0, "", "")
        if command.startswith("kill "):
            self.end(signal.SIGTERM)
            return subprocess.CompletedProcess(command, 0, "", "")
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=folder,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        done.stdout = re.sub(r"\d+\.\d ms", "0.4 ms", done.stdout)
        return done

    def end(self, how: signal.Signals) -> None:
        for child in self._background:
            with suppress(ProcessLookupError):
                child.send_signal(how)
            child.wait(10)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make network namespaces")
def test_what_the_page_shows_is_what_happens(tmp_path: Path) -> None:
    with Isps():
        router = Router(tmp_path)
        try:
            play(PAGE.read_text(), tmp_path, router.run)
        finally:
            router.end(signal.SIGKILL)
