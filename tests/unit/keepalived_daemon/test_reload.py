"""Installing a configuration under the real keepalived, in namespaces of its own. Without IPVS: VRRP only."""

import os
import signal
from pathlib import Path

import pytest

from lvsctl.errors import Denied
from lvsctl.keepalived.account import account, held
from lvsctl.keepalived.inventory import Inventory, RealServer
from lvsctl.keepalived.judge import Invalid, Unverified, Valid
from lvsctl.keepalived.messages import Message
from lvsctl.keepalived.process import Ambiguous, Process, children, find, is_alive
from lvsctl.keepalived.reload import Outcome, Reloaded, install_and_reload
from tests.support.daemon import running, until
from tests.support.require import require, require_root

pytestmark = pytest.mark.keepalived

VALID = Valid((2, 2, 7))


@pytest.fixture(autouse=True)
def _keepalived() -> None:
    require("keepalived")
    require_root("keepalived")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "keepalived.conf"
    path.write_text(instances("A"))
    return path


def instances(names: str, interface: str = "eth0") -> str:
    return "global_defs {\n    router_id test  # a comment\n}\n" + "".join(
        f"vrrp_instance {name} {{\n    interface {interface}\n    virtual_router_id {ord(name)}\n"
        f"    priority 100\n    virtual_ipaddress {{\n        10.0.0.{ord(name)}/24\n    }}\n}}\n"
        for name in names
    )


def inventory(names: str) -> Inventory:
    return Inventory(frozenset(names), {})


def install(
    path: Path, text: str, wanted: Inventory | None = None, *, mode: int = 0o644, timeout: float = 6
) -> Reloaded:
    return install_and_reload(
        text, path, validate=lambda _: VALID, inventory=wanted, mode=mode, timeout=timeout
    )


def test_a_new_configuration_replaces_the_old_one(path: Path) -> None:
    with running(path) as keepalived:
        before = children(keepalived.daemon)
        result = install(path, instances("AB"), inventory("AB"))
        assert result == Reloaded(Outcome.RELOADED, "", VALID)
        assert "vrrp_instance B" in (held(keepalived.daemon) or "")
        assert (find(path), children(keepalived.daemon)) == (keepalived.daemon, before)
    assert path.read_text() == instances("AB")
    assert path.with_name("keepalived.conf.previous").read_text() == instances("A")
    assert not list(path.parent.glob(".*"))


def test_the_same_configuration_changes_nothing(path: Path) -> None:
    with running(path) as keepalived:
        assert install(path, instances("A"), inventory("A")).outcome is Outcome.UNCHANGED
        assert "Reloading" not in keepalived.log.read_text()


def test_a_file_that_was_changed_but_not_read_is_read(path: Path) -> None:
    with running(path):
        path.write_text(instances("AB"))
        assert install(path, instances("AB"), inventory("AB")).outcome is Outcome.RELOADED


def test_without_a_running_keepalived_the_file_is_installed(path: Path) -> None:
    assert install(path, instances("AB"), inventory("AB")).outcome is Outcome.NOT_RUNNING
    assert path.read_text() == instances("AB")


def test_the_first_file_is_installed(tmp_path: Path) -> None:
    path = tmp_path / "keepalived.conf"
    assert install(path, instances("A"), mode=0o600).outcome is Outcome.NOT_RUNNING
    assert (path.read_text(), path.stat().st_mode & 0o777) == (instances("A"), 0o600)


def test_an_invalid_configuration_is_not_installed(path: Path) -> None:
    invalid = Invalid((2, 2, 7), (Message(3, None, "Unknown keyword 'x'"),))
    with running(path) as keepalived:
        result = install_and_reload(instances("AB"), path, validate=lambda _: invalid)
        assert (result.outcome, result.detail) == (Outcome.REFUSED, "line 3: Unknown keyword 'x'")
        assert "Reloading" not in keepalived.log.read_text()
    assert path.read_text() == instances("A")


