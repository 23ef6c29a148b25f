"""What lvsctl owns by the spec becomes exactly the table that was meant, and nothing of keepalived's is in it."""

import json
from collections.abc import Mapping
from ipaddress import IPv4Address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvsctl.cli.main import run
from lvsctl.compose.claims import Claims
from lvsctl.compose.table import MOST_ENTRIES, NoTable, table, table_of
from lvsctl.errors import SpecInvalid
from lvsctl.ipvs import Dest, DestKey, Persistence, Service, Table, Tunnel, VirtualServer, rules
from lvsctl.ipvs.model import canonical, canonical_dest, flag_names
from lvsctl.spec.document import read
from lvsctl.spec.load import Declared, load
from lvsctl.spec.spec import Spec
from lvsctl.vocabulary import Family, ForwardingMethod, Protocol, ServiceKey, TunnelFlag, TunnelType
from tests.support.ipvs import keys, servers

Data = dict[str, Any]
REAL: Data = {"address": "10.1.0.1", "port": "8080"}
WEB: Data = {"address": "10.0.0.1", "port": "80", "owner": "lvsctl", "real_servers": [REAL]}


def declared(services: Data, **rest: Any) -> Declared:
    return load(read(json.dumps({"virtual_servers": services, **rest}), file="lvs.json"))


def spec(services: Data, **rest: Any) -> Spec:
    return declared(services, **rest).spec("")


def rules_of(service: Data, **rest: Any) -> list[str]:
    """Answer the table of one service as the lines that ipvsadm reads."""
    return rules.write(table(spec({"web": WEB | service}, **rest))).splitlines()


def marked(service: Data, **rest: Any) -> list[str]:
    without = {key: value for key, value in WEB.items() if key not in ("address", "port")}
    return rules.write(table(spec({"web": without | service}, **rest))).splitlines()


@pytest.mark.parametrize(
    ("service", "rule"),
    [
        ({}, "-s wlc"),
        ({"lvs_sched": "sh", "sh-port": "true", "sh-fallback": "true"}, "-s sh -b sh-fallback,sh-port"),
        ({"lvs_sched": "mh", "mh-port": "true"}, "-s mh -b mh-port"),
        ({"lvs_sched": "rr", "flag-3": "true"}, "-s rr -b flag-3"),
        ({"persistence_timeout": "true"}, "-s wlc -p 360"),
        ({"persistence_timeout": "50"}, "-s wlc -p 50"),
        ({"persistence_granularity": "255.255.0.0"}, "-s wlc -p 360 -M 255.255.0.0"),
        ({"persistence_timeout": "9", "persistence_engine": "sip"}, "-s wlc -p 9 --pe sip"),
        ({"persistence_engine": "sip"}, "-s wlc"),
    ],
)
def test_settings_of_a_service(service: Data, rule: str) -> None:
    assert rules_of(service)[0] == f"-A -t 10.0.0.1:80 {rule}"


def test_one_packet_scheduling_is_for_udp() -> None:
    assert rules_of({"protocol": "UDP", "ops": "true"})[0] == "-A -u 10.0.0.1:80 -s wlc -o"


@pytest.mark.parametrize(
    ("service", "server", "rule"),
    [
        ({}, {}, "-r 10.1.0.1:8080 -m -w 1"),
        ({"weight": "7"}, {}, "-r 10.1.0.1:8080 -m -w 7"),
        ({"weight": "7"}, {"weight": "0"}, "-r 10.1.0.1:8080 -m -w 0"),
        ({}, {"port": "0"}, "-r 10.1.0.1:80 -m -w 1"),
        ({"lvs_method": "DR"}, {"port": "80"}, "-r 10.1.0.1:80 -g -w 1"),
        ({"lvs_method": "DR"}, {"lvs_method": "NAT"}, "-r 10.1.0.1:8080 -m -w 1"),
        ({}, {"uthreshold": "9", "lthreshold": "3"}, "-r 10.1.0.1:8080 -m -w 1 -x 9 -y 3"),
        (
            {"lvs_method": "TUN type gue port 6080 remcsum"},
            {"port": "80"},
            "-r 10.1.0.1:80 -i -w 1 --tun-type gue --tun-port 6080 --tun-remcsum",
        ),
        (
            {"lvs_method": "TUN type gue port 6080"},
            {"port": "80", "lvs_method": "TUN type gre csum"},
            "-r 10.1.0.1:80 -i -w 1 --tun-type gre --tun-csum",
        ),
    ],
)
def test_settings_of_a_real_server(service: Data, server: Data, rule: str) -> None:
    assert rules_of(service | {"real_servers": [REAL | server]})[1] == f"-a -t 10.0.0.1:80 {rule}"


