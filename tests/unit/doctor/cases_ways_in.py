"""What makes the checks of redirects, reverse path filters and packet filters fail, and what lets them pass."""

import json
from typing import Any

from lvsctl.doctor.firewall import Printed
from tests.unit.doctor.machines import RS, SPEC, Case, conf, vs

NAT_SERVER = {"10.0.0.31/24": None, "10.0.0.21/24": "eth0"}
BEHIND = {"addresses": NAT_SERVER, "routes": ["default via 10.0.0.100 dev eth0", "10.0.0.0/24 dev eth0"]}


def accepts(every: int, own: int, forwarding: int, dev: str = "eth0") -> dict[str, Any]:
    values = {
        "all/accept_redirects": every,
        f"{dev}/accept_redirects": own,
        f"{dev}/forwarding": forwarding,
    }
    return {"sysctl": {f"net/ipv4/conf/{name}": value for name, value in values.items()}}


TWO_LEGS = {
    "links": {"eth0": "", "eth1": ""},
    "routes": ["default via 203.0.113.1 dev eth1", "10.0.0.0/24 dev eth0"],
}
STRICT = {"sysctl": {"net/ipv4/conf/all/rp_filter": 0, "net/ipv4/conf/eth0/rp_filter": 1}}
ONE_ARM = {"routes": ["default via 10.0.0.1 dev eth0", "10.0.0.0/24 dev eth0"]}

REDIRECTS = [
    Case("LVD213", {**BEHIND, **accepts(0, 1, 0)}, {**BEHIND, **accepts(0, 1, 1)}, RS),
    Case("LVD213", {**BEHIND, **accepts(1, 1, 1)}, {**BEHIND, **accepts(0, 0, 0)}, RS),
    Case(
        "LVD213",
        {**BEHIND, **accepts(1, 1, 0)},
        {"addresses": NAT_SERVER, "routes": ["default via 10.0.0.1 dev eth0"], **accepts(1, 1, 0)},
        RS,
    ),
    Case("LVD214", {**TWO_LEGS, **STRICT}, STRICT, RS),
    Case("LVD214", {**TWO_LEGS, **STRICT}, {**TWO_LEGS, **STRICT, "rules": {"from 203.0.113.10": 7}}, RS),
    Case("LVD214", {**TWO_LEGS, **STRICT}, {**TWO_LEGS, **conf("rp_filter", 2)}, RS),
    Case("LVD215", {**TWO_LEGS, **STRICT}, STRICT, RS, spec=""),
    Case(
        "LVD215",
        {**TWO_LEGS, **STRICT},
        {**TWO_LEGS, **STRICT, "addresses": {"203.0.113.10/32": None}},
        RS,
        spec="",
    ),
    Case("LVD221", {"links": {"eth1": None}, **conf("send_redirects", 1)}, {"links": {"eth1": None}}),
    Case(
        "LVD221",
        {**ONE_ARM, **conf("send_redirects", 1)},
        {**TWO_LEGS, "settled": True, **conf("send_redirects", 1)},
    ),
    Case("LVD226", accepts(1, 1, 0, "eth1"), accepts(0, 1, 1, "eth1")),
    Case("LVD226", accepts(0, 1, 0, "eth1"), accepts(0, 1, 0, "eth0")),
    Case(
        "LVD226",
        {
            "routes": ["default via 10.0.0.1 dev eth0", "default via 10.0.0.2 dev eth0 metric 5"],
            **accepts(1, 1, 0),
        },
        accepts(1, 1, 0),
        RS,
        spec="",
    ),
]

LOOSE = "net/netfilter/nf_conntrack_tcp_loose"
REDIRECTS += [
    Case("LVD227", {"sysctl": {LOOSE: 0, "net/ipv4/vs/conntrack": 1}}, {"sysctl": {LOOSE: 0}}),
    Case(
        "LVD227",
        {"sysctl": {LOOSE: 0, "net/ipv4/vs/conntrack": 1}},
        {"sysctl": {LOOSE: 1, "net/ipv4/vs/conntrack": 1}},
    ),
]

V6_NODES = (
    SPEC.replace("10.0.0.11, priority", "'2001:db8::11', priority")
    .replace("10.0.0.12, priority", "'2001:db8::12', priority")
    .replace("    unicast: true\n", "")
)
V6_SERVER = {"addresses": {"2001:db8::21/64": "eth0"}, "routes": ["default via 2001:db8::11 dev eth0"]}


def believes(own: int, forwarding: int) -> dict[str, Any]:
    conf = "net/ipv6/conf/eth0"
    return {"sysctl": {f"{conf}/accept_redirects": own, f"{conf}/forwarding": forwarding}}


REDIRECTS += [
    Case("LVD244", {**V6_SERVER, **believes(1, 0)}, {**V6_SERVER, **believes(1, 1)}, RS, V6_NODES),
    Case("LVD244", {**V6_SERVER, **believes(1, 0)}, {**V6_SERVER, **believes(0, 0)}, RS, V6_NODES),
]


def nft(*rules: list[Any], hook: str = "postrouting", policy: str = "accept") -> Printed:
    chain = {
        "family": "ip",
        "table": "t",
        "name": "c",
        "type": "nat",
        "hook": hook,
        "prio": 100,
        "policy": policy,
    }
    told = [
        {"rule": {"family": "ip", "table": "t", "chain": "c", "handle": 2, "expr": each}} for each in rules
    ]
    return Printed(nft=json.dumps({"nftables": [{"metainfo": {}}, {"chain": chain}, *told]}))


