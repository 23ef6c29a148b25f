"""Virtual servers, real servers and their checks: what may be written, and what is said about the rest."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from lvsctl.compose.write import Context, statements
from lvsctl.keepalived.config import Statement
from lvsctl.spec.base import Model
from lvsctl.spec.check_http import HttpGet, SslGet, Url
from lvsctl.spec.check_local import BfdCheck, FileCheck, MiscCheck
from lvsctl.spec.check_net import DnsCheck, PingCheck, SmtpCheck, TcpCheck, UdpCheck
from lvsctl.spec.checks import Check
from lvsctl.spec.describe import descriptions
from lvsctl.spec.layout import fields
from lvsctl.spec.lvs_method import LvsMethod
from lvsctl.spec.real_server import RealServer
from lvsctl.spec.server_group import VirtualServerGroupEntry
from lvsctl.spec.virtual_server import SorryServer, VirtualServer
from tests.support.conf_probe import complaints, require_keepalived
from tests.support.model_probe import fields_without_keyword, keywords_without_field

CONTEXT = Context(("virtual_server",), (2, 2, 7))

SERVICE = ("virtual_server",)
REAL = ("virtual_server", "real_server")
BLOCKS: list[tuple[type[Model], tuple[str, ...]]] = [
    (VirtualServer, SERVICE),
    (RealServer, REAL),
    (HttpGet, (*REAL, "HTTP_GET")),
    (SslGet, (*REAL, "SSL_GET")),
    (Url, (*REAL, "HTTP_GET", "url")),
    (Url, (*REAL, "SSL_GET", "url")),
    (TcpCheck, (*REAL, "TCP_CHECK")),
    (SmtpCheck, (*REAL, "SMTP_CHECK")),
    (DnsCheck, (*REAL, "DNS_CHECK")),
    (UdpCheck, (*REAL, "UDP_CHECK")),
    (PingCheck, (*REAL, "PING_CHECK")),
    (MiscCheck, (*REAL, "MISC_CHECK")),
    (FileCheck, (*REAL, "FILE_CHECK")),
    (BfdCheck, (*REAL, "BFD_CHECK")),
]

CONNECTING = {
    "bind_if": "eth0",
    "connect_ip": "10.0.0.5",
    "connect_port": "81",
    "bindto": "10.0.0.6",
    "bind_port": "4000",
    "connect_timeout": "2.5",
    "fwmark": "7",
    "delay_loop": "3",
    "warmup": "0",
    "retry": "2",
    "delay_before_retry": "0.5",
    "alpha": "off",
    "log_all_failures": "true",
}
PACED = {
    key: CONNECTING[key]
    for key in ("delay_loop", "warmup", "retry", "delay_before_retry", "alpha", "log_all_failures")
}
URL = {
    "path": "/healthz?a=b#c",
    "virtualhost": "www.example.com",
    "status_code": "200-299 404",
    "digest": "9b3a0c85a887a256d6939da88aabd8cd",
    "regex": "^OK [0-9]",
    "regex_no_match": "true",
    "regex_options": "caseless multiline",
    "regex_min_offset": "1",
    "regex_max_offset": "100",
    "regex_stack": "1000 20000",
}
FETCHING = {
    **CONNECTING,
    "virtualhost": "a.example",
    "http_protocol": "1.1",
    "enable_sni": "true",
    "fast_recovery": "false",
    "url": [URL, {"path": "/"}],
}
CHECKS: list[dict[str, Any]] = [
    {"HTTP_GET": FETCHING},
    {"SSL_GET": FETCHING},
    {"TCP_CHECK": CONNECTING},
    {"SMTP_CHECK": {**CONNECTING, "helo_name": "lb1"}},
    {"DNS_CHECK": {**CONNECTING, "type": "aaaa", "name": "www.example.com"}},
    {
        "UDP_CHECK": {
            **CONNECTING,
            "payload": "a1 ff 00",
            "require_reply": "a1 xx",
            "min_reply_length": "2",
            "max_reply_length": "9",
        }
    },
    {"PING_CHECK": CONNECTING},
    {
        "MISC_CHECK": {
            **PACED,
            "misc_path": "/bin/true 'a b'",
            "misc_timeout": "5",
            "misc_dynamic": "true",
            "user": "root root",
        }
    },
    {"FILE_CHECK": {"track_file": "load", "weight": "-2 reverse"}},
    {"BFD_CHECK": {"name": "peer", "alpha": "true"}},
]
REAL_SERVER = {
    "address": "10.0.0.2",
    "port": "80",
    "weight": "3",
    "lvs_method": "NAT",
    "uthreshold": "100",
    "lthreshold": "50",
    "inhibit_on_failure": "false",
    "notify_up": "/bin/true up",
    "notify_down": {"command": "/bin/true down", "user": "root"},
    "alpha": "true",
    "delay_loop": "5",
    "connect_timeout": "1",
    "retry": "1",
    "delay_before_retry": "1",
    "warmup": "2",
    "smtp_alert": "false",
    "virtualhost": "b.example",
    "snmp_name": "the first",
    "checks": CHECKS,
}
SERVED = {"lvs_method": "NAT", "real_servers": [{"address": "10.0.0.2", "port": "80"}]}
SERVICES: list[dict[str, Any]] = [
    {
        "address": "10.0.0.1",
        "port": "80",
        "ip_family": "inet",
        "protocol": "tcp",
        "lvs_sched": "sh",
        "sh-port": "true",
        "sh-fallback": "true",
        "lvs_method": "TUN type gue port 6080 csum",
        "persistence_engine": "sip",
        "persistence_timeout": "true",
        "persistence_granularity": "255.255.255.0",
        "ha_suspend": "true",
        "smtp_alert": "yes",
        "virtualhost": "c.example",
        "snmp_name": "web",
        "delay_loop": "10",
        "connect_timeout": "3",
        "retry": "2",
        "delay_before_retry": "1.5",
        "warmup": "0",
        "inhibit_on_failure": "true",
        "alpha": "true",
        "omega": "true",
        "quorum_up": "/bin/true up",
        "quorum_down": "/bin/true down",
        "quorum": "2",
        "hysteresis": "1",
        "weight": "4",
        "sorry_server": "10.0.0.9 80",
        "sorry_server_inhibit": "true",
        "sorry_server_lvs_method": "TUN type gre csum",
        "real_servers": [REAL_SERVER, {"address": "10.0.0.3", "port": "80"}],
    },
    {
        "address": "10.0.0.4",
        "port": "80",
        "protocol": "UDP",
        "lvs_sched": "mh",
        "mh-port": "true",
        "mh-fallback": "true",
        **SERVED,
    },
    {
        "fwmark": "5",
        "lvs_sched": "rr",
        "ops": "true",
        "flag-1": "true",
        "flag-2": "true",
        "flag-3": "true",
        **SERVED,
    },
    {"group": "G", "protocol": "TCP", "lvs_sched": "wlc", **SERVED},
]


def service(**fields_: Any) -> dict[str, Any]:
    return {"address": "10.0.0.1", "port": "80", "lvs_sched": "wlc", **SERVED, **fields_}


def faults(model: Any, data: Any) -> list[tuple[tuple[str | int, ...], str]]:
    with pytest.raises(ValidationError) as refused:
        TypeAdapter(model).validate_python(data)
    return [
        (each["loc"], str(each.get("ctx", {}).get("error", each["msg"]))) for each in refused.value.errors()
    ]


def written(data: dict[str, Any]) -> Statement:
    made = VirtualServer.model_validate(data)
    return Statement(("virtual_server", *made.head()), tuple(statements(made, (), CONTEXT)))


@pytest.mark.parametrize(
    ("model", "path"), BLOCKS, ids=lambda value: value[-1] if isinstance(value, tuple) else ""
)
def test_every_keyword_of_2_2_7_is_a_field_a_synonym_or_deprecated(
    model: type[Model], path: tuple[str, ...]
) -> None:
    spliced = {field.keyword for field in fields(Check).values()} if model is RealServer else set()
    assert keywords_without_field(model, *path) - spliced == set()
    assert fields_without_keyword(model, *path) - ({"checks"} if model is RealServer else set()) == set()


@pytest.mark.parametrize(
    "model",
    [*dict.fromkeys(model for model, _ in BLOCKS), Check, LvsMethod, SorryServer, VirtualServerGroupEntry],
    ids=lambda model: model.__name__,
)
def test_every_field_says_what_it_is_for(model: type[Model]) -> None:
    assert set(fields(model)) == set(descriptions(model))


def test_the_example_with_everything_leaves_no_keyword_out() -> None:
    shown = {path: set[str]() for _, path in BLOCKS}

    def look(statement: Statement, path: tuple[str, ...]) -> None:
        inside = (*path, statement.keyword)
        for each in statement.body or ():
            if inside in shown:
                shown[inside].add(each.keyword)
            look(each, inside)

    for data in SERVICES:
        look(written(data), ())
    missing = {
        (path, field.keyword)
        for model, path in BLOCKS
        for field in fields(model).values()
        if field.form.name not in {"OWN", "SPLICE"} and field.keyword not in shown[path]
    }
    assert missing == set()


@pytest.mark.keepalived
def test_keepalived_accepts_the_example_with_everything(tmp_path: Path) -> None:
    require_keepalived()
    preface = (
        Statement(
            ("global_defs",), (Statement(("script_user", "root")), Statement(("enable_script_security",)))
        ),
        Statement(("track_file", "load"), (Statement(("file", "/dev/shm/lvsctl-no-such-folder/load")),)),
        Statement(("bfd_instance", "peer"), (Statement(("neighbor_ip", "10.0.0.4")),)),
        Statement(("virtual_server_group", "G"), (Statement(("10.0.0.7", "80")),)),
    )
    assert complaints((*preface, *map(written, SERVICES)), tmp_path) == ()


@pytest.mark.parametrize(
    ("changes", "at", "says"),
    [
        ({"fwmark": "1"}, (), "exactly one of address"),
        ({"address": None, "port": None}, (), "exactly one of address"),
        ({"address": None, "group": "G"}, (), "a port belongs to an address"),
        ({"port": None}, (), "only a persistent service"),
        ({"port": "0"}, (), "only a persistent service"),
        ({"real_servers": []}, (), "at least one entry in real_servers"),
        ({"quorum": "2"}, ("real_servers",), "add up to 1, so the quorum of 2"),
        ({"lvs_sched": "WLC"}, ("lvs_sched",), "write 'wlc'"),
        ({"lvs_method": "dr"}, ("lvs_method", "method"), "write 'DR'"),
        ({"lvs_method": "DR type gue"}, ("lvs_method",), "those belong to TUN"),
        ({"lvs_method": "TUN type gue"}, ("lvs_method",), "needs its port"),
        ({"ip_family": "inet6"}, ("ip_family",), "10.0.0.1 is inet"),
        ({"sh-port": "true"}, ("sh-port",), "sh-port is for lvs_sched sh only"),
        ({"ops": "true"}, ("ops",), "protocol: UDP"),
        ({"hysteresis": "1"}, ("hysteresis",), "less than quorum, which is 1"),
        ({"persistence_granularity": "24"}, ("persistence_granularity",), "a netmask such as 255.255.255.0 for inet"),
        ({"sorry_server_inhibit": "true"}, ("sorry_server_inhibit",), "needs a sorry_server"),
        ({"sorry_server": {"port": "80"}}, ("sorry_server", "port"), "a port needs its address"),
        ({"maintenance": "maybe"}, ("maintenance",), "one of auto, resident, plain, off"),
        ({"checks": [{}]}, ("checks", 0), "one health check"),
        ({"checks": ["TCP_CHECK"]}, ("checks", 0), "one health check"),
        ({"checks": [{"TCP_CHECK": {}, "PING_CHECK": {}}]}, ("checks", 0), "one health check"),
        ({"checks": [{"HTTP_GET": {"url": []}}]}, ("checks", 0, "HTTP_GET", "url"), "at least one URL"),
        ({"checks": [{"MISC_CHECK": {"misc_path": {"command": "/x", "user": "u"}}}]}, ("checks", 0, "MISC_CHECK", "misc_path"), "reads no user"),
    ],
)  # fmt: skip
def test_a_service_is_refused_at_the_value_that_is_wrong(
    changes: dict[str, Any], at: tuple[str | int, ...], says: str
) -> None:
    data = {key: value for key, value in service(**changes).items() if value is not None}
    [(found, message)] = faults(VirtualServer, data)
    assert found == at
    assert says in message


def test_the_local_sorry_backend_is_an_empty_block() -> None:
    made = VirtualServer.model_validate(service(sorry_server={}, sorry_server_inhibit="true"))
    assert made.sorry_server == SorryServer()
    assert made.sorry_server.is_local
    assert not SorryServer.of("10.0.0.9 80").is_local


def test_a_service_that_lvsctl_owns_may_wait_for_its_real_servers() -> None:
    assert VirtualServer.model_validate(service(owner="lvsctl", real_servers=[])).real_servers == ()


def test_the_checks_of_a_service_are_not_written_with_it() -> None:
    assert "HTTP_GET" not in str(written(service(checks=[{"HTTP_GET": {"url": [{"path": "/"}]}}])))


def test_a_check_with_nothing_written_after_its_name_is_a_check_without_options() -> None:
    check = Check.model_validate({"TCP_CHECK": None})
    assert (check.kind, check.TCP_CHECK) == ("TCP_CHECK", TcpCheck())


def test_a_method_is_the_same_as_text_and_as_a_mapping() -> None:
    text = "TUN type gue port 6080 remcsum"
    mapped = LvsMethod.model_validate({"method": "TUN", "type": "gue", "port": "6080", "checksum": "remcsum"})
    assert LvsMethod.of(text) == mapped
    assert " ".join(mapped.words()) == text


def test_a_check_that_is_refused_says_where_and_why_all_at_once() -> None:
    url = {"path": "/a b", "status_code": "99", "regex_no_match": "true", "digest": "x"}
    found = dict(faults(HttpGet, {"url": [url, {}], "connect_port": "0"}))
    assert set(found) == {
        ("connect_port",),
        ("url", 0, "path"),
        ("url", 0, "status_code", 0),
        ("url", 0, "regex_no_match"),
        ("url", 0, "digest"),
        ("url", 1, "path"),
    }


def test_ten_thousand_real_servers_cost_no_validator_of_their_own() -> None:
    validators = RealServer.__pydantic_decorators__
    assert not validators.model_validators
    assert set(validators.field_validators) == {"_below_uthreshold"}
