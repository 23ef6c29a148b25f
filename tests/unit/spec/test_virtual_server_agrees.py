"""Virtual servers, real servers and checks against the real keepalived: what one takes, the other takes."""

from pathlib import Path
from typing import Any, NamedTuple

import pytest
from pydantic import ValidationError

from lvsctl.compose.write import Context, statements
from lvsctl.keepalived.config import Config, Statement
from lvsctl.spec.virtual_server import VirtualServer
from tests.support.conf_probe import Complaint, complaints, require_keepalived

pytestmark = pytest.mark.keepalived

CONTEXT = Context(("virtual_server",), (2, 2, 7))
BASE = {"protocol": "TCP", "lvs_sched": "wlc", "lvs_method": "NAT"}
PREFACE = (
    Statement(("global_defs",), (Statement(("script_user", "root")), Statement(("enable_script_security",)))),
    Statement(("track_file", "load"), (Statement(("file", "/dev/shm/lvsctl-no-such-folder/load")),)),
)


@pytest.fixture(autouse=True)
def _keepalived() -> None:
    require_keepalived()


class Probe(NamedTuple):
    """One keyword with one value, in one kind of block, next to some others."""

    where: str
    keyword: str
    value: str
    also: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return f"{self.where}: {self.keyword} {self.value}"


def probes(where: str, keyword: str, *values: str, **also: str) -> list[Probe]:
    return [Probe(where, keyword, value, tuple(also.items())) for value in values]


def timers(where: str) -> list[Probe]:
    values = ("1.5", "0.000001", "0", "0.0000015", "-1")
    return [
        *probes(where, "delay_loop", *values, LONGEST, TOO_LONG),
        *probes(where, "connect_timeout", *values, "4294.967295", "4294.967296"),
        *probes(where, "warmup", *values, LONGEST, TOO_LONG),
        *probes(where, "delay_before_retry", *values, LONGEST, TOO_LONG),
    ]


LONGEST, TOO_LONG = "18446744073709.551614", "18446744073709.551615"
BIG, TOO_BIG = "4294967295", "4294967296"
WEIGHT, TOO_HEAVY = "2147483647", "2147483648"