def test_destinations_stand_in_the_order_written() -> None:
    addresses = [f"10.1.0.{n}" for n in (9, 3, 7, 1)]
    composed = table(spec({"web": WEB | {"real_servers": [{"address": each} for each in addresses]}}))
    [server] = composed.values()
    assert [str(key.address) for key in server.dests] == addresses


@pytest.mark.parametrize(
    ("service", "head"),
    [
        ({"fwmark": "5"}, "-f 5"),
        ({"fwmark": "5", "ip_family": "inet6", "lvs_method": "TUN"}, "-f 5 -6"),
        ({"fwmark": "5", "real_servers": [{"address": "2001:db8::1"}]}, "-f 5 -6"),
        ({"fwmark": "5", "lvs_method": "TUN", "real_servers": [{"address": "2001:db8::1"}]}, "-f 5 -6"),
        (
            {"fwmark": "5", "lvs_method": "TUN", "real_servers": [{"address": "2001:db8::1"}, REAL]},
            "-f 5",
        ),
    ],
)
def test_a_mark_has_the_family_that_keepalived_would_find(service: Data, head: str) -> None:
    assert marked(service)[0] == f"-A {head} -s wlc"


def test_a_group_is_every_address_and_mark_of_it() -> None:
    group = ["10.0.0.8/31 80", "10.0.1.1-2 443", "fwmark 7 inet", "2001:db8::1 80"]
    reals = [{"address": "10.1.0.1"}, {"address": "2001:db8::2"}]
    lines = marked({"group": "all", "real_servers": reals}, virtual_server_groups={"all": group})
    assert sorted(line.split(" -s ")[0] for line in lines if line.startswith("-A")) == [
        *("-A -f 7", "-A -t 10.0.0.8:80", "-A -t 10.0.0.9:80", "-A -t 10.0.1.1:443", "-A -t 10.0.1.2:443"),
        "-A -t [2001:db8::1]:80",
    ]
    assert [line for line in lines if "2001:db8::2" in line] == [
        "-a -t [2001:db8::1]:80 -r [2001:db8::2]:0 -m -w 1"
    ]


def test_a_range_without_end_is_refused_at_once_with_its_place() -> None:
    services = {"web": {key: value for key, value in WEB.items() if key not in ("address", "port")}}
    services["web"]["group"] = "all"
    with pytest.raises(SpecInvalid, match=rf"lvs\.json:1:\d+: virtual_servers\.web: .*{MOST_ENTRIES:,}"):
        table_of(declared(services, virtual_server_groups={"all": ["2001:db8::/32 80"]}), "")


def test_what_keepalived_owns_is_not_in_the_table_and_cannot_be_claimed_twice() -> None:
    theirs = WEB | {"owner": "keepalived"}
    assert table(spec({"web": theirs})) == {}
    with pytest.raises(
        NoTable, match=r"tcp/10\.0\.0\.1:80 belongs to a virtual server of keepalived already"
    ):
        table(spec({"web": WEB, "other": theirs}))
    with pytest.raises(NoTable, match="belongs to another virtual server already"):
        table(spec({"web": WEB, "other": WEB}))


@pytest.mark.parametrize(
    ("key", "owned"),
    [
        ("tcp/10.0.0.1:80", True),
        ("udp/10.0.0.1:80", False),
        ("tcp/10.0.0.1:81", False),
        ("tcp/10.77.3.4:443", True),
        ("tcp/11.0.0.0:443", False),
        ("tcp/[::a4d:304]:443", False),
        ("fwmark/5", True),
        ("fwmark6/5", False),
        ("fwmark6/9", True),
        ("fwmark/999", False),
    ],
)
def test_claims_are_known_without_expanding_groups(key: str, owned: bool) -> None:
    real = {"real_servers": [REAL]}
    services = {
        "web": WEB | {"owner": "keepalived"},
        "mark": {"fwmark": "5", **real},
        "all": {"group": "all", **real},
    }
    groups = {"all": ["10.64.0.0/10 443", "fwmark 9 inet6"]}
    assert (ServiceKey.parse(key) in Claims(spec(services, virtual_server_groups=groups))) is owned


