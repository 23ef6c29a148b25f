"""What makes each check of the kernel's settings, routes and addresses fail, and what lets it pass."""

from tests.unit.doctor.machines import (
    KEPT,
    RS,
    SPEC,
    TUN,
    Case,
    conf,
    file,
    vs,
)

UPLINKS = "uplinks: {targets: [9.9.9.9], providers: {one: {interface: eth0, gateway: 10.0.0.1}, two: {interface: eth1, gateway: 203.0.113.1}}}\n"

KERNEL = [
    Case("LVD200", {"sysctl": {"net/ipv4/ip_forward": 0}}),
    Case("LVD201", {"sysctl": {"net/ipv6/conf/all/forwarding": 0}}),
    Case("LVD202", vs("snat_reroute", 0)),
    Case("LVD203", vs("expire_quiescent_template", 0)),
    Case("LVD204", vs("expire_nodest_conn", 0)),
    Case("LVD205", vs("conn_reuse_mode", 0)),
    Case("LVD206", vs("sloppy_tcp", 0)),
    Case(
        "LVD207",
        vs("backup_only", 0),
        spec=SPEC.replace("10.0.0.31", "10.0.0.12")
        + "global_defs: {lvs_sync_daemon: {interface: eth0, inst: VI_1}}\n",
    ),
    Case("LVD210", {"sysctl": {"net/ipv4/conf/all/arp_ignore": 0}}, conf("arp_ignore", 1), RS),
    Case("LVD210", {"sysctl": {"net/ipv4/conf/all/arp_ignore": 0}}, {}, RS, spec=""),
    Case("LVD211", {"sysctl": {"net/ipv4/conf/all/arp_announce": 1}}, conf("arp_announce", 2), RS),
    Case(
        "LVD212",
        {"sysctl": {"net/ipv4/conf/all/rp_filter": 0, "net/ipv4/conf/tunl0/rp_filter": 1}},
        {"sysctl": {"net/ipv4/conf/all/rp_filter": 0}},
        RS,
        TUN,
    ),
    Case(
        "LVD212",
        {"sysctl": {"net/ipv4/conf/all/rp_filter": 1}},
        {"sysctl": {"net/ipv4/conf/all/rp_filter": 1, "net/ipv4/conf/tunl0/rp_filter": 2}},
        RS,
        TUN,
    ),
    Case(
        "LVD220", {}, conf("promote_secondaries", 1), spec=SPEC.replace("    promote_secondaries: true\n", "")
    ),
    Case(
        "LVD222",
        {"rules": {"fwmark 1": 100}, **conf("rp_filter", 1)},
        {
            "rules": {"fwmark 1": 100},
            "sysctl": {"net/ipv4/conf/eth0/rp_filter": 1, "net/ipv4/conf/all/src_valid_mark": 1},
        },
    ),
    Case("LVD223", conf("ignore_routes_with_linkdown", 0, on="eth1")),
    Case("LVD224", {"addresses": {"10.0.0.13/24": "eth1"}}, {"addresses": {"10.0.1.13/24": "eth1"}}),
    Case(
        "LVD224",
        {"addresses": {"10.0.0.13/24": "eth1"}},
        {"addresses": {"10.0.0.13/24": "eth1"}, "sysctl": {"net/ipv4/conf/all/arp_filter": 1}},
    ),
    Case("LVD225", {}, conf("arp_announce", 2, on="all"), spec=SPEC + UPLINKS),
    Case(
        "LVD230",
        vs("expire_quiescent_template", 0),
        spec=SPEC + "sysctl: {net.ipv4.vs.expire_quiescent_template: 1}\n",
    ),
    Case(
        "LVD231",
        {"sysctl": {"net/netfilter/nf_conntrack_count": 99, "net/netfilter/nf_conntrack_max": 100}},
        {"sysctl": {"net/netfilter/nf_conntrack_count": 9, "net/netfilter/nf_conntrack_max": 100}},
    ),
    Case("LVD240", {"addresses": {"203.0.113.10/32": None, "203.0.113.10/24": "lo"}}, {}, RS),
    Case("LVD241", {"addresses": {"203.0.113.10/32": None}}, {}, RS),
    Case("LVD242", {"routes": ["default via 10.0.0.12 dev eth0"]}, {}, RS),
    Case(
        "LVD243",
        {"addresses": {"10.0.0.31/24": None, "10.0.0.21/24": "eth0"}},
        {
            "addresses": {"10.0.0.31/24": None, "10.0.0.21/24": "eth0"},
            "routes": ["default via 10.0.0.100 dev eth0"],
        },
        RS,
    ),
    Case("LVD260", file("/etc/sysctl.d/60-lvs.conf", KEPT.replace("net.ipv4.ip_forward = 1", ""))),
    Case(
        "LVD261",
        file("/etc/sysctl.d/99-cloud.conf", "net/ipv4/ip_forward=0\n"),
        file("/etc/sysctl.d/10-cloud.conf", "net.ipv4.ip_forward=0\n"),
    ),
    Case(
        "LVD261",
        file("/usr/lib/sysctl.d/99-z.conf", "net.ipv4.conf.eth1.ignore_routes_with_linkdown = 0\n"),
        file("/usr/lib/sysctl.d/60-lvs.conf", "net.ipv4.ip_forward = 0\n"),
    ),
    Case(
        "LVD262",
        file("/etc/modules-load.d/ip_vs.conf", None),
        file("/etc/modules-load.d/ip_vs.conf", "# IPVS\nip_vs_wlc\n"),
    ),
    Case(
        "LVD300",
        {
            "sysctl": {"net/ipv4/vs/conntrack": None},
            "table": None,
            **file("/lib/modules/6.1.0-18-amd64/modules.dep", ""),
        },
        {"sysctl": {"net/ipv4/vs/conntrack": None}},
    ),
    Case(
        "LVD301",
        {},
        file("/proc/modules", "ip_vs_mh 16384 0 - Live 0x0\n"),
        spec=SPEC.replace("lvs_sched: wlc", "lvs_sched: mh"),
    ),
    Case("LVD302", {"links": {"tunl0": None}}, {}, RS, TUN),
]

