import pytest

from lvsctl.keepalived.program import described, dotted, installed
from tests.support.require import require

ACCOUNT = """\
Keepalived v2.2.7 (01/16,2022)

Copyright(C) 2001-2022 Alexandre Cassen, <acassen@gmail.com>

Config options:  NFTABLES LVS VRRP JSON BFD INIT=systemd

System options:  VSYSLOG
"""


def test_the_account_of_a_program_names_its_release_and_options() -> None:
    program = described("/usr/sbin/keepalived", ACCOUNT)
    assert program
    assert dotted(program.version) == "2.2.7"
    assert program.options == {"NFTABLES", "LVS", "VRRP", "JSON", "BFD", "INIT=systemd"}


@pytest.mark.parametrize("account", ["", "keepalived: not found", "Keepalived vX"])
def test_anything_else_is_no_keepalived(account: str) -> None:
    assert described("/x", account) is None


@pytest.mark.keepalived
def test_the_installed_one_describes_itself() -> None:
    path = require("keepalived")
    program = installed()
    assert program
    assert program.path == path
    assert program.version > (1, 3, 0)
    assert "VRRP" in program.options
