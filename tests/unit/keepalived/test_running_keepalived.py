"""What a running keepalived says it read from a printed file: commands with their arguments, names, texts."""

import re
import signal
from pathlib import Path

import pytest

from lvsctl.keepalived.config import Statement
from lvsctl.keepalived.parse_scripts import joined
from lvsctl.keepalived.print import print_config
from tests.support.daemon import running, until
from tests.support.reading import require_keepalived

pytestmark = pytest.mark.keepalived

ROUTER_ID = "a#b!c {d} \\e $x ü"
NAME = "V #1"
ARGUMENTS = (
    ("a b", '"q r"', "x#y", "!z"),
    ("{w}", "}", "{", "a{b}c"),
    ("", "ü", "$x", "${A}", "`id`", "&&", "|", ";"),
    ("\ttab", "  two  blanks  "),
)


def config() -> tuple[Statement, ...]:
    scripts = [
        Statement(("vrrp_script", f"s {index}"), (Statement(("script", joined(("/bin/echo", *argv)))),))
        for index, argv in enumerate(ARGUMENTS)
    ]
    tracked = tuple(Statement((script.words[1],)) for script in scripts)
    instance = (
        Statement(("interface", "eth0")),
        Statement(("virtual_router_id", "51")),
        Statement(("virtual_ipaddress",), (Statement(("10.9.9.9/32", "dev", "eth0")),)),
        Statement(("track_script",), tracked),
        Statement(("notify", "/bin/echo 'x y'", "root")),
    )
    general = (Statement(("router_id", ROUTER_ID)), Statement(("script_user", "root")))
    return Statement(("global_defs",), general), *scripts, Statement(("vrrp_instance", NAME), instance)


def test_keepalived_runs_on_what_was_printed(tmp_path: Path) -> None:
    require_keepalived()
    tmp_path.chmod(0o755)
    file = tmp_path / "keepalived.conf"
    file.write_text(print_config(config(), header=('a "header" # ! { } $_PWD',)))
    with running(file) as keepalived:
        keepalived.kill(signal.SIGUSR1)
        data = tmp_path / "keepalived.data"
        until(lambda: data.exists() and "VRRP Scripts" in data.read_text(), "keepalived writes no dump")
        until(lambda: len(commands(data)) == len(ARGUMENTS), "keepalived writes no commands")
        dump = data.read_text()
    assert [tuple(command) for command in commands(data)] == list(ARGUMENTS)
    assert f" Router ID = {ROUTER_ID}\n" in dump
    assert f" VRRP Instance = {NAME}\n" in dump
    assert "Generic state transition script = '/usr/bin/echo' 'x y', uid:gid 0:0" in dump


def commands(dump: Path) -> list[list[str]]:
    """Answer the arguments of every script in the dump. None of them has a single quote."""
    lines = re.findall(r"Command = '/(?:usr/)?bin/echo' ?(.*)", dump.read_text())
    return [re.findall(r"'([^']*)'", line) for line in lines]
