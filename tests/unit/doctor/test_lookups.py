"""What other programs and the kernel are asked: the real nft and iptables in a namespace of their own, a journal as it is printed."""

import json
import os
from pathlib import Path

import pytest

from lvsctl.doctor.firewall import Rule, rules
from lvsctl.doctor.lookups import LABEL, firewall, journal, label, messages
from lvsctl.errors import Denied
from lvsctl.host.run import run
from tests.support import netns
from tests.support.require import require

ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make network namespaces")

RULESET = """
table inet t {
  chain post {
    type nat hook postrouting priority 100; policy accept;
    ip saddr 10.0.0.0/24 oifname "eth1" masquerade
    ip daddr { 10.0.0.21, 10.0.0.22 } oifname { "eth0", "eth2" } snat ip to 10.0.0.11
  }
  chain through {
    type filter hook forward priority 0; policy drop;
    ct state established,related accept
    ct state invalid drop
  }
  chain pre {
    type filter hook prerouting priority -150;
    meta mark set ct mark
    ct mark set meta mark
  }
}
"""


def told(rule: Rule) -> tuple[object, ...]:
    def words(found: object) -> object:
        return None if found is None else sorted(map(str, found))  # type: ignore[call-overload]  # one of two tuples

    return (
        rule.hook,
        rule.translates,
        rule.by_state,
        rule.drops,
        rule.restores,
        words(rule.src),
        words(rule.dst),
        words(rule.oifs),
    )


@ROOT
def test_the_rules_of_nftables_are_understood() -> None:
    require("nft")
    with netns.fresh():
        loaded = run(["nft", "-f", "-"], stdin=RULESET)
        assert loaded.status == 0, loaded.stderr
        found = rules(firewall())
    assert [told(each) for each in found] == [
        ("postrouting", True, False, False, False, ["10.0.0.0/24"], None, ["eth1"]),
        ("postrouting", True, False, False, False, None, ["10.0.0.21/32", "10.0.0.22/32"], ["eth0", "eth2"]),
        ("forward", False, True, False, False, None, None, None),
        ("forward", False, True, True, False, None, None, None),
        ("prerouting", False, False, False, True, None, None, None),
        ("prerouting", False, False, False, False, None, None, None),
    ]
    assert {each.policy for each in found if each.hook == "forward"} == {"drop"}
    assert found[0].where == "inet t post"


@ROOT
def test_the_rules_of_iptables_are_understood() -> None:
    require("iptables-nft")
    with netns.fresh():
        made = run(
            [
                "iptables-nft",
                "-t",
                "nat",
                "-A",
                "POSTROUTING",
                "!",
                "-o",
                "eth1",
                "-d",
                "10.0.0.21",
                "-j",
                "MASQUERADE",
            ]
        )
        assert made.status == 0, made.stderr
        found = [each for each in rules(firewall()) if each.translates and each.where.startswith("iptables")]
    assert [told(each) for each in found] == [
        ("postrouting", True, False, False, False, None, ["10.0.0.21/32"], None)
    ]


@ROOT
def test_without_rules_there_are_none() -> None:
    require("nft")
    with netns.fresh():
        assert rules(firewall()) == ()
        assert run(["nft", "list", "ruleset"]).stdout == "", "asking made tables"


def test_the_rules_are_not_everybodys_to_read() -> None:
    own = os.geteuid()
    if own == 0:
        os.seteuid(65534)
    try:
        with pytest.raises(Denied):
            firewall()
    finally:
        os.seteuid(own)


def test_a_journal_is_read_line_by_line() -> None:
    lines = [
        json.dumps({"MESSAGE": "RTNETLINK answers: File exists", "SYSLOG_IDENTIFIER": "ifup"}),
        "no JSON",
        json.dumps({"MESSAGE": [82, 84]}),
        json.dumps({"MESSAGE": "Could not set route: File exists", "_COMM": "systemd-network"}),
        "[" * 100_000,
        json.dumps(["MESSAGE"]),
    ]
    assert list(messages("\n".join(lines))) == [
        "ifup: RTNETLINK answers: File exists",
        "systemd-network: Could not set route: File exists",
    ]


@pytest.mark.skipif(Path("/run/systemd/system").exists(), reason="systemd has booted this machine")
def test_a_machine_without_systemd_has_no_journal() -> None:
    assert journal() is None


def test_a_file_without_a_label_has_none(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("")
    try:
        os.setxattr(tmp_path / "x", LABEL, b"system_u:object_r:bin_t:s0\0")
    except OSError:
        assert label(tmp_path / "x") == ""
    else:
        assert label(tmp_path / "x") == "system_u:object_r:bin_t:s0"
    assert label(tmp_path / "none") == ""
