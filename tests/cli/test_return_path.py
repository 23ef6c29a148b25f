"""``lvsctl return-path`` on a host that has nothing of it: what it understands, and what it says."""

import json
import os
from pathlib import Path

import pytest

from tests.cli.conftest import Lvsctl
from tests.support import netns
from tests.support.two_gateways import boot_files

SPEC = """
return_paths: {203.0.113.10: {interface: eth7, gateway: 203.0.113.1}}
virtual_servers:
  web: {address: 203.0.113.10, port: 80, owner: lvsctl, real_servers: [{address: 10.0.0.21, port: 80}]}
"""

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make network namespaces")


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("LVSCTL_ROOT", str(tmp_path / "root"))
    monkeypatch.delenv("LVSCTL_SPEC", raising=False)
    (tmp_path / "lvs.yaml").write_text(SPEC)
    return str(tmp_path / "lvs.yaml")


@needs_root
def test_check_tells_what_is_wrong_also_as_json(lvsctl: Lvsctl, spec: str) -> None:
    with netns.fresh():
        plain = lvsctl("return-path", "check", spec)
        told = lvsctl("return-path", "check", spec, "--json", "--client", "192.0.2.7")
        quiet = lvsctl("return-path", "check", spec, "--quiet")
    assert (plain.status, told.status, quiet.status) == (2, 2, 2)
    assert (quiet.out, quiet.err) == ("", "")
    assert "eth7: error link: there is no such interface" in plain.out
    answer = json.loads(told.out)
    assert answer["paths"] == [
        {
            "address": "203.0.113.10",
            "interface": "eth7",
            "gateway": "203.0.113.1",
            "table": 1001,
            "owner": "lvsctl",
        }
    ]
    assert [each["id"] for each in answer["findings"]] == ["missing", "link", "no-way", "no-way"]
    assert answer["trouble"] == []


@needs_root
def test_fix_without_its_interface_refuses_replies_and_says_that_it_failed(lvsctl: Lvsctl, spec: str) -> None:
    with netns.fresh():
        planned = lvsctl("return-path", "fix", spec, "--dry-run", "--json")
        fixed = lvsctl("return-path", "fix", spec)
        again = lvsctl("return-path", "fix", spec, "--json")
        explained = lvsctl("return-path", "explain", "203.0.113.10", "192.0.2.7", spec)
        as_json = lvsctl("return-path", "explain", "203.0.113.10", "192.0.2.7", spec, "--json")
        back = lvsctl("return-path", "unfix", "--dry-run")
        lvsctl("return-path", "unfix")
        nothing = lvsctl("return-path", "unfix", "--dry-run")
    assert len(json.loads(planned.out)["commands"]) == 3
    assert fixed.status == 1
    assert "eth7: error link: there is no such interface\n  correct return_paths in the spec" in fixed.err
    assert (again.status, json.loads(again.out)["commands"]) == (1, [])
    assert explained.status == 2
    assert "goes nowhere: unreachable (table 1001)" in explained.out
    assert "203.0.113.10 is not on this host" in explained.out
    answer = json.loads(as_json.out)
    assert (answer["right"], answer["here"], answer["way"]["type"]) == (False, False, "unreachable")
    assert len(back.out.splitlines()) == 3
    assert (nothing.out, nothing.err) == ("", "nothing to do\n")


def test_boot_files_are_read_without_a_host_and_without_a_spec(lvsctl: Lvsctl, tmp_path: Path) -> None:
    assert lvsctl("return-path", "check", "--boot-files", str(tmp_path)) == (0, "", "")
    (boot_files(tmp_path) / "etc/netplan").mkdir()
    (tmp_path / "etc/netplan/x.yaml").write_text("[")
    found = lvsctl("return-path", "check", "--boot-files", str(tmp_path))
    assert found.status == 2
    assert found.err == "not looked at: /etc/netplan/x.yaml: no YAML that can be read\n"
    (tmp_path / "etc/network/interfaces").unlink()
    assert lvsctl("return-path", "check", "--boot-files", str(tmp_path)).status == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("explain", "here", "192.0.2.1"), "expected an address, not 'here'"),
        (("explain", "192.0.2.1", "2001:db8::1"), "192.0.2.1 and 2001:db8::1 are of different families"),
        (("check", "--client", "x"), "expected an address, not 'x'"),
        (("check", "--boot-files", "/nowhere"), "--boot-files: /nowhere is no folder"),
    ],
)
def test_what_makes_no_sense_is_refused(
    lvsctl: Lvsctl, spec: str, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], said: str
) -> None:
    monkeypatch.setenv("LVSCTL_SPEC", spec)
    answer = lvsctl("return-path", *words)
    assert answer.status == 64
    assert said in answer.err