def test_an_unverified_one_only_when_that_is_accepted(path: Path) -> None:
    unverified = Unverified("no namespaces")
    result = install_and_reload(instances("AB"), path, validate=lambda _: unverified)
    assert (result.outcome, path.read_text()) == (Outcome.REFUSED, instances("A"))
    result = install_and_reload(instances("AB"), path, validate=lambda _: unverified, accept_unverified=True)
    assert (result.outcome, path.read_text()) == (Outcome.NOT_RUNNING, instances("AB"))


def test_what_would_end_keepalived_on_this_machine_is_not_installed(path: Path) -> None:
    """2.2.7 ends, and drops every address, when an interface of the new file does not exist."""
    with running(path) as keepalived:
        result = install(path, instances("A") + instances("B", "eth7"), inventory("AB"))
        assert result.outcome is Outcome.REFUSED
        assert "eth7" in result.detail
        assert is_alive(keepalived.daemon.parent)
        assert "Reloading" not in keepalived.log.read_text()
    assert path.read_text() == instances("A")
    assert not list(path.parent.glob(".*"))


def test_a_first_virtual_server_without_ipvs_is_not_installed(path: Path) -> None:
    if Path("/proc/net/ip_vs").exists():
        pytest.skip("this machine has IPVS")
    wanted = Inventory(frozenset("A"), {"[10.0.0.1]:tcp:80": frozenset((RealServer("10.1.1.1", 80, 1),))})
    with running(path) as keepalived:
        result = install(path, instances("A") + VIRTUAL_SERVER, wanted)
        assert (result.outcome, "ip_vs" in result.detail) == (Outcome.REFUSED, True)
        assert is_alive(keepalived.daemon.parent)


VIRTUAL_SERVER = """\
virtual_server 10.0.0.1 80 {
    lb_algo rr
    lb_kind NAT
    protocol TCP
    real_server 10.1.1.1 80 {
        weight 1
    }
}
"""


def test_what_needs_a_restart_is_not_installed_for_a_reload(path: Path) -> None:
    with running(path):
        result = install(path, "instance other\n" + instances("A"), inventory("A"))
        assert (result.outcome, result.detail) == (Outcome.REFUSED, "instance takes effect only at a restart")
    assert path.read_text() == instances("A")


def test_a_keepalived_that_checks_first_is_asked_before_its_file_changes(path: Path) -> None:
    text = instances("A").replace("router_id test", "reload_check_config\n    router_id test")
    broken = text + 'vrrp_script s {\n    script "/nowhere/at/all"\n}\n'
    path.write_text(text)
    with running(path) as keepalived:
        assert install(path, broken, inventory("A")).outcome is Outcome.REFUSED
        assert "Reloading" not in keepalived.log.read_text()
        assert install(path, text.replace("test", "other"), inventory("A")).outcome is Outcome.RELOADED


def test_a_keepalived_that_does_not_do_what_the_file_says_gets_its_old_one_back(path: Path) -> None:
    """Started with --vrrp it never works on a virtual server."""
    wanted = Inventory(frozenset("AB"), {"FWM 1": frozenset((RealServer("10.1.1.1", 0, 1),))})
    text = instances("AB") + VIRTUAL_SERVER.replace("10.0.0.1 80", "fwmark 1").replace(
        "    protocol TCP\n", ""
    )
    with running(path, options=["--vrrp"]) as keepalived, pytest.MonkeyPatch.context() as patch:
        patch.setattr("lvsctl.keepalived.obstacles.lacks_ipvs", lambda _: False)
        result = install(path, text, wanted, timeout=1)
        assert result.outcome is Outcome.ROLLED_BACK
        assert result.detail == "FWM 1 is missing; the previous file is back"
        assert "vrrp_instance B" not in (held(keepalived.daemon) or "")
        assert is_alive(keepalived.daemon.parent)
    assert path.read_text() == instances("A")


