from lvsctl.keepalived.inventory import Inventory, RealServer, accounted, configured, differences
from lvsctl.keepalived.parse import parse

TEXT = """\
vrrp_instance VI_1 {
    interface eth0
}
vrrp_instance "VI 2" {
    interface eth0
}
virtual_server_group web {
    10.0.0.7 80
}
virtual_server 10.0.0.1 80 {
    protocol TCP
    weight 5
    sorry_server 10.0.0.9 80
    real_server 10.0.0.2 8080 {
        weight 3
    }
    real_server 10.0.0.3 8080 {
    }
}
virtual_server 2001:DB8:0::1 53 {
    real_server 2001:db8::2 53 {
    }
}
virtual_server fwmark 007 {
    protocol TCP
    real_server 10.0.0.2 {
    }
}
virtual_server group web {
    protocol UDP
    real_server 10.0.0.2 80 {
    }
}
virtual_server 10.0.0.8 80 {
    protocol TCP
}
"""

WANTED = Inventory(
    frozenset(("VI_1", "VI 2")),
    {
        "[10.0.0.1]:tcp:80": frozenset((RealServer("10.0.0.2", 8080, 3), RealServer("10.0.0.3", 8080, 5))),
        "[2001:db8::1]:udp:53": frozenset((RealServer("2001:db8::2", 53, 1),)),
        "FWM 7": frozenset((RealServer("10.0.0.2", 0, 1),)),
        "[web]": frozenset((RealServer("10.0.0.2", 80, 1),)),
    },
)


def test_a_configuration_names_what_keepalived_would_work_on() -> None:
    assert configured(parse(TEXT).config) == WANTED


def test_an_empty_one_names_nothing() -> None:
    assert configured(()) == Inventory(frozenset(), {})


def test_equal_inventories_do_not_differ() -> None:
    assert differences(WANTED, WANTED) == ()


def test_every_difference_is_said() -> None:
    web = frozenset((RealServer("10.0.0.2", 8080, 3),))
    found = Inventory(frozenset(("VI_1", "VI_9")), {"[10.0.0.1]:tcp:80": web, "FWM 8": web})
    assert differences(WANTED, found) == (
        "VI 2 is missing",
        "VI_9 should be gone",
        "FWM 7 is missing",
        "FWM 8 should be gone",
        "[10.0.0.1]:tcp:80 has other real servers or weights",
        "[2001:db8::1]:udp:53 is missing",
        "[web] is missing",
    )


def test_an_account_without_anything_names_nothing() -> None:
    assert accounted("") == Inventory(frozenset(), {})