@pytest.mark.parametrize(("settings", "first"), [({}, 1000), ({"nftables_ipvs_start_fwmark": "50"}, 50)])
def test_marks_that_keepalived_sets_by_itself_are_its_own(settings: Data, first: int) -> None:
    claims = Claims(spec({"web": WEB}, global_defs={"nftables_ipvs": "true", **settings}))
    assert ServiceKey.fwmark(first) in claims
    assert ServiceKey.fwmark(2**32 - 1, Family.INET6) in claims
    assert ServiceKey.fwmark(first - 1) not in claims
    assert "fwmark/1000" not in claims


def declaration(key: ServiceKey, server: VirtualServer) -> Data:
    """Declare what *server* is, in the words of the spec."""
    service, dests = server
    data: Data = {"owner": "lvsctl", "lvs_sched": service.scheduler}
    if key.mark:
        data |= {"fwmark": str(key.mark), "ip_family": str(key.family)}
    else:
        data |= {"address": str(key.address), "port": str(key.port), "protocol": str(key.protocol)}
    data |= dict.fromkeys(flag_names(service.scheduler, service.flags), "true")
    if service.one_packet:
        data["ops"] = "true"
    if service.persistence:
        data["persistence_timeout"] = str(service.persistence.timeout)
        if service.persistence.netmask is not None:
            data["persistence_granularity"] = str(service.persistence.netmask)
    data["real_servers"] = [real_server(*item) for item in dests.items()]
    return data


def real_server(key: DestKey, dest: Dest) -> Data:
    method: Data = {"method": str(dest.method)}
    if dest.method is ForwardingMethod.TUN:
        kind, port, flags = dest.tunnel
        method |= {"type": str(kind)} | ({"port": str(port)} if port else {})
        method |= {"checksum": "remcsum" if flags & TunnelFlag.REMCSUM else "csum"} if flags else {}
    return {
        "address": str(key.address),
        "port": str(key.port),
        "weight": str(dest.weight),
        "uthreshold": str(dest.upper),
        "lthreshold": str(dest.lower),
        "lvs_method": method,
    }


def as_declared(key: ServiceKey, server: VirtualServer) -> VirtualServer:
    """Answer *server* with what the kernel ignores left out: only NAT has a port for a mark."""
    dests = {
        dest_key if dest.method is ForwardingMethod.NAT else dest_key._replace(port=key.port): canonical_dest(
            dest
        )
        for dest_key, dest in server.dests.items()
    }
    return VirtualServer(canonical(server.service), dests)


tables = st.lists(keys, max_size=3, unique=True).flatmap(
    lambda chosen: st.fixed_dictionaries({key: servers(key) for key in chosen})
)


@given(tables)
def test_every_table_can_be_declared(drawn: Mapping[ServiceKey, VirtualServer]) -> None:
    wanted: Table = {key: as_declared(key, server) for key, server in drawn.items()}
    services = {f"s{n}": declaration(*item) for n, item in enumerate(wanted.items())}
    composed = table(spec(services))
    assert composed == wanted
    assert [list(each.dests) for each in composed.values()] == [list(each.dests) for each in wanted.values()]


def test_a_table_or_a_spec_but_not_both(capsys: pytest.CaptureFixture[str]) -> None:
    for extra in (["lvs.yaml"], ["--node", "lb1"]):
        assert run(["ipvs", "diff", "--table", "table.rules", *extra]) == 64
        assert "--table is instead of the spec" in capsys.readouterr().err


def test_types_of_one_declaration() -> None:
    service = WEB | {
        "persistence_granularity": "255.255.255.0",
        "real_servers": [{"address": "2001:db8::1", "lvs_method": "TUN type gue port 6080 csum"}],
    }
    assert table(spec({"web": service})) == {
        ServiceKey.of(Protocol.TCP, "10.0.0.1", 80): VirtualServer(
            Service(persistence=Persistence(360, IPv4Address("255.255.255.0"))),
            {
                DestKey.of("2001:db8::1", 80): Dest(
                    ForwardingMethod.TUN, tunnel=Tunnel(TunnelType.GUE, 6080, TunnelFlag.CSUM)
                )
            },
        )
    }
