"""Two files, one of each director, become one spec that says to each what its file said."""

from collections.abc import Mapping

import pytest

from lvsctl.compose.adopt import adopt, node_names
from lvsctl.compose.render import render
from lvsctl.keepalived.config import Config, meaning
from lvsctl.keepalived.parse import parse
from lvsctl.spec.document import read
from lvsctl.spec.load import load

BASE = """\
global_defs {
    router_id lb1
}
vrrp_script check {
    script /bin/true
}
vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 51
    priority 150
    unicast_src_ip 10.0.0.11
    unicast_peer {
        10.0.0.12
    }
    track_script {
        check
    }
    virtual_ipaddress {
        10.0.0.100/24
    }
}
virtual_server 203.0.113.10 80 {
    lvs_sched wlc
    lvs_method NAT
    protocol TCP
    real_server 10.0.0.21 80 {
        weight 1
        TCP_CHECK {
            connect_timeout 3
        }
    }
    real_server 10.0.0.22 80 {
        weight 1
        TCP_CHECK {
            connect_timeout 3
        }
    }
}
"""
OTHER = (
    BASE.replace("router_id lb1", "router_id lb2")
    .replace("priority 150", "priority 100")
    .replace("unicast_src_ip 10.0.0.11", "unicast_src_ip 10.0.0.12")
    .replace("        10.0.0.12\n", "        10.0.0.11\n")
)
BACKUP = "vrrp_instance VI_2 {\n    interface eth1\n    virtual_router_id 52\n    priority 90\n}\n"

Texts = Mapping[str, str]


def said(config: Config) -> Config:
    """Answer what a configuration says, whatever the order of its blocks."""
    return tuple(sorted(meaning(config), key=lambda statement: statement.words))


def alone(text: str) -> Config:
    """Answer what the file of one director is rendered to when it is imported alone."""
    return said(render(load(read(adopt({"": parse(text)}).text, file="spec.yaml")), "").config)


def together(texts: Texts, node: str) -> Config:
    """Answer what *node* gets from the spec of all of them."""
    spec = adopt({name: parse(text) for name, text in texts.items()})
    return said(render(load(read(spec.text, file="spec.yaml")), node).config)


def data(texts: Texts) -> dict[str, object]:
    return adopt({name: parse(text) for name, text in texts.items()}).data


PAIRS = {
    "that follow from the nodes": (BASE, OTHER),
    "with different priorities per instance": (BASE + BACKUP, OTHER + BACKUP.replace("90", "190")),
    "one with an instance more": (BASE + BACKUP, OTHER),
    "one without services": (BASE, OTHER[: OTHER.index("virtual_server")]),
    "with other addresses": (BASE, OTHER.replace("10.0.0.100/24", "10.0.0.100/24\n        10.0.0.101/24")),
    "with other weights": (BASE, OTHER.replace("weight 1\n", "weight 5\n", 1)),
    "one with a real server less": (BASE, OTHER.replace("10.0.0.22", "10.0.0.23")),
    "one with multicast": (
        BASE,
        OTHER.replace("    unicast_src_ip 10.0.0.12\n", "")
        .replace("unicast_peer", "track_interface")
        .replace("10.0.0.11\n", "eth9\n"),
    ),
    "one with a keyword more": (
        BASE,
        OTHER.replace("    priority 100\n", "    priority 100\n    nopreempt\n"),
    ),
    "one with raw lines": (
        BASE,
        OTHER.replace("    priority 100\n", "    priority 100\n    use_vmac x:y:z\n"),
    ),
    "with the same name for both": (BASE, OTHER.replace("router_id lb2", "router_id lb1")),
    "with peers in options": (BASE.replace("10.0.0.12\n", "10.0.0.12 min_ttl 255\n"), OTHER),
    "with nothing in common": (BASE, "global_defs {\n router_id lb2\n}\n" + BACKUP),
    "that are the same": (BASE, BASE),
}


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_each_director_gets_what_its_file_said(pair: tuple[str, str]) -> None:
    texts = dict(zip(("lb1", "lb2"), pair, strict=True))
    for node, text in texts.items():
        assert together(texts, node) == alone(text)


def test_what_follows_from_the_nodes_is_said_once() -> None:
    spec = data({"lb1": BASE, "lb2": OTHER})
    assert spec["nodes"] == {
        "lb1": {"address": "10.0.0.11", "priority": "150"},
        "lb2": {"address": "10.0.0.12", "priority": "100"},
    }
    assert "per_node" not in spec
    assert "global_defs" not in spec


def test_checks_of_every_real_server_stand_at_the_service() -> None:
    spec = adopt({"": parse(BASE)}).text
    assert "    checks: [{TCP_CHECK: {connect_timeout: 3}}]\n" in spec
    assert "      - {address: 10.0.0.21, port: 80, weight: 1}\n" in spec


def test_instances_of_both_families_follow_from_two_addresses() -> None:
    six = """
vrrp_instance VI_6 {
    interface eth0
    virtual_router_id 56
    unicast_src_ip 2001:db8::1
    unicast_peer {
        2001:db8::2
    }
    virtual_ipaddress {
        2001:db8::100/64
    }
}
"""
    other = six.replace("2001:db8::1\n", "2001:db8::x\n").replace("2001:db8::2\n", "2001:db8::1\n")
    texts = {"lb1": BASE + six, "lb2": OTHER + other.replace("2001:db8::x\n", "2001:db8::2\n")}
    assert data(texts)["nodes"]["lb1"]["address"] == ["10.0.0.11", "2001:db8::1"]  # type: ignore[index]  # a YAML tree
    for node, text in texts.items():
        assert together(texts, node) == alone(text)


def test_three_directors_are_merged_like_two() -> None:
    peers = {"a": "1", "b": "2", "c": "3"}
    texts = {
        name: BASE.replace("lb1", name)
        .replace("10.0.0.11", f"10.0.0.{own}")
        .replace("        10.0.0.12\n", "".join(f"        10.0.0.{p}\n" for p in peers.values() if p != own))
        for name, own in peers.items()
    }
    assert "per_node" not in data(texts)
    for node, text in texts.items():
        assert together(texts, node) == alone(text)


def test_a_director_that_leaves_its_name_to_the_host_is_named_in_a_remark() -> None:
    nameless = BASE.replace("    router_id lb1\n", "    lvs_flush\n")
    spec = adopt({"lb1": parse(nameless), "lb2": parse(OTHER)})
    assert [fault.message for fault in spec.faults if fault.path == "nodes.lb1"] == [
        "no router_id: keepalived takes the name of the host; the spec writes lb1"
    ]


@pytest.mark.parametrize(
    ("files", "texts", "names"),
    [
        (("x.conf", "y.conf"), (BASE, OTHER), ("lb1", "lb2")),
        (("x.conf", "y.conf"), (BASE, BASE), ("x", "y")),
        (("one/keepalived.conf", "two/keepalived.conf"), ("", ""), ("one", "two")),
        (("a/b/k.conf", "c/b/k.conf"), ("", ""), ("a", "c")),
        (("k.conf", "k.conf"), ("", ""), ("node1", "node2")),
    ],
)
def test_nodes_are_called_after_what_tells_them_apart(
    files: tuple[str, ...], texts: tuple[str, ...], names: tuple[str, ...]
) -> None:
    assert node_names(files, [parse(text) for text in texts]) == names
