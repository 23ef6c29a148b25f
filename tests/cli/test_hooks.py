"""``lvsctl hooks``: everything where keepalived, systemd and Pacemaker look for it, and only root can change it."""

import json
import os
import pwd
import subprocess
from pathlib import Path

import pytest

from lvsctl.notify.hook import EVENTS
from tests.cli.conftest import Answer, Lvsctl

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="files that are root's need root")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    top = tmp_path / "root"
    (top / "usr/lib/ocf").mkdir(parents=True)
    return top


class Hooks:
    """``lvsctl hooks … --root`` on one folder."""

    def __init__(self, lvsctl: Lvsctl, root: Path) -> None:
        self._lvsctl = lvsctl
        self.root = root
        self.program = root.parent / "lvsctl"
        self.program.write_text("#!/bin/sh\n")
        self.program.chmod(0o755)

    def __call__(self, verb: str, *more: str) -> Answer:
        where = ("--root", str(self.root), "--program", str(self.program))
        return self._lvsctl("hooks", verb, *where, *more)

    def __truediv__(self, path: str) -> Path:
        return self.root / path


@pytest.fixture
def hooks(lvsctl: Lvsctl, root: Path) -> Hooks:
    return Hooks(lvsctl, root)


def everything(root: Path) -> set[str]:
    return {str(each.relative_to(root)) for each in root.rglob("*") if not each.is_dir() or each.is_symlink()}


def test_what_install_puts_there_is_right_and_a_second_time_changes_nothing(hooks: Hooks) -> None:
    assert hooks("check").status == 2
    assert hooks("install", "--dry-run").status == 0
    assert not everything(hooks.root)
    assert hooks("install").status == 0
    checked = hooks("check")
    assert (checked.status, checked.out) == (0, "")
    before = {each: (hooks / each).lstat().st_mtime_ns for each in everything(hooks.root)}
    again = hooks("install", "--json")
    assert json.loads(again.out) == {"changed": [], "dry_run": False}
    assert before == {each: (hooks / each).lstat().st_mtime_ns for each in everything(hooks.root)}


def test_modes_links_and_programs(hooks: Hooks) -> None:
    hooks("install")
    libexec = hooks / "usr/libexec/lvsctl"
    assert {each.name for each in libexec.iterdir()} == {*EVENTS, "lvsctl", "parse-hetzner-json"}
    for name in EVENTS:
        assert (libexec / name).resolve() == libexec / "notify"
    assert (libexec / "notify").stat().st_mode & 0o7777 == 0o755
    assert (hooks / "usr/lib/ocf/resource.d/lvsctl/hetzner-failover-ip").stat().st_mode & 0o7777 == 0o755
    unit = (hooks / "etc/systemd/system/lvsctl-sorry.service").read_text()
    assert "ExecStart=/usr/libexec/lvsctl/lvsctl sorry serve" in unit
    assert (hooks / "run/lvsctl/spool").stat().st_mode & 0o7777 == 0o700


def test_the_installed_hook_records_an_event(hooks: Hooks) -> None:
    hooks("install")
    environment = {"LVSCTL_ROOT": str(hooks.root), "PATH": "/usr/bin:/bin"}
    hook = hooks / "usr/libexec/lvsctl/notify_stop"
    subprocess.run([hook, "VI_1"], env=environment, timeout=20, check=True)
    records = list((hooks / "run/lvsctl/spool").glob("*.event"))
    assert json.loads(records[0].read_text())["state"] == "STOP"


def test_a_script_user_may_leave_records_and_nobody_else(hooks: Hooks) -> None:
    assert hooks("install", "--script-user", "nobody").status == 0
    spool = (hooks / "run/lvsctl/spool").stat()
    assert (spool.st_mode & 0o7777, spool.st_uid) == (0o1770, 0)
    assert spool.st_gid == pwd.getpwnam("nobody").pw_gid
    assert "1770 root nogroup" in (hooks / "etc/tmpfiles.d/lvsctl.conf").read_text()
    assert hooks("check", "--script-user", "nobody").status == 0
    assert "belongs to group" in hooks("check", "--script-user", "root").out
    assert hooks("install", "--script-user", "no-such-user").status == 64


