"""Commands that mend are pasted into root's shell: what others called their files and interfaces is quoted there."""

import shlex
from pathlib import Path

import pytest

from lvsctl.compose.rules.here import weak_component
from lvsctl.compose.rules.host import PathComponent
from lvsctl.doctor.dispatchers import open_to_others
from lvsctl.doctor.model import Machine, Role
from lvsctl.doctor.scripts import mend
from lvsctl.doctor.settings import SETTINGS
from lvsctl.doctor.sysctl import How, command
from lvsctl.doctor.this_host import ThisHost

NASTY = "a: touch owned; #$(id)"


def test_a_name_that_looks_like_our_own_message_is_no_command(tmp_path: Path) -> None:
    folder = tmp_path / "etc/networkd-dispatcher/routable.d"
    folder.mkdir(parents=True)
    hook = folder / NASTY
    hook.write_text("#!/bin/sh\n")
    hook.chmod(0o777)
    [found] = open_to_others(Machine(Role.DIRECTOR, ThisHost(tmp_path)))
    assert shlex.split(found.remedy)[0] in ("chmod", "chown")
    assert shlex.split(found.remedy)[2:] == [f"/etc/networkd-dispatcher/routable.d/{NASTY}"]


@pytest.mark.parametrize("part", [(7, 0o755), (0, 0o757), (0, 0o775)])
def test_a_weak_path_is_quoted(part: tuple[int, int]) -> None:
    uid, mode = part
    weak = weak_component((PathComponent(f"/{NASTY}", "file", uid, 7, mode),))
    assert weak is not None
    assert shlex.split(weak.mend)[2:] == [f"/{NASTY}"]


@pytest.mark.parametrize("said", ["ends in CR", "a byte order mark", "it does not begin with #!", "else"])
def test_a_script_is_quoted(said: str) -> None:
    assert shlex.quote(f"/x/{NASTY}") in mend(f"/x/{NASTY}", said)


def test_an_interface_is_quoted() -> None:
    own = next(each for each in SETTINGS if each.how is How.OWN)
    assert f"'net.ipv4.conf.e;id.{own.name}=" in command(own, "e;id")
