"""Which sorry server a service of the spec gets: the one that render writes for keepalived."""

import re
from pathlib import Path

import pytest

from lvsctl.compose.render import render
from lvsctl.compose.sorry_targets import Switchable, switchable
from lvsctl.spec.load import Declared, read

NODES = """
nodes:
  lb1: {address: [10.0.0.11, "fd00::11"]}
  lb2: {address: 10.0.0.12}
"""
REAL = "real_servers: [{address: 10.0.0.21}]"


@pytest.fixture
def declared(tmp_path: Path) -> Declared:
    path = tmp_path / "lvs.yaml"
    path.write_text(
        f"""{NODES}
sorry: {{port: 8600}}
virtual_server_groups:
  both: [{{address: 203.0.113.20-21, port: 80}}, {{address: "2001:db8::20", port: 443}}]
  huge: [{{address: 10.0.0.0/8, port: 80}}]
virtual_servers:
  web: {{address: 203.0.113.10, port: 80, sorry_server: {{}}, {REAL}}}
  web6: {{address: "2001:db8::1", port: 80, sorry_server: {{}}, real_servers: [{{address: "fd00::21"}}]}}
  direct: {{address: 203.0.113.11, port: 80, lvs_method: DR, sorry_server: {{}}, {REAL}}}
  third: {{address: 203.0.113.12, port: 81, sorry_server: 192.0.2.9 8080, {REAL}}}
  keeps: {{address: 203.0.113.13, port: 81, sorry_server: 192.0.2.9, {REAL}}}
  routed: {{address: 203.0.113.14, port: 81, lvs_method: DR, sorry_server: 192.0.2.9, {REAL}}}
  tunnel:
    address: 203.0.113.15
    port: 81
    sorry_server: 192.0.2.9
    sorry_server_lvs_method: TUN type gue port 6080 csum
    {REAL}
  peers: {{address: 203.0.113.16, port: 80, sorry_server: 10.0.0.12 8600, {REAL}}}
  mark: {{fwmark: 5, sorry_server: {{}}, {REAL}}}
  tls: {{address: 203.0.113.10, port: 443, sorry_server: {{}}, {REAL}}}
  checked:
    address: 203.0.113.10
    port: 8443
    sorry_server: {{}}
    checks: [{{SSL_GET: {{url: [{{path: /, status_code: 200}}]}}}}]
    {REAL}
  none: {{address: 203.0.113.17, port: 80, {REAL}}}
  group: {{group: both, owner: lvsctl, sorry_server: {{}}, {REAL}}}
  vast: {{group: huge, owner: lvsctl, sorry_server: {{}}, {REAL}}}
"""
    )
    return read(path)


def found(declared: Declared, node: str = "lb1") -> dict[str, Switchable]:
    return dict(switchable(declared.spec(node), node))


def one(declared: Declared, name: str, node: str = "lb1") -> str:
    [candidate] = found(declared, node)[name].candidates
    key, _, dest_key, dest, _ = candidate.target
    tunnel = f" {dest.tunnel.type} {dest.tunnel.port} {dest.tunnel.flags!r}" if dest.tunnel.port else ""
    return f"{key} {dest_key} {dest.method} {dest.weight}{tunnel}"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("web", "tcp/203.0.113.10:80 10.0.0.11:8600 NAT 1"),
        ("web6", "tcp/[2001:db8::1]:80 [fd00::11]:8600 NAT 1"),
        ("direct", "tcp/203.0.113.11:80 10.0.0.11:8600 NAT 1"),
        ("third", "tcp/203.0.113.12:81 192.0.2.9:8080 NAT 1"),
        ("keeps", "tcp/203.0.113.13:81 192.0.2.9:0 NAT 1"),
        ("routed", "tcp/203.0.113.14:81 192.0.2.9:81 DR 1"),
        ("tunnel", "tcp/203.0.113.15:81 192.0.2.9:81 TUN 1 gue 6080 <TunnelFlag.CSUM: 1>"),
        ("mark", "fwmark/5 10.0.0.11:8600 NAT 1"),
    ],
)
def test_the_sorry_server_is_the_spec_s(declared: Declared, name: str, expected: str) -> None:
    assert one(declared, name) == expected


def test_the_local_backend_is_each_node_s_own(declared: Declared) -> None:
    assert one(declared, "web", "lb2") == "tcp/203.0.113.10:80 10.0.0.12:8600 NAT 1"


def test_it_is_what_render_writes(declared: Declared) -> None:
    text = render(declared, "lb1").text
    written = re.findall(r"^ +sorry_server (\S+)(?: (\d+))?$", text, re.MULTILINE)
    ours = [
        each.candidates[0].target.dest_key
        for each in found(declared).values()
        if each.candidates and each.owner == "keepalived"
    ]
    assert written
    assert [(str(key.address), key.port) for key in ours if key.port not in (0, 81)] == [
        (address, int(port)) for address, port in written if port
    ]


def test_another_machine_is_told_from_a_director(declared: Declared) -> None:
    elsewhere = {
        name: each.candidates[0].elsewhere for name, each in found(declared).items() if each.candidates
    }
    assert {name for name, value in elsewhere.items() if value} == {"third", "keeps", "routed", "tunnel"}
    assert elsewhere["peers"] is False


def test_tls_is_known_by_the_port_and_by_the_checks(declared: Declared) -> None:
    tls = {name for name, each in found(declared).items() for one in each.candidates if one.tls}
    assert tls == {"tls", "checked", "group"}


def test_a_group_is_all_of_its_services_each_with_the_backend_of_its_family(declared: Declared) -> None:
    targets = [each.target for each in found(declared)["group"].candidates]
    assert [(str(each.key), str(each.dest_key), each.name) for each in targets] == [
        ("tcp/203.0.113.20:80", "10.0.0.11:8600", "group"),
        ("tcp/203.0.113.21:80", "10.0.0.11:8600", "group"),
        ("tcp/[2001:db8::20]:443", "[fd00::11]:8600", "group"),
    ]


@pytest.mark.parametrize(
    ("name", "node", "why"),
    [
        ("none", "lb1", "it has no sorry server: write `sorry_server: {}` under virtual_servers.none"),
        ("web6", "lb2", "this node has no address for the local sorry backend: write one under nodes.lb2"),
        (
            "vast",
            "lb1",
            "group huge has more than 10,000 services: switch single ones, such as tcp/ADDR:PORT",
        ),
    ],
)
def test_what_cannot_be_switched_says_why(declared: Declared, name: str, node: str, why: str) -> None:
    service = found(declared, node)[name]
    assert (service.candidates, service.why_not) == ((), why)
