"""``lvsctl status``: one look at the node, whatever of it runs."""

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from lvsctl.cli.main import app

AGENT: dict[str, Any] = {
    "version": 1,
    "pid": os.getpid(),
    "node": "lb1",
    "keepalived": {"why": None},
    "spec": {"trouble": None},
    "instances": {"VI_1": {"state": "MASTER", "since": None}},
    "failover": {},
    "quorums": {},
    "sorry": {"trouble": {}},
}


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LVSCTL_ROOT", str(tmp_path))
    return tmp_path


def glance(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["status", *arguments])
    return result.exit_code, result.stdout


def heard(root: Path, **changes: object) -> None:
    folder = root / "run/lvsctl"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "status.json").write_text(json.dumps(AGENT | {"heartbeat": time.time()} | changes))


def test_a_node_on_which_nothing_runs_is_unknown() -> None:
    assert glance() == (1, "the agent does not run\nno service has a sorry server\n")


def test_a_node_that_is_well_has_nothing_to_look_at(root: Path) -> None:
    heard(root)
    code, out = glance()
    assert code == 0
    assert "VRRP instance VI_1: MASTER\n" in out
    assert glance("--quiet") == (0, "")


def test_what_the_agent_complains_of_is_unknown_here_too(root: Path) -> None:
    heard(root, sorry={"trouble": {"web": "nobody listens"}})
    code, out = glance()
    assert code == 1
    assert "sorry of web: nobody listens" in out


def test_the_parts_are_there_as_json(root: Path) -> None:
    heard(root)
    code, out = glance("--json")
    found = json.loads(out)
    assert (code, found["agent"]["alive"], found["sorry"], found["uplinks"]) == (0, True, [], None)