def test_check_finds_what_somebody_changed_and_install_mends_it(hooks: Hooks) -> None:
    hooks("install")
    libexec = hooks / "usr/libexec/lvsctl"
    (libexec / "notify").write_text("#!/nonexistent/python3\n")
    (libexec / "notify_master").unlink()
    (libexec / "notify_fault").unlink()
    (libexec / "notify_fault").symlink_to("/bin/true")
    (libexec / "parse-hetzner-json").chmod(0o777)
    os.chown(hooks / "usr/lib/ocf/resource.d/lvsctl/hetzner-failover-ip", 65534, 0)
    hooks.program.unlink()
    found = {each["path"].rsplit("/", 1)[1]: each["why"] for each in faults(hooks)}
    assert "another content" in found["notify"]
    assert found["notify_master"] == "is missing"
    assert "leads to /bin/true" in found["notify_fault"]
    assert "no program that can be started" in found["lvsctl"]
    whys = " ".join(each["why"] for each in faults(hooks))
    assert "has mode 0777" in whys
    assert "belongs to uid 65534" in whys
    assert "everybody can write" in whys
    hooks.program.write_text("#!/bin/sh\n")
    hooks.program.chmod(0o755)
    hooks("install")
    assert hooks("check").status == 0


def faults(hooks: Hooks) -> list[dict[str, str]]:
    answer = hooks("check", "--json")
    assert answer.status == 2
    found: list[dict[str, str]] = json.loads(answer.out)["faults"]
    return found


def test_a_folder_that_others_can_write_makes_every_program_in_it_unsafe(hooks: Hooks) -> None:
    hooks("install")
    (hooks / "usr").chmod(0o777)
    answer = hooks("check")
    assert answer.status == 2
    assert f"everybody can write {hooks.root}/usr: chmod o-w" in answer.out


def test_a_program_that_others_can_write_is_not_safe_to_be_woken(hooks: Hooks) -> None:
    hooks("install")
    hooks.program.chmod(0o777)
    assert f"everybody can write {hooks.program}" in hooks("check").out


def test_a_link_in_the_place_of_a_hook_is_replaced_and_what_it_led_to_stays(hooks: Hooks) -> None:
    hooks("install")
    precious = hooks.root / "precious"
    precious.write_text("keep me\n")
    hook = hooks / "usr/libexec/lvsctl/notify"
    hook.unlink()
    hook.symlink_to(precious)
    hooks("install")
    assert precious.read_text() == "keep me\n"
    assert not hook.is_symlink()
    assert hooks("check").status == 0


def test_a_unit_of_the_operators_is_kept_beside_ours(hooks: Hooks) -> None:
    unit = hooks / "etc/systemd/system/lvsctl-sorry.service"
    unit.parent.mkdir(parents=True)
    unit.write_text("[Service]\nExecStart=/bin/mine\n")
    hooks("install")
    assert "mine" in unit.with_name("lvsctl-sorry.service.previous").read_text()


def test_uninstall_takes_away_what_install_made_and_nothing_else(hooks: Hooks) -> None:
    (hooks / "etc/systemd/system").mkdir(parents=True)
    (hooks / "etc/systemd/system/other.service").write_text("[Unit]\n")
    hooks("install")
    (hooks / "usr/libexec/lvsctl/own").write_text("mine\n")
    (hooks / "etc/tmpfiles.d/lvsctl.conf").write_text("# changed by hand\n")
    answer = hooks("uninstall", "--json")
    assert answer.status == 2
    left = json.loads(answer.out)["left"]
    assert sorted(Path(each).name for each in left) == ["lvsctl", "lvsctl.conf"]
    assert everything(hooks.root) == {
        *("etc/systemd/system/other.service", "etc/tmpfiles.d/lvsctl.conf", "usr/libexec/lvsctl/own"),
    }
    (hooks / "usr/libexec/lvsctl/own").unlink()
    (hooks / "etc/tmpfiles.d/lvsctl.conf").unlink()
    assert hooks("uninstall").status == 0
    assert not (hooks / "usr/libexec/lvsctl").exists()


def test_a_folder_that_is_a_mount_point_stays_and_keeps_nothing_else_from_going(hooks: Hooks) -> None:
    hooks("install")
    libexec = hooks / "usr/libexec/lvsctl"
    try:
        mounted = subprocess.run(["mount", "--bind", libexec, libexec], capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("mount is not here")
    if mounted.returncode:
        pytest.skip(f"nothing may be mounted here: {mounted.stderr.decode()}")
    try:
        answer = hooks("uninstall")
        assert answer.status == 2
        assert f"{libexec}: left: it is a mount point: umount {libexec}, then call this again" in answer.err
        assert not everything(hooks.root)
    finally:
        subprocess.run(["umount", libexec], check=True)
    assert hooks("uninstall").status == 0
    assert not libexec.exists()


def test_a_root_that_is_not_there_is_said(lvsctl: Lvsctl) -> None:
    answer = lvsctl("hooks", "install", "--root", "/nonexistent")
    assert (answer.status, answer.err) == (69, "lvsctl: /nonexistent: there is no such folder\n")
