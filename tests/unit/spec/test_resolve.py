"""Shorthands become what keepalived is told, and every value still knows where the operator typed it."""

import pytest

from lvsctl.spec.document import read
from lvsctl.spec.load import Declared, load
from lvsctl.spec.spec import Spec

PAIR = """\
nodes:
  lb1: {address: [10.0.0.11, "2001:db8::11"], priority: 150}
  lb2:
    address: [10.0.0.12, "2001:db8::12"]
    priority: 100
    router_id: second
sorry:
  port: 8600
vrrp_instances:
  V4:
    interface: eth0
    virtual_router_id: 51
    unicast: true
    virtual_ipaddress: [10.0.0.100/24]
  V6:
    interface: eth0
    virtual_router_id: 52
    unicast: true
    virtual_ipaddress: [fe80::1/64]
virtual_servers:
  web:
    address: 10.0.0.100
    port: 80
    lvs_method: DR
    sorry_server: {}
    checks: [{TCP_CHECK: {}}, {PING_CHECK: {}}]
    real_servers:
      - address: 10.0.0.21
        checks: [{MISC_CHECK: {misc_path: /bin/true}}]
  mark: {fwmark: 7, real_servers: [{address: 10.0.0.22}]}
"""


def declared(text: str = PAIR) -> Declared:
    return load(read(text, file="lvs.yaml"))


def on(node: str, text: str = PAIR) -> Spec:
    return declared(text).spec(node)


def typed_text(path: str, node: str = "lb1", text: str = PAIR) -> str:
    """Answer the rest of the line that the value at *path* was typed on."""
    steps = [int(step) if step.isdigit() else step for step in path.split(".")]
    place = declared(text).place(node, steps)
    return text.splitlines()[place.line - 1][place.column - 1 :]


def test_a_node_gives_its_name_or_its_router_id_to_keepalived() -> None:
    names = [defs.router_id for node in ("lb1", "lb2") if (defs := on(node).global_defs)]
    assert names == ["lb1", "second"]


def test_a_router_id_that_was_typed_wins_over_the_nodes() -> None:
    defs = on("lb2", PAIR + "global_defs: {router_id: mine}\n").global_defs
    assert defs
    assert defs.router_id == "mine"


def test_an_instance_has_the_priority_of_its_node_unless_it_states_one() -> None:
    text = PAIR.replace("virtual_router_id: 52", "virtual_router_id: 52\n    priority: 90")
    assert [instance.priority for instance in on("lb1", text).vrrp_instances.values()] == [150, 90]


@pytest.mark.parametrize(
    ("instance", "source", "peer"), [("V4", "10.0.0.12", "10.0.0.11"), ("V6", "2001:db8::12", "2001:db8::11")]
)
def test_unicast_goes_between_the_addresses_of_the_family(instance: str, source: str, peer: str) -> None:
    resolved = on("lb2").vrrp_instances[instance]
    assert str(resolved.unicast_src_ip) == source
    assert [str(each.address) for each in resolved.unicast_peer] == [peer]


def test_unicast_without_an_address_of_the_family_stays_as_it_is() -> None:
    resolved = on("lb1", PAIR.replace(', "2001:db8::12"', "")).vrrp_instances["V6"]
    assert (resolved.unicast_src_ip, resolved.unicast_peer) == (None, ())


def test_the_checks_of_a_service_come_before_those_of_its_real_servers() -> None:
    (server,) = on("lb1").virtual_servers["web"].real_servers
    kinds = [next(iter(check.model_fields_set)) for check in server.checks]
    assert kinds == ["TCP_CHECK", "PING_CHECK", "MISC_CHECK"]


def test_the_local_sorry_backend_is_on_the_node_itself_and_behind_nat() -> None:
    web = on("lb2").virtual_servers["web"]
    assert web.sorry_server
    assert (str(web.sorry_server.address), web.sorry_server.port) == ("10.0.0.12", 8600)
    assert web.sorry_server_lvs_method
    assert web.sorry_server_lvs_method.method == "NAT"


def test_a_service_that_is_nat_anyway_says_so_once() -> None:
    assert on("lb1", PAIR.replace("DR", "NAT")).virtual_servers["web"].sorry_server_lvs_method is None