AGREED = [
    *probes(
        "virtual_server",
        "lvs_sched",
        *["rr", "wrr", "lc", "wlc", "lblc", "sh", "mh", "dh", "fo", "ovf", "lblcr", "sed", "nq", "twos"],
        "RR",
        "xx",
    ),
    *probes(
        "virtual_server", "lvs_method", "NAT", "DR", "TUN", "dr", "TUN type ipip", "TUN type gue port 6080"
    ),
    *probes(
        "virtual_server", "lvs_method", "TUN type gue", "TUN type gue port 0", "TUN type gue port 65535 csum"
    ),
    *probes(
        "virtual_server", "lvs_method", "TUN port 5", "TUN type gre csum", "TUN type gre remcsum", "TUN csum"
    ),
    *probes(
        "virtual_server",
        "lvs_method",
        "TUN type gre nocsum",
        "TUN type vxlan",
        "TUN nocsum",
        "TUN ttl 5",
        "TUN type",
    ),
    *probes("virtual_server", "protocol", "TCP", "udp", "Sctp", "ICMP"),
    *probes("virtual_server", "ip_family", "inet", "inet6", "ipv4"),
    *probes("virtual_server", "persistence_timeout", "1", "2678400", "0", "2678401", ""),
    *probes("virtual_server", "persistence_granularity", "255.255.255.0", "255.255.0.255", "1.2.3.4.5"),
    *probes("virtual_server", "persistence_engine", "sip", "a" * 16, "a" * 17),
    *probes("virtual_server", "smtp_alert", "true", "no", "maybe"),
    *probes("virtual_server", "retry", "1", BIG, "0", TOO_BIG),
    *timers("virtual_server"),
    *probes("virtual_server", "quorum", "1", "0", TOO_BIG, "2", "3", weight="2"),
    *probes("virtual_server", "hysteresis", "0", "1", "2", TOO_BIG, quorum="2", weight="2"),
    *probes("virtual_server", "hysteresis", "0", "1"),
    *probes("virtual_server", "weight", "1", WEIGHT, "0", TOO_HEAVY),
    *probes("virtual_server", "sorry_server", "10.0.0.9", "10.0.0.9 80", "10.0.0.9 0", "10.0.0.9 65535"),
    *probes("virtual_server", "sorry_server_lvs_method", "NAT", "TUN type gue", sorry_server="10.0.0.9 80"),
    *probes("virtual_server", "sorry_server_lvs_method", "NAT"),
    *probes("virtual_server", "sorry_server_inhibit", ""),
    *probes("virtual_server", "sorry_server_inhibit", "", sorry_server="10.0.0.9 80"),
    *probes("virtual_server", "sh-port", "", lvs_sched="sh"),
    *probes("virtual_server", "sh-fallback", "", lvs_sched="rr"),
    *probes("virtual_server", "mh-port", "", lvs_sched="mh"),
    *probes("virtual_server", "mh-fallback", "", lvs_sched="rr"),
    *probes("virtual_server", "flag-1", "", lvs_sched="rr"),
    *probes("virtual_server", "ops", "", protocol="UDP"),
    *probes("virtual_server", "ops", "", protocol="TCP"),
    *probes("virtual_server", "snmp_name", "two words"),
    *probes("real_server", "weight", "1", WEIGHT, TOO_HEAVY, "-1", "0x10"),
    *probes("real_server", "weight", "0"),
    *probes("real_server", "lvs_method", "DR", "TUN type gre", "dr"),
    *probes("real_server", "uthreshold", "0", BIG, TOO_BIG),
    *probes("real_server", "lthreshold", BIG, TOO_BIG, uthreshold=BIG),
    *probes("real_server", "inhibit_on_failure", "true", "no", "maybe"),
    *probes("real_server", "alpha", "true", "off", "maybe"),
    *probes("real_server", "smtp_alert", "on", "maybe"),
    *probes("real_server", "retry", "1", BIG, "0", TOO_BIG),
    *timers("real_server"),
    *probes("TCP_CHECK", "retry", "0", BIG, TOO_BIG),
    *timers("TCP_CHECK"),
    *probes("TCP_CHECK", "connect_port", "1", "65535", "0", "65536"),
    *probes("TCP_CHECK", "bind_port", "1", "65535", "0", "65536"),
    *probes("TCP_CHECK", "connect_ip", "10.0.0.5", "2001:db8::1", "10.0.0.256", "fe80::1%eth0", "fe80::1"),
    *probes("TCP_CHECK", "connect_ip", "fe80::1", bind_if="eth0"),
    *probes("TCP_CHECK", "bindto", "2001:db8::2", "10.0.0.7", connect_ip="2001:db8::1"),
    *probes("TCP_CHECK", "bind_if", "a" * 15, "a" * 16),
    *probes("TCP_CHECK", "fwmark", "0", BIG, TOO_BIG),
    *probes("TCP_CHECK", "log_all_failures", "yes", "maybe"),
    *probes("UDP_CHECK", "payload", "a1 ff 03", "f", "fff", "0 ff", "ff", "xx", "12 FF", "g"),
    *probes("UDP_CHECK", "require_reply", "", "a1 xx", "xf", "Xf 1", "ff", "g"),
    *probes("UDP_CHECK", "min_reply_length", "0", "255", "256", "65536"),
    *probes("UDP_CHECK", "max_reply_length", "65535", "65536"),
    *probes("UDP_CHECK", "max_reply_length", "9", "10", min_reply_length="10"),
    *probes(
        "DNS_CHECK",
        "type",
        *["A", "NS", "CNAME", "SOA", "MX", "TXT", "AAAA", "RRSIG", "DNSKEY"],
        "aaaa",
        "ANY",
    ),
    *probes("DNS_CHECK", "name", ".", "ab.cd", "ab.cd.", "a", "a.bc", ".ab", "ab..cd", "a."),
    *probes("SMTP_CHECK", "helo_name", "lb1.example.com"),
    *probes("MISC_CHECK", "misc_timeout", "0", "4294", "4295"),
    *probes("MISC_CHECK", "user", "root", "root root"),
    *probes(
        "FILE_CHECK", "weight", WEIGHT, f"-{WEIGHT}", TOO_HEAVY, "1 reverse", "1 noreverse", "1 backwards"
    ),
    *probes("HTTP_GET", "http_protocol", "1.0", "1.0C", "1.0c", "1.1", "2"),
    *probes("HTTP_GET", "enable_sni", "true", "maybe"),
    *probes("SSL_GET", "fast_recovery", "true", "maybe"),
    *probes("url", "status_code", "100 200-299 599", "99", "600", "300-200", "abc", "200-"),
    *probes("url", "digest", "0" * 32, "aB" * 16, "0" * 31, "g" * 32),
]

