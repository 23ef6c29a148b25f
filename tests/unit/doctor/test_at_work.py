"""Which keepalived.conf is taken for the truth, and what of it is read: from a folder that stands for /."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lvsctl.doctor.adopted import machine_of
from lvsctl.doctor.at_work import AtWork, at_work
from lvsctl.errors import Denied, LvsctlError
from lvsctl.keepalived.parse import parse
from tests.support.made_up_machine import MadeUpMachine
from tests.unit.doctor.cases_adopted import CONF
from tests.unit.doctor.machines import CONFIG, DIRECTOR

HOST = MadeUpMachine(DIRECTOR)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path, CONFIG, CONF)
    return tmp_path


def write(root: Path, name: str, text: str, mode: int = 0o644) -> Path:
    path = root / name.lstrip("/")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def files(found: AtWork) -> tuple[str, ...]:
    return tuple(file for parsed in found.configs for file in parsed.files)


def test_without_a_daemon_it_is_the_file_of_the_next_start(root: Path) -> None:
    found = at_work(HOST, root)
    assert (files(found), found.pids) == ((CONFIG,), ())


@pytest.mark.parametrize(
    ("unit", "options"),
    [
        ("/etc/default/keepalived", '# options\nDAEMON_ARGS="--log-detail -f /etc/keepalived/other.conf"\n'),
        ("/etc/sysconfig/keepalived", "KEEPALIVED_OPTIONS='-D --use-file=/etc/keepalived/other.conf'\n"),
    ],
)
def test_the_unit_s_options_say_which_file_that_is(root: Path, unit: str, options: str) -> None:
    write(root, unit, options)
    found = at_work(HOST, root)
    assert (files(found), found.expected) == ((), "/etc/keepalived/other.conf")
    write(root, "/etc/keepalived/other.conf", CONF)
    assert files(at_work(HOST, root)) == ("/etc/keepalived/other.conf",)


def test_a_pipe_in_the_place_of_the_options_keeps_nobody_waiting(root: Path) -> None:
    (root / "etc/default").mkdir()
    os.mkfifo(root / "etc/default/keepalived")
    assert files(at_work(HOST, root)) == (CONFIG,)


@pytest.mark.parametrize("options", ["DAEMON_ARGS='-f", "", "DAEMON_ARGS=\n=\n"])
def test_options_that_say_nothing_leave_the_usual_file(root: Path, options: str) -> None:
    write(root, "/etc/default/keepalived", options)
    assert files(at_work(HOST, root)) == (CONFIG,)


def test_included_files_are_those_below_the_same_root(root: Path) -> None:
    first, _, service = CONF.partition("virtual_server ")
    write(root, CONFIG, f"{first}include conf.d/*.conf\ninclude /etc/keepalived/none.conf\n")
    write(root, "/etc/keepalived/conf.d/web.conf", f"virtual_server {service}")
    found = at_work(HOST, root)
    assert files(found) == (CONFIG, "/etc/keepalived/conf.d/web.conf")
    machine = machine_of(HOST, found.configs, found.pids)
    assert set(machine.spec.virtual_servers) == {"tcp-10.0.0.100-80"}
    assert machine.adoption is not None
    assert [each.place.file for each in machine.adoption.misread] == [CONFIG]


def test_where_there_is_no_file_nothing_is_read(tmp_path: Path) -> None:
    found = at_work(HOST, tmp_path)
    assert found == AtWork((), (), CONFIG)


@contextmanager
def as_nobody() -> Iterator[None]:
    """Be a user who may read little, for what root may do anyway."""
    own = os.geteuid()
    if own == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(own)


@pytest.mark.parametrize("secret", [CONFIG, "/etc/keepalived/conf.d/web.conf"])
def test_what_root_alone_may_read_is_denied_and_not_missing(root: Path, secret: str) -> None:
    write(root, CONFIG, f"{CONF}include conf.d/*.conf\n")
    write(root, "/etc/keepalived/conf.d/web.conf", "")
    for folder in (root, *root.parents):
        if not folder.stat().st_mode & 1:
            folder.chmod(folder.stat().st_mode | 0o011)
    (root / secret.lstrip("/")).chmod(0)
    with as_nobody(), pytest.raises(Denied, match=f"{secret} may not be read"):
        at_work(HOST, root)


def test_a_file_that_keepalived_passes_over_is_no_truth(root: Path) -> None:
    write(root, CONFIG, CONF, mode=0o755)
    with pytest.raises(LvsctlError, match="executable"):
        at_work(HOST, root)


def test_two_keepaliveds_of_one_machine_are_examined_together() -> None:
    vrrp, _, service = CONF.partition("virtual_server ")
    configs = [parse(vrrp, file="/etc/vrrp.conf"), parse(f"virtual_server {service}", file="/etc/lvs.conf")]
    machine = machine_of(HOST, configs, [7, 8])
    assert (len(machine.spec.vrrp_instances), len(machine.spec.virtual_servers)) == (1, 1)
    assert machine.adoption is not None
    assert machine.adoption.files == ("/etc/vrrp.conf", "/etc/lvs.conf")
    assert machine.adoption.unusable == ()
