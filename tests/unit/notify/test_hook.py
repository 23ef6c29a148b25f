"""The hook as keepalived runs it: a process, a name, arguments, a file in the spool."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lvsctl.notify import hook
from lvsctl.notify.event import Event, LowerPrioritySeen, Quorum, Transition
from lvsctl.notify.spool import Spool
from tests.support.cage import MOUNTS
from tests.support.lab import ROOT

HOOKS = ROOT / "hooks"
NOBODY = 65534


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "run/lvsctl").mkdir(parents=True)
    return tmp_path


def run(
    name: str, *arguments: str | bytes, root: Path, user: int | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [HOOKS / name, *arguments],
        env={"LVSCTL_ROOT": str(root)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        user=user,
    )


def events(root: Path) -> list[Event]:
    entries, rejected = Spool(root / "run/lvsctl/spool", owners=(0, os.geteuid(), NOBODY)).look()
    assert not rejected
    return [entry.event for entry in entries]


def test_every_name_is_installed_and_is_the_same_file() -> None:
    assert {path.name for path in HOOKS.iterdir() if path.is_symlink()} == set(hook.EVENTS)
    assert {path.resolve() for path in HOOKS.iterdir() if path.is_symlink()} == {
        Path(hook.__file__).resolve()
    }


@pytest.mark.parametrize(
    ("name", "arguments", "event"),
    [
        ("notify", ["INSTANCE", "VI 1", "MASTER", "150"], Transition("VI 1", "MASTER", 150)),
        ("notify", ["GROUP", "all", "FAULT", "0"], Transition("all", "FAULT", 0, is_group=True)),
        ("notify_master", ["VI_1"], Transition("VI_1", "MASTER")),
        ("notify_stop", ["VI_1"], Transition("VI_1", "STOP")),
        ("notify_master_rx_lower_pri", ["größe#1;$(x)"], LowerPrioritySeen("größe#1;$(x)")),
        ("quorum_up", ["web"], Quorum("web", up=True)),
        ("quorum_down", ["web"], Quorum("web", up=False)),
    ],
)
def test_a_hook_records_what_keepalived_tells(
    name: str, arguments: list[str], event: Event, root: Path
) -> None:
    finished = run(name, *arguments, root=root)
    assert (finished.returncode, finished.stderr) == (0, "")
    assert events(root) == [event]


def test_the_names_of_records_sort_as_they_came(root: Path) -> None:
    states = ["BACKUP", "MASTER", "FAULT", "BACKUP", "MASTER"]
    for state in states:
        run("notify", "INSTANCE", "VI_1", state, "100", root=root)
    assert [event.state for event in events(root) if isinstance(event, Transition)] == states


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("notify", [], "expected INSTANCE|GROUP NAME STATE PRIORITY after notify, not 0 arguments"),
        ("notify", ["VRRP", "a", "MASTER", "1"], "expected INSTANCE or GROUP, not 'VRRP'"),
        ("notify", ["INSTANCE", "a", "master", "1"], "expected MASTER or BACKUP"),
        ("notify", ["INSTANCE", "a", "MASTER", "256"], "expected a priority of 0 to 255, not '256'"),
        ("notify", ["INSTANCE", "a", "MASTER", "-1"], "expected a priority"),
        ("notify_master", [], "expected NAME after notify_master, not 0 arguments"),
        ("quorum_down", [""], "expected a name of 1 to 255 bytes"),
        ("quorum_down", ["x" * 256], "expected a name of 1 to 255 bytes"),
        ("quorum_down", ['a"b'], "without quotes"),
        ("quorum_down", ["a\\"], "without quotes, backslashes"),
        ("quorum_down", ["a\nb"], "characters that do not show"),
        ("quorum_down", [b"a\xffb"], "characters that do not show"),
    ],
)
def test_what_keepalived_never_says_is_refused(
    name: str, arguments: list[str], said: str, root: Path
) -> None:
    finished = run(name, *arguments, root=root)
    assert finished.returncode == 64
    assert said in finished.stderr
    assert finished.stderr.count("\n") == 1
    assert not events(root)


def test_no_room_on_the_disk_is_said_and_leaves_nothing_half_done(root: Path) -> None:
    script = (
        f"mount -t tmpfs -o size=16k tmpfs {root}/run/lvsctl && mkdir {root}/run/lvsctl/spool && "
        f"head -c 100000 /dev/zero > {root}/run/lvsctl/full; {HOOKS}/quorum_down web; "
        f"echo status $?; ls -A {root}/run/lvsctl/spool"
    )
    finished = subprocess.run(
        ["unshare", *MOUNTS, "sh", "-c", script],
        env={"LVSCTL_ROOT": str(root), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert finished.stdout == "status 69\n"
    assert "No space left on device; this event is lost" in finished.stderr
    assert "web" in finished.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_user_who_may_not_write_there_is_told_and_one_who_may_records() -> None:
    # Not below pytest's own folder, which nobody else can enter.
    root = Path("/tmp") / f"lvsctl-hook-{os.getpid()}"
    spool = root / "run/lvsctl/spool"
    spool.mkdir(parents=True)
    program = root / "quorum_down"
    shutil.copy(hook.__file__, program)
    try:
        for path in (root, root / "run", root / "run/lvsctl", program):
            path.chmod(0o755)
        argv = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", str(program), "web"]
        environment = {"LVSCTL_ROOT": str(root), "PATH": os.environ["PATH"]}

        def status() -> int:
            return subprocess.run(
                argv, env=environment, capture_output=True, timeout=30, check=False
            ).returncode

        spool.chmod(0o755)
        assert status() == 77
        os.chown(spool, 0, NOBODY)
        spool.chmod(0o1770)
        assert status() == 0
        assert events(root) == [Quorum("web", up=False)]
    finally:
        shutil.rmtree(root)


def test_it_loads_next_to_nothing(root: Path) -> None:
    code = (
        "import sys; sys.argv = sys.argv[1:]; before = set(sys.modules)\n"
        f"exec(compile(open({hook.__file__!r}).read().replace('os._exit(main(sys.argv))', 'main(sys.argv)'), 'hook', 'exec'))\n"
        "print(sorted(set(sys.modules) - before))"
    )
    finished = subprocess.run(
        ["/usr/bin/python3", "-IS", "-c", code, "quorum_up", "web"],
        env={"LVSCTL_ROOT": str(root)},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    loaded = json.loads(finished.stdout.replace("'", '"'))
    assert set(loaded) <= {
        "_collections_abc",
        "_stat",
        "genericpath",
        "os",
        "os.path",
        "posixpath",
        "stat",
        "fcntl",
    }
    assert events(root)


AGENT = """#!/bin/sh
echo "$@" "$(id -u)" "$(readlink /proc/$$/fd/1)" > "$LVSCTL_ROOT/started.new"
mv "$LVSCTL_ROOT/started.new" "$LVSCTL_ROOT/started"
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's hooks start the agent")
@pytest.mark.skipif(Path("/run/systemd/system").exists(), reason="systemd's path unit starts the agent here")
def test_without_systemd_the_agent_is_started_once_unless_it_lives_or_keepalived_stops(root: Path) -> None:
    program = root / "usr/libexec/lvsctl/lvsctl"
    program.parent.mkdir(parents=True)
    program.write_text(AGENT)
    program.chmod(0o755)
    started = root / "started"

    def starts(*arguments: str) -> bool:
        started.unlink(missing_ok=True)
        run("notify", *arguments, root=root)
        subprocess.run(
            ["timeout", "0.7", "sh", "-c", f"until test -e {started}; do sleep 0.05; done"], check=False
        )
        return started.exists()

    assert starts("INSTANCE", "VI_1", "MASTER", "100")
    assert started.read_text() == "agent --once 0 /dev/null\n"
    assert not starts("INSTANCE", "VI_1", "STOP", "100")
    lock = root / "run/lvsctl/agent.lock"
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import fcntl, time; f = open({str(lock)!r}, 'w'); fcntl.flock(f, fcntl.LOCK_EX); print(flush=True); time.sleep(60)",
        ],
        stdout=subprocess.PIPE,
    )
    with holder:
        assert holder.stdout
        holder.stdout.readline()
        assert not starts("INSTANCE", "VI_1", "MASTER", "100")
        holder.kill()
    assert starts("INSTANCE", "VI_1", "MASTER", "100")