def test_what_keepalived_would_complain_about_is_written_out() -> None:
    services = on("lb1", PAIR.replace("    lvs_method: DR\n", "")).virtual_servers
    said = {
        name: (each.protocol, each.lvs_sched, each.lvs_method and each.lvs_method.method)
        for name, each in services.items()
    }
    assert said == {"web": ("TCP", "wlc", "NAT"), "mark": (None, "wlc", "NAT")}


@pytest.mark.parametrize(
    ("node", "path", "stands_at"),
    [
        ("lb1", "global_defs.router_id", "lb1: {address"),
        ("lb2", "global_defs.router_id", "second"),
        ("lb1", "vrrp_instances.V4.priority", "150}"),
        ("lb2", "vrrp_instances.V4.priority", "100"),
        ("lb1", "vrrp_instances.V4.unicast_src_ip", "10.0.0.11,"),
        ("lb2", "vrrp_instances.V6.unicast_src_ip", '"2001:db8::12"]'),
        ("lb1", "vrrp_instances.V6.unicast_peer.0", '"2001:db8::12"]'),
        ("lb2", "vrrp_instances.V4.unicast_peer.0.address", "10.0.0.11,"),
        ("lb1", "vrrp_instances.V4.unicast_peer", "true"),
        ("lb1", "virtual_servers.web.sorry_server", "{}"),
        ("lb2", "virtual_servers.web.sorry_server.address", "10.0.0.12,"),
        ("lb1", "virtual_servers.web.sorry_server.port", "8600"),
        ("lb1", "virtual_servers.web.sorry_server_lvs_method", "{}"),
        ("lb1", "virtual_servers.web.real_servers.0.checks.1", "{PING_CHECK"),
        ("lb1", "virtual_servers.web.real_servers.0.checks.2.MISC_CHECK.misc_path", "/bin/true"),
        ("lb1", "virtual_servers.web.lvs_sched", "web:"),
    ],
)
def test_an_expanded_value_stands_where_it_was_typed(node: str, path: str, stands_at: str) -> None:
    assert typed_text(path, node).startswith(stands_at)


STATED = """\
nodes:
  lb1: {address: 10.0.0.11, priority: 150, router_id: one}
  lb2: {address: 10.0.0.12}
global_defs: {router_id: mine}
vrrp_instances:
  A:
    interface: eth0
    virtual_router_id: 51
    unicast: true
    priority: 90
    unicast_src_ip: 10.0.0.1
    unicast_peer: [10.0.0.2]
  B: {interface: eth1, virtual_router_id: 52, unicast: true}
virtual_servers:
  web: {address: 10.0.0.100, port: 80, sorry_server: 10.0.0.9 81, real_servers: [{address: 10.0.0.21}]}
per_node:
  lb2: {vrrp_instances: {B: {priority: 80}}}
"""


@pytest.mark.parametrize(
    ("node", "path", "stands_at"),
    [
        ("lb1", "global_defs.router_id", "mine"),
        ("lb1", "vrrp_instances.A.priority", "90"),
        ("lb1", "vrrp_instances.A.unicast_src_ip", "10.0.0.1"),
        ("lb1", "vrrp_instances.A.unicast_peer.0", "10.0.0.2]"),
        ("lb1", "vrrp_instances.B.unicast_peer.0", "10.0.0.12}"),
        ("lb2", "vrrp_instances.B.priority", "80"),
        ("lb1", "virtual_servers.web.sorry_server.port", "sorry_server: 10.0.0.9 81"),
    ],
)
def test_a_value_that_was_typed_stands_where_it_is(node: str, path: str, stands_at: str) -> None:
    assert typed_text(path, node, STATED).startswith(stands_at)


def test_what_nobody_says_stands_at_what_it_is_missing_from() -> None:
    text = STATED.replace("    priority: 90\n", "")
    assert typed_text("vrrp_instances.A.priority", "lb2", text) == "A:"


def test_a_spec_without_nodes_expands_nothing_and_points_at_itself() -> None:
    text = "vrrp_instances:\n  A: {interface: eth0, virtual_router_id: 51, unicast: true}\n"
    assert on("anything", text).vrrp_instances["A"].unicast_peer == ()
    assert typed_text("vrrp_instances.A.priority", "", text).startswith("A: {interface")