ENI = "/etc/network/interfaces"
RACE = "iface eth0 inet static\n  address 10.0.0.11/24\n  gateway 10.0.0.1\niface eth1 inet static\n  address 203.0.113.10/24\n  gateway 203.0.113.1\n"
LOCAL = {"203.0.113.10/32": "eth1 unpreferred"}
NO_WAY = SPEC.replace(
    "return_paths: {203.0.113.10: {interface: eth1, gateway: 203.0.113.1, table: 1001}}", ""
)
VRRP_HAS_IT = NO_WAY.replace(
    "10.0.0.100/24, 10.0.0.101/24", "10.0.0.100/24, 10.0.0.101/24, 203.0.113.10/32 dev eth1"
)

DECLARED = VRRP_HAS_IT + "return_paths: {203.0.113.10: {interface: eth1, gateway: 203.0.113.1}}\n"
SECOND = {"routes": ["default via 10.0.0.1 dev eth0", "default via 203.0.113.1 dev eth1 metric 5"]}
OTHER = {"routes": ["default via 203.0.113.1 dev eth1"]}
UNSETTLED = {"settled": False, "addresses": LOCAL}

NETWORK = "/etc/systemd/network/10-eth0.network"
NETWORKD = "/etc/systemd/networkd.conf.d/x.conf"
FOREIGN = "ManageForeignRoutes=no\nManageForeignRoutingPolicyRules = false\n"

WAYS = [
    Case("LVD400", {"routes": ["default via 10.0.0.1 dev eth0", "default via 203.0.113.1 dev eth1"]}, SECOND),
    Case("LVD401", file(ENI, RACE), file(ENI, RACE.replace("  gateway 203.0.113.1\n", "")), spec=NO_WAY),
    Case("LVD401", file(ENI, RACE), file(ENI, RACE.replace("  gateway 203.0.113.1\n", "")), RS),
    Case("LVD402", UNSETTLED),
    Case("LVD403", {}, spec=NO_WAY, good_spec=SPEC, settled_by=SPEC),
    Case("LVD404", UNSETTLED),
    Case("LVD405", {**UNSETTLED, "routes": ["10.0.0.0/24 dev eth0"]}),
    Case("LVD406", {**UNSETTLED, **OTHER}),
    Case(
        "LVD407",
        {**SECOND, "addresses": {"203.0.113.10/32": "eth1"}},
        {"addresses": {"203.0.113.10/32": "eth1"}},
        spec=VRRP_HAS_IT,
    ),
    Case("LVD408", {"links": {"eth1": "down"}}),
    Case("LVD409", {**UNSETTLED, **conf("rp_filter", 1, on="eth1")}, conf("rp_filter", 1, on="eth1")),
    Case(
        "LVD409",
        {**UNSETTLED, **conf("rp_filter", 1, on="eth1")},
        {**UNSETTLED, **conf("rp_filter", 2, on="eth1")},
    ),
    Case("LVD410", {"settled": False}),
    Case("LVD411", {"settled": False, "addresses": {"203.0.113.10/32": "eth1"}}),
    Case("LVD412", {"drops": 7, **conf("rp_filter", 1)}, {"drops": 7}),
    Case("LVD413", SECOND, {**SECOND, "rules": {"from 10.0.0.11": 1002}}),
    Case(
        "LVD414",
        {"sockets": ["10.0.0.100"]},
        {"sockets": ["10.0.0.100"], "sysctl": {"net/ipv4/ip_nonlocal_bind": 1}},
    ),
    Case("LVD415", file(NETWORK, ""), {"files": {NETWORK: "", NETWORKD: f"[Network]\n{FOREIGN}"}}),
    Case(
        "LVD415",
        {"files": {NETWORK: "", NETWORKD: f"# {FOREIGN}".replace("\n", "\n# ")}},
        file(NETWORKD, "ManageForeignRoutes=yes\n"),
    ),
]