STRICTER = [
    *probes("virtual_server", "lvs_method", "NAT type gue port 5", "DR type gre csum"),
    *probes("virtual_server", "mh-port", "", lvs_sched="sh"),
    *probes("virtual_server", "persistence_granularity", "24"),
    *probes("real_server", "lthreshold", "1"),
    *probes("DNS_CHECK", "name", "ab." + "c" * 64),
    *probes("url", "regex_options", "caseles", regex="x"),
    *probes("url", "regex_min_offset", "5"),
    *probes("url", "regex_max_offset", "4", regex="x", regex_min_offset="5"),
    *probes("url", "regex_stack", "5 4", regex="x"),
]
"""What keepalived says nothing about, and then does something else than was written."""


def place(probe: Probe, number: int) -> dict[str, Any]:
    """Answer the virtual server that holds the probe, as the spec's raw data."""
    inner: dict[str, Any] = {**dict(probe.also), probe.keyword: probe.value or "true"}
    server: dict[str, Any] = {"address": "10.0.0.2", "port": "80"}
    outer: dict[str, Any] = {"address": f"10.1.{number // 250}.{number % 250}", "port": "80", **BASE}
    match probe.where:
        case "virtual_server":
            outer |= inner
        case "real_server":
            server |= inner
        case "url":
            server["checks"] = [{"HTTP_GET": {"url": [{"path": "/", **inner}]}}]
        case kind:
            server["checks"] = [{kind: {**REQUIRED.get(kind, {}), **inner}}]
    return {**outer, "real_servers": [server]}


REQUIRED: dict[str, dict[str, Any]] = {
    "HTTP_GET": {"url": [{"path": "/"}]},
    "SSL_GET": {"url": [{"path": "/"}]},
    "MISC_CHECK": {"misc_path": "/bin/true"},
    "FILE_CHECK": {"track_file": "load"},
}


def raw(keyword: str, value: Any, source: str) -> list[Statement]:
    """Write raw data as it stands, for what the spec refuses to write."""
    if isinstance(value, list):
        return [each for item in value for each in raw(keyword, item, source)]
    if isinstance(value, dict):
        return [Statement((keyword,), as_they_stand(value, source), source)]
    return [Statement((keyword, *([] if value == "true" else value.split())), None, source)]


def as_they_stand(data: dict[str, Any], source: str) -> Config:
    return tuple(each for key, value in data.items() for each in raw(key, value, source))


def as_written(data: dict[str, Any]) -> Statement:
    """Write a virtual server without lvsctl, every statement marked with its address."""
    source, outer = data["address"], dict(data)
    servers, head = outer.pop("real_servers"), [outer.pop("address"), outer.pop("port", "0")]
    inner = [
        {**{key: value for key, value in server.items() if key not in {"address", "port", "checks"}}, **check}
        for server in servers
        for check in server.get("checks", [{}])
    ]
    reals = tuple(
        Statement(("real_server", "10.0.0.2", "80"), as_they_stand(each, source), source) for each in inner
    )
    return Statement(("virtual_server", *head), (*as_they_stand(outer, source), *reals), source)


def as_composed(data: dict[str, Any]) -> Statement:
    service = VirtualServer.model_validate(data)
    return Statement(("virtual_server", *service.head()), tuple(statements(service, (), CONTEXT)))


def accepted(data: dict[str, Any]) -> bool:
    try:
        VirtualServer.model_validate(data)
    except ValidationError:
        return False
    return True


def hear(services: list[Statement], folder: Path) -> tuple[Complaint, ...]:
    """Ask keepalived about all *services* in one file."""
    return complaints((*PREFACE, *services), folder)


