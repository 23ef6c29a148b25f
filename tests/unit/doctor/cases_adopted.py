"""What makes each check of an adopted keepalived.conf fail, and what lets it pass."""

from tests.unit.doctor.machines import Case, service, vs

CONF = """
global_defs {
    router_id lb1
}
vrrp_instance VI_1 {
    state BACKUP
    interface eth0
    virtual_router_id 51
    priority 150
    advert_int 1
    virtual_ipaddress {
        10.0.0.100/24
    }
}
virtual_server 10.0.0.100 80 {
    lvs_sched wlc
    lvs_method NAT
    protocol TCP
    real_server 10.0.0.21 8080 {
        weight 1
        TCP_CHECK {
            connect_timeout 3
        }
    }
}
"""

TWICE = CONF.replace("    real_server", "    real_server 10.0.0.21 8080 {\n    }\n    real_server")
STICKY = CONF.replace("    protocol", "    persistence_timeout 60\n    protocol").replace(
    "        weight 1", "        inhibit_on_failure"
)
OTHER = dict([service("10.0.0.100 80", {"10.0.0.21 8080": 1}), service("10.9.9.9 80", {"10.0.0.21 80": 1})])
WEB = dict([service("10.0.0.100 80", {"10.0.0.21 8080": 1})])

CASES = [
    Case("LVD002", {}, conf="# nothing\n", good_conf=CONF),
    Case("LVD002", {}, conf="vritual_server 10.0.0.100 80 {\n}\n", good_conf=CONF),
    Case("LVD003", {}, conf=CONF.replace("advert_int", "advertise"), good_conf=CONF),
    Case("LVD003", {}, conf=f"{CONF}include /nowhere/*.conf\n", good_conf=CONF),
    Case("LVD003", {}, conf=f"{CONF}}}\n", good_conf=CONF),
    Case("LVD004", {}, conf=CONF.replace("BACKUP", "MASTER"), good_conf=CONF),
    Case("LVD005", {}, conf=TWICE, good_conf=CONF),
    # What a spec would have to state of the kernel, the kernel says itself.
    Case(
        "LVD005",
        vs("expire_quiescent_template", 0),
        vs("expire_quiescent_template", 1),
        conf=STICKY,
        good_conf=STICKY,
    ),
    # Checks that are made of a spec are made of the file as well.
    Case("LVD200", {"sysctl": {"net/ipv4/ip_forward": 0}}, conf=CONF, good_conf=CONF),
    Case("LVD500", {"daemons": []}, conf=CONF, good_conf=CONF),
    Case("LVD601", {"table": {}}, {"table": WEB}, conf=CONF, good_conf=CONF),
    Case("LVD602", {"table": OTHER}, {"table": WEB}, conf=CONF, good_conf=CONF),
    Case(
        "LVD602",
        {"table": OTHER},
        {"table": OTHER},
        conf=CONF,
        good_conf=CONF.partition("virtual_server ")[0],
    ),
]
