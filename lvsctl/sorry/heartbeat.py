"""Whether the agent lives: it writes a heartbeat, and whoever promises something for later asks for it first.

The file is /run/lvsctl/status.json, which the agent replaces every few seconds. Of it only three keys count here:
``version`` (1), ``pid`` and ``heartbeat`` (seconds since the epoch).
"""

import json
import os
import time
from typing import Final

from lvsctl.errors import LvsctlError
from lvsctl.host.files import read_text
from lvsctl.host.paths import run_folder

VERSION: Final = 1
STALE: Final = 30.0
"""Seconds after which a heartbeat is of an agent that hangs or is gone."""


def agent_is_alive() -> bool:
    """Answer whether the agent has said so within STALE seconds; a file that nobody can read is no."""
    try:
        found = json.loads(read_text(run_folder() / "status.json") or "null")
        if found["version"] != VERSION:
            return False
        pid, age = int(found["pid"]), time.time() - float(found["heartbeat"])
    except (LvsctlError, ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return False
    return -STALE < age < STALE and _runs(pid)


def _runs(pid: int) -> bool:
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return True