def is_about(complaint: Complaint, service: Statement) -> bool:
    """Whether keepalived means *service*: by a line of it, or by its address."""
    if complaint.about is None:
        return f"[{service.words[1]}]" in complaint.text
    return complaint.about in within((service,))


def within(config: Config) -> list[Statement]:
    return [each for statement in config for each in (statement, *within(statement.body or ()))]


def test_what_the_spec_takes_keepalived_takes_without_complaint(tmp_path: Path) -> None:
    taken = [data for number, probe in enumerate(AGREED) if accepted(data := place(probe, number))]
    assert hear([as_composed(data) for data in taken], tmp_path) == ()
    assert len(taken) > len(AGREED) / 3


def test_what_the_spec_refuses_keepalived_complains_about(tmp_path: Path) -> None:
    refused = {
        str(probe): as_written(data)
        for number, probe in enumerate(AGREED)
        if not accepted(data := place(probe, number))
    }
    heard = hear(list(refused.values()), tmp_path)
    silent = [name for name, service in refused.items() if not any(is_about(each, service) for each in heard)]
    assert silent == []
    assert len(refused) > len(AGREED) / 3


def test_the_spec_is_stricter_only_where_keepalived_says_nothing(tmp_path: Path) -> None:
    data = [place(probe, number) for number, probe in enumerate(STRICTER)]
    assert [str(probe) for probe, each in zip(STRICTER, data, strict=True) if accepted(each)] == []
    assert hear([as_written(each) for each in data], tmp_path) == ()


@pytest.mark.parametrize("url", [{}, {"virtualhost": "a.example"}])
def test_a_url_without_a_path_would_crash_keepalived_so_it_is_refused(
    url: dict[str, str], tmp_path: Path
) -> None:
    data = place(Probe("HTTP_GET", "url", ""), 1)
    data["real_servers"][0]["checks"][0]["HTTP_GET"]["url"] = [url]
    assert not accepted(data)
    assert any("no path" in each.text for each in hear([as_written(data)], tmp_path))


@pytest.mark.parametrize(
    ("words", "identity"),
    [
        (("fwmark", "1"), {"fwmark": "1"}),
        (("fwmark", BIG), {"fwmark": BIG}),
        (("10.0.0.1",), {"address": "10.0.0.1", "protocol": "TCP", "persistence_timeout": "true"}),
        (
            ("10.0.0.1", "0"),
            {"address": "10.0.0.1", "port": "0", "protocol": "UDP", "persistence_granularity": "255.0.0.0"},
        ),
        (
            ("2001:db8::1", "80"),
            {"address": "2001:db8::1", "port": "80", "protocol": "TCP", "persistence_granularity": "64"},
        ),
    ],
)
def test_every_way_to_name_a_service_is_accepted(
    words: tuple[str, ...], identity: dict[str, str], tmp_path: Path
) -> None:
    real = "2001:db8::2" if ":" in words[0] else "10.0.0.2"
    service = as_composed(
        {"lvs_sched": "rr", "lvs_method": "NAT", **identity, "real_servers": [{"address": real}]}
    )
    assert service.words[1:] == words
    assert hear([service], tmp_path) == ()


@pytest.mark.parametrize(
    "identity",
    [
        {"fwmark": "0"},
        {"fwmark": "1", "protocol": "TCP"},
        {"fwmark": "1", "ha_suspend": "true"},
        {"address": "10.0.0.1", "protocol": "TCP"},
        {"address": "10.0.0.1", "port": "65536", "protocol": "TCP"},
        {"address": "2001:db8::1", "port": "80", "protocol": "TCP", "persistence_granularity": "255.0.0.0"},
        {"address": "2001:db8::1", "port": "80", "protocol": "TCP", "persistence_granularity": "129"},
    ],
)
def test_a_service_that_keepalived_bends_is_refused(identity: dict[str, str], tmp_path: Path) -> None:
    data = {"lvs_sched": "rr", "lvs_method": "NAT", **identity, "real_servers": [{"address": "10.0.0.2"}]}
    assert not accepted(data)
    if "fwmark" in data:
        data = {"address": "fwmark", "port": data.pop("fwmark"), **data}
    assert hear([as_written(data)], tmp_path) != ()