def test_a_keepalived_that_dies_is_reported_and_its_file_is_put_back(path: Path) -> None:
    with running(path) as keepalived:
        result = install(
            path, instances("A") + VIRTUAL_SERVER, timeout=1
        )  # no inventory, so nobody foresees it
        if Path("/proc/net/ip_vs").exists():
            pytest.skip("this machine has IPVS, so keepalived survives")
        assert result.outcome is Outcome.BROKEN
        assert result.detail.startswith("keepalived died; the previous file is back, but nothing")
        assert not is_alive(keepalived.daemon.parent)
    assert path.read_text() == instances("A")


def test_a_keepalived_that_dies_and_is_started_again_runs_with_the_old_file(path: Path) -> None:
    if Path("/proc/net/ip_vs").exists():
        pytest.skip("this machine has IPVS, so keepalived survives")
    with running(path, supervised=True) as keepalived:
        result = install(path, instances("A") + VIRTUAL_SERVER, timeout=60)
        assert result.outcome is Outcome.ROLLED_BACK, result.detail
        assert "started it again" in result.detail
        again = find(path)
        assert again
        assert again.parent != keepalived.daemon.parent


def test_a_file_that_is_a_link_stays_one(path: Path) -> None:
    link = path.with_name("link.conf")
    link.symlink_to(path)
    with running(path):
        assert install(link, instances("AB"), inventory("AB")).outcome is Outcome.RELOADED
    assert link.is_symlink()
    assert path.read_text() == instances("AB")


def test_another_keepalived_is_left_alone(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    config = other / "keepalived.conf"
    config.write_text(instances("C"))
    with running(config) as keepalived:
        assert install(path, instances("AB"), inventory("AB")).outcome is Outcome.NOT_RUNNING
        assert "Reloading" not in keepalived.log.read_text()


def test_two_that_read_the_same_file_are_nothing_to_guess_about(path: Path) -> None:
    with running(path), pytest.raises(Ambiguous), running(path):
        pass


def test_bytes_of_an_old_file_survive_the_way_back(path: Path) -> None:
    old = instances("A").encode().replace(b"a comment", b"name\xe9")
    path.write_bytes(old)
    with running(path, options=["--vrrp"]):
        result = install(path, instances("AB"), inventory("ABC"), timeout=1)
        assert result.outcome is Outcome.ROLLED_BACK
    assert path.read_bytes() == old


def test_an_ordinary_user_is_told_that_only_root_can_tell(path: Path) -> None:
    with running(path):
        child = os.fork()
        if child == 0:
            os.setgid(65534)
            os.setgroups([])
            os.setuid(65534)
            os._exit(_denied(path))
        assert os.waitpid(child, 0)[1] == 0


def _denied(path: Path) -> int:
    try:
        find(path)
    except Denied:
        return 0 if find(Path("/etc/hostname")) is None else 2
    return 1


def test_the_account_is_new_each_time_and_complete(path: Path) -> None:
    with running(path) as keepalived:
        for _ in range(3):
            told = account(keepalived.daemon)
            assert told
            assert set(told) == {"keepalived.data", "keepalived_parent.data"}
            assert told["keepalived.data"].endswith("\n")
            assert "------< Interfaces >------" in told["keepalived.data"]


def test_what_others_put_beside_the_dumps_is_not_read(path: Path) -> None:
    with running(path) as keepalived:
        trap = path.parent / "keepalived.trap.data"
        trap.symlink_to("/etc/shadow")
        told = account(keepalived.daemon)
        assert told
        assert "keepalived.trap.data" not in told


def test_a_dead_keepalived_gives_no_account(path: Path) -> None:
    with running(path) as keepalived:
        keepalived.kill()
        until(lambda: not is_alive(keepalived.daemon.parent), "it does not die")
        assert account(keepalived.daemon, timeout=1) is None
        assert find(path) is None


def test_a_stopped_one_gives_none_in_time(path: Path) -> None:
    with running(path) as keepalived:
        keepalived.kill(signal.SIGSTOP)
        assert account(keepalived.daemon, timeout=0.3) is None


def test_a_later_process_with_the_same_number_is_another_one(path: Path) -> None:
    with running(path) as keepalived:
        parent = keepalived.daemon.parent
        assert not is_alive(Process(parent.pid, parent.started + 1))
