"""The real answers, as far as they can be had from a folder that stands for / and from this kernel without root."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lvsctl.doctor.examine import all_checks, examine
from lvsctl.doctor.keepalived import parsed
from lvsctl.doctor.model import Machine, Role
from lvsctl.doctor.this_host import ThisHost
from lvsctl.errors import Denied, Unavailable
from lvsctl.keepalived import process
from lvsctl.spec.failover_ips import FailoverIp
from tests.support.require import require


@pytest.fixture
def host(tmp_path: Path) -> ThisHost:
    (tmp_path / "etc/x.d").mkdir(parents=True)
    (tmp_path / "etc/x.d/b").write_text("two\n")
    (tmp_path / "etc/x.d/a").write_text("one\n")
    (tmp_path / "etc/link").symlink_to("x.d/a")
    return ThisHost(tmp_path)


def test_files_are_those_below_the_folder(host: ThisHost) -> None:
    assert host.text("/etc/x.d/a") == "one\n"
    assert host.names("/etc/x.d") == ["a", "b"]


def test_what_is_not_there_is_no_error(host: ThisHost) -> None:
    assert host.text("/etc/none") is None
    assert host.text("/etc/x.d/a/below") is None
    assert list(host.names("/etc/none")) == []
    assert list(host.names("/etc/x.d/a")) == []


def test_a_pipe_is_not_opened(host: ThisHost, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "etc/pipe")
    with pytest.raises(Unavailable, match="a pipe"):
        host.text("/etc/pipe")


def test_a_file_that_is_too_long_is_not_read(host: ThisHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lvsctl.doctor.this_host.MOST_TEXT", 3)
    with pytest.raises(Unavailable, match="longer than 3 bytes"):
        host.text("/etc/x.d/a")


def test_a_text_that_is_too_long_for_a_configuration_is_not_parsed() -> None:
    with pytest.raises(Unavailable, match="more than 16 MiB"):
        parsed("\n" * (2**24 + 1))


def test_a_keepalived_that_ends_meanwhile_is_none(host: ThisHost, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = process.Daemon(process.Process(2**22 + 1, 1), "/etc/keepalived/keepalived.conf")
    monkeypatch.setattr(process, "daemons", lambda: iter([ended]))
    assert not host.daemons()


def test_settings_that_cannot_be_seen_are_not_missing(
    host: ThisHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert host.sysctl("net/ipv4/no_such_setting") is None
    monkeypatch.setattr("lvsctl.doctor.this_host.SYSCTLS", tmp_path)
    with pytest.raises(Unavailable, match="no settings of the network"):
        host.sysctl("net/ipv4/ip_forward")


def test_a_program_that_hangs_is_waited_for_once(host: ThisHost, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def hangs() -> None:
        asked.append(1)
        raise Unavailable("keepalived --version: no answer within 10 s, so it was killed")

    monkeypatch.setattr("lvsctl.doctor.this_host.installed", hangs)
    for _ in range(3):
        with pytest.raises(Unavailable, match="no answer"):
            host.keepalived()
    assert len(asked) == 1


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


def test_what_may_not_be_read_is_denied_and_not_missing(host: ThisHost, tmp_path: Path) -> None:
    (tmp_path / "etc/x.d").chmod(0)
    try:
        for ask in (host.text, host.components, host.names):
            with as_nobody(), pytest.raises(Denied):
                ask("/etc/x.d/a" if ask != host.names else "/etc/x.d")
    finally:
        (tmp_path / "etc/x.d").chmod(0o755)


def test_a_path_is_walked_below_the_folder(host: ThisHost) -> None:
    assert [(each.path, each.kind) for each in host.components("/etc/x.d/none")] == [
        ("/", "directory"),
        ("/etc", "directory"),
        ("/etc/x.d", "directory"),
        ("/etc/x.d/none", "missing"),
    ]
    assert host.real_path("/etc/link") == "/etc/x.d/a"


def test_the_kernel_answers() -> None:
    host = ThisHost()
    assert host.sysctl("net/ipv4/ip_forward") in (0, 1)
    assert host.sysctl("net/ipv4/no_such_thing") is None
    assert host.release() == os.uname().release
    assert host.links()["lo"].is_loopback
    assert host.clock().error >= 0
    assert host.is_alive(os.getpid())


def test_the_race_is_found_in_the_files_alone(host: ThisHost, tmp_path: Path) -> None:
    (tmp_path / "etc/network").mkdir()
    (tmp_path / "etc/network/interfaces").write_text(
        "iface eth0 inet static\n  address 10.0.0.2/24\n  gateway 10.0.0.1\n"
        "iface eth1 inet static\n  address 203.0.113.10/32\n  post-up ip route add default via 203.0.113.1 dev eth1\n"
    )
    report = examine(Machine(Role.REALSERVER, host), ignored={each.id for each in all_checks()} - {"LVD401"})
    assert [each.id for each in report.findings] == ["LVD401"]
    assert report.unread == ()


def test_a_name_is_looked_up() -> None:
    require("getent")
    assert "127.0.0.1" in map(str, ThisHost().resolve("localhost"))


@pytest.mark.parametrize(
    ("text", "interpreter", "wrong"),
    [
        ("if true; then\n", "sh", True),
        ("true\n", "sh", False),
        ("def x(:\n", "python3", True),
        ("import os\n", "python3.11", False),
        ("}", "perl", False),
    ],
)
def test_a_script_is_read_and_not_run(
    host: ThisHost, tmp_path: Path, text: str, interpreter: str, *, wrong: bool
) -> None:
    (tmp_path / "etc/script").write_text(f"touch {tmp_path}/ran\n{text}" if interpreter == "sh" else text)
    assert bool(host.syntax("/etc/script", interpreter)) is wrong
    assert not (tmp_path / "ran").exists()


def entry() -> FailoverIp:
    told = {
        "ip": "203.0.113.10",
        "provider": "hetzner-robot",
        "vrrp_instance": "A",
        "credentials": "/etc/robot",
    }
    return FailoverIp.model_validate(told)


@pytest.mark.parametrize(
    ("text", "mode", "said"),
    [
        ("user=a\npassword=tell1234\n", 0o600, ""),
        ("user=a\npassword=\n", 0o600, "empty"),
        ("user=a\npassword=tell1234\n", 0o644, "0644"),
        ("user tell1234\n", 0o600, "expected one of"),
    ],
)
def test_credentials_are_judged_and_not_told(
    host: ThisHost, tmp_path: Path, text: str, mode: int, said: str
) -> None:
    path = tmp_path / "etc/robot"
    path.write_text(text)
    path.chmod(mode)
    assert stat.S_IMODE(path.stat().st_mode) == mode
    answer = host.credentials(entry())
    assert said in answer
    assert bool(answer) is bool(said)
    assert "tell1234" not in answer