def meta(key: str, right: Any, op: str = "==") -> dict[str, Any]:
    return {"match": {"op": op, "left": {"meta": {"key": key}}, "right": right}}


def payload(name: str, right: Any) -> dict[str, Any]:
    return {"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": name}}, "right": right}}


MASQUERADE = {"masquerade": None}
STATE = {"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": ["established", "related"]}}
INVALID = {"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": "invalid"}}
CT_MARK = {"mangle": {"key": {"meta": {"key": "mark"}}, "value": {"ct": {"key": "mark"}}}}
LAN = {"prefix": {"addr": "10.0.0.0", "len": 24}}


def iptables(
    line: str, table: str = "nat", chain: str = "POSTROUTING", policy: str = "ACCEPT"
) -> dict[str, Printed]:
    return {"firewall": Printed(saved=f"# made\n*{table}\n:{chain} {policy} [0:0]\n{line}\nCOMMIT\n")}


V6 = {"firewall": Printed(nft=nft([MASQUERADE]).nft.replace('"ip"', '"ip6"'))}
BRIDGE = {"firewall": Printed(nft=nft([MASQUERADE]).nft.replace('"ip"', '"bridge"'))}


def ruled(*expr: Any, **chain: str) -> dict[str, Printed]:
    return {"firewall": nft(list(expr), **chain)}


BY_MARK = SPEC.replace(
    "    address: 10.0.0.100\n    port: 80\n    lvs_sched: wlc", "    fwmark: 5\n    lvs_sched: wlc"
)
NO_NAT = (
    SPEC.replace("lvs_method: NAT", "lvs_method: DR")
    .replace("port: 8080", "port: 80")
    .replace("sorry_server: {}", "")
)
TRACKED = vs("conntrack", 1)

FILTERS = [
    Case("LVD232", ruled(MASQUERADE), {**ruled(MASQUERADE), **TRACKED}),
    Case("LVD232", ruled(meta("oifname", "eth0"), MASQUERADE), ruled(meta("oifname", "eth1"), MASQUERADE)),
    Case(
        "LVD232",
        ruled(meta("oifname", {"set": ["eth0", "eth9"]}), MASQUERADE),
        ruled(meta("oifname", "e"), MASQUERADE),
    ),
    Case("LVD232", ruled(payload("daddr", LAN), MASQUERADE), ruled(payload("daddr", "10.9.9.9"), MASQUERADE)),
    Case("LVD232", ruled({"snat": {"addr": "10.0.0.11"}}), ruled(payload("saddr", LAN), MASQUERADE)),
    Case("LVD232", ruled(meta("oifname", "eth9", "!="), MASQUERADE), ruled({"accept": None})),
    Case(
        "LVD232",
        iptables("-A POSTROUTING -o eth0 -j MASQUERADE"),
        iptables("-A POSTROUTING -o eth1 -j MASQUERADE"),
    ),
    Case(
        "LVD232",
        iptables("-A POSTROUTING ! -o eth1 -d 10.0.0.0/24 -j SNAT --to-source 10.0.0.11"),
        iptables("-A POSTROUTING -s 10.0.0.0/24 -j MASQUERADE"),
    ),
    Case(
        "LVD232",
        iptables("-A POSTROUTING -s 10.0.0.0/24 -m ipvs --vaddr 10.0.0.100 -j MASQUERADE"),
        iptables("-A FORWARD -o eth0 -j ACCEPT", "filter", "FORWARD"),
    ),
    Case("LVD232", ruled(MASQUERADE), ruled(MASQUERADE), good_spec=NO_NAT),
    Case("LVD232", V6, BRIDGE),
    Case(
        "LVD233",
        ruled(INVALID, {"drop": None}, hook="forward"),
        {
            "firewall": nft(
                [INVALID, {"drop": None}], [payload("saddr", LAN), {"accept": None}], hook="forward"
            )
        },
    ),
    Case(
        "LVD233",
        ruled(STATE, {"accept": None}, hook="forward", policy="drop"),
        ruled(STATE, {"accept": None}, hook="forward"),
    ),
    Case(
        "LVD233", ruled(INVALID, {"drop": None}, hook="forward"), ruled(INVALID, {"drop": None}, hook="input")
    ),
    Case(
        "LVD233",
        iptables(
            "-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", "filter", "FORWARD", "DROP"
        ),
        {**iptables("-A FORWARD -m conntrack --ctstate INVALID -j DROP", "filter", "FORWARD"), **TRACKED},
    ),
    Case(
        "LVD234",
        ruled(CT_MARK, hook="prerouting"),
        ruled(CT_MARK, hook="prerouting"),
        spec=BY_MARK,
        good_spec=SPEC,
    ),
    Case(
        "LVD234",
        iptables("-A PREROUTING -j CONNMARK --restore-mark", "mangle", "PREROUTING"),
        iptables("-A PREROUTING -p tcp --dport 80 -j MARK --set-mark 5", "mangle", "PREROUTING"),
        spec=BY_MARK,
    ),
    Case("LVD235", TRACKED, {**TRACKED, **ruled(MASQUERADE)}),
    Case(
        "LVD235",
        {**TRACKED, **ruled({"accept": None})},
        {**TRACKED, **ruled(STATE, {"accept": None}, hook="input")},
    ),
]

CASES = [*REDIRECTS, *FILTERS]
