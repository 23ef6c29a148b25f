"""Every place of the spec that takes text, found by walking the models; and what somebody might write there.

A *slot* is one such place, with everything around it that makes a spec of it: the smallest spec that has it. The
same walk finds numbers, words and addresses; they refuse what they should not take, and belong to the proof.
"""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NamedTuple, get_args, get_origin

from lvsctl.spec.authentication import _Secret
from lvsctl.spec.base import Line, Model
from lvsctl.spec.checks import Check
from lvsctl.spec.describe import models
from lvsctl.spec.layout import _unwrap, fields
from lvsctl.spec.script import Script
from lvsctl.spec.spec import Spec
from lvsctl.spec.values import Parsed
from tests.support.strategies_draw import Data
from tests.support.strategies_models import hints

PAYLOADS = (
    *("}", "{", "{}", "\n", "\r", "a\nb", "#", "!", "a#b", "a!b", '"', 'a"b', "'", "a'b", "\\", "a\\", "a\\nb", "a\\\\"),
    *("$x", "${x}", "$x=1", "$_PWD", "${_PWD}", "$_RANDOM", "${_INSTANCE}", "${_ENV HOME}", "@low", "@^x", "@", "~SEQ(x,1,3)", "~LST(x,a,b)"),
    *("include /etc/passwd", "include", "includer", "includea", "\0", "a\0b", "\t", "a\tb", "x" * 2000, "é" * 600),
    *("a\x85b", "a\u2028b", "a\u2029b", "a\u00a0b", "\ufeffa", "a\x0bb", "a\x0cb", "a\x1bb"),
    *("x\n}\nlvsctl_injected {", "x }\n}\nlvsctl_injected", "x } lvsctl_injected", "x; lvsctl_injected", "x\r}\rlvsctl_injected"),
    *(" a", "a ", "  ", "", "a b", "a  b", "-", "--", "/", "//", "=", "%s", "{{ 7*7 }}", "{% raw %}", "<script>", "\ud800"),
)  # fmt: skip
"""What has a meaning to keepalived, to YAML, to a template, or to whoever reads the file."""

BENIGN = (
    *("a", "# nothing", "1", "0", "2", "5", "10", "100", "1000", "/x", "true", "on", "no", "root", "eth1", "a@b", "a.b.c", "+"),
    *("192.0.2.1", "203.0.113.10", "192.0.2.1/32", "10.0.0.0/24", "255.255.255.0", "224.0.0.18", "2001:db8::1", "ff02::12", "2001:db8:0:1"),
    *("PASS", "TCP", "IOCTL", "A", "DR", "NAT", "rr", "inet", "hetzner-robot", "failover", "caseless", "1.1", "ecn", "enabled", "ip6", "partial"),
    *("blackhole", "append", "bridge", "low", "auto", "csum", "ipip", "keepalived", "+read", "022", "0a", "1-2", "200", "503", "8", "18", "1001", "2.2.7"),
    *("LVS001", "a good reason", "02:00:00:00:00:01", "d41d8cd98f00b204e9800998ecf8427e", "1 1", "1 2", "eth1 1"),
    *("127.0.0.1:9798", "https://127.0.0.1:8443"),
    *("de", "ltr", "2026-11-21T18:00Z", "/x/y", "www.example.org", "https://www.example.org/x"),
    *("tcp 1", "dev eth1", "via 192.0.2.1", "ip dst 192.0.2.1", "priority 1 table 1"),
)  # fmt: skip
"""Texts of which every place takes one, and none harms."""

MINIMAL: dict[str, Any] = {
    "LinkbeatInterface": {"interface": "eth0"},
    "InterfaceDelays": {"interface": "eth0", "down": "1"},
    "FailoverIp": {"ip": "203.0.113.10", "provider": "command", "vrrp_instance": "a", "command": ["/x"]},
    "ReturnPath": {"interface": "eth0", "gateway": "192.0.2.1"},
    "Uplinks": {
        "providers": {"a": {"interface": "eth0", "gateway": "192.0.2.1"}},
        "targets": [{"address": "192.0.2.9"}],
    },
    "Uplink": {"interface": "eth0", "gateway": ["192.0.2.1"]},
    "UplinkTarget": {"address": "192.0.2.9"},
    "Certificate": {"certificate": "/srv/a.pem", "key": "/srv/a.key"},
    "Ignore": {"rule": "LVS001", "reason": "a good reason"},
    "TrackGroup": {"group": ["a"]},
    "StaticAddressLine": {"address": "192.0.2.1", "dev": "eth0"},
    "RouteLine": {"to": "192.0.2.0/24", "dev": "eth0"},
    "RuleLine": {"priority": "1", "table": "100"},
    "GarpGroup": {"garp_interval": "1", "interface": "eth0"},
    "BfdInstance": {"neighbor_ip": "192.0.2.1"},
    "VrrpScript": {"script": "/x"},
    "VrrpTrackProcess": {"process": "x"},
    "TrackFile": {"file": "/x"},
    "VrrpSyncGroup": {"group": ["a"]},
    "VrrpInstance": {"virtual_router_id": "1", "interface": "eth0"},
    "VirtualServerGroupEntry": {"address": "192.0.2.1", "port": "80"},
    "VirtualServer": {
        "address": "192.0.2.1",
        "port": "80",
        "real_servers": [{"address": "192.0.2.2", "port": "80"}],
    },
    "ScriptUser": {"user": "root"},
    "Script": {"command": ["/x"]},
    "Fifo": {"path": "/x"},
    "SmtpServer": {"host": "192.0.2.1"},
    "GarpExtraIf": {"interval": "1"},
    "LvsTimeouts": {"tcp": "1"},
    "LvsSyncDaemon": {"interface": "eth0"},
    "Umask": {"mask": ["022"]},
    "Action": {"run": ["/x"]},
    "Alert": {"run": ["/x"]},
    "Encap": {"type": "ip", "dst": "192.0.2.1"},
    "NextHop": {"dev": "eth0"},
    "Weight": {"weight": "1"},
    "WideWeight": {"weight": "1"},
    "TrackedCommand": {"command": "x"},
    "TrackInterface": {"interface": "eth1"},
    "_Tracked": {"name": "a"},
    "Authentication": {"auth_type": "PASS", "auth_pass": "x"},
    "UnicastPeer": {"address": "192.0.2.1"},
    "AddressLine": {"address": "192.0.2.1"},
    "ExtraGarp": {"interval": "1"},
    "Check": {"TCP_CHECK": {}},
    "LvsMethod": {"method": "NAT"},
    "RealServer": {"address": "192.0.2.2", "port": "80"},
    "HttpGet": {"url": [{"path": "/"}]},
    "MiscCheck": {"misc_path": "/x"},
    "FileCheck": {"track_file": "a"},
    "BfdCheck": {"name": "a"},
    "Url": {"path": "/", "regex": "x"},
    "FileWeight": {"weight": "1"},
    "RegexStack": {"start": "1", "max": "1"},
    "SorryServer": {"address": "192.0.2.9"},
}
"""The least that a model needs; nothing for those that are not here."""

NEVER = frozenset(("Action.verb: value",))
"""Places that nothing can be written in: the word stands for the whole block."""

COMPANIONS: dict[tuple[str, str], Data] = {
    ("Script", "group"): {"user": "root"},
    ("Fifo", "group"): {"user": "root"},
    ("IptablesChains", "out_chain"): {"in_chain": "x"},
    **{("IpSets", name): dict.fromkeys(("address", "address6", "address_if6", "igmp")[:count], "x") for count, name in enumerate(("address", "address6", "address_if6", "igmp", "mld"))},
    ("DeletedScript", "user"): {"command": ["/x"]},
    ("DeletedScript", "group"): {"command": ["/x"], "user": "root"},
    ("FailoverIp", "provider"): {"command": None, "credentials": "/x"},
    ("FailoverIp", "credentials"): {"provider": "hetzner-robot", "command": None},
    **{("FailoverIp", key): {"provider": "hetzner-cloud", "command": None, "credentials": "/x"} for key in ("id", "name", "api")},
    ("Uplinks", "quorum"): {"targets": [{"address": f"192.0.2.{each}"} for each in range(100)]},
    ("UplinkTarget", "probe"): {"port": "80"},
    ("UplinkTarget", "port"): {"probe": "TCP"},
    **{("UplinkTarget", key): {"probe": "HTTPS"} for key in ("host", "path", "status", "verify")},
    ("UplinkTarget", "name"): {"probe": "DNS"},
    ("UplinkTarget", "run"): {"probe": "command", "address": None},
    ("UplinkWindow", "loss_up"): {"loss_down": "100"},
    ("UplinkWindow", "rtt_up"): {"rtt_down": "60000"},
    ("Action", "services"): {"sorry": "on", "run": None},
    ("Action", "sorry"): {"run": None},
    ("VirtualServer", "group"): {"address": None, "port": None},
    ("VirtualServer", "fwmark"): {"address": None, "port": None},
    ("VirtualServer", "persistence_engine"): {"persistence_timeout": "1"},
    ("VirtualServer", "sorry_server_lvs_method"): {"sorry_server": "192.0.2.9"},
    **{("RouteLine", key): {"to": "2001:db8::/64"} for key in ("from", "pref", "expires")},
    ("RuleLine", "protocol"): {"no_track": "true"},
    ("RouteLine", "protocol"): {"no_track": "true"},
    ("GarpGroup", "interfaces"): {"interface": None},
    **{("Encap", key): {"type": "ip6", "dst": "2001:db8::1"} for key in ("tc", "hoplimit")},
    ("Encap", "type"): {"dst": None, "id": "1"},
    **{("LvsMethod", key): {"method": "TUN", "type": "gre"} for key in ("type", "checksum")},
    ("LvsMethod", "port"): {"method": "TUN", "type": "gue"},
    ("Encap", "label"): {"type": "mpls", "dst": None},
    ("RuleLine", "type"): {"table": None},
    ("RuleLine", "goto"): {"table": None},
    ("StaticRuleLine", "track_group"): {"iif": "eth0"},
    ("VirtualServerGroupEntry", "fwmark"): {"address": None, "port": None},
    ("VirtualServerGroupEntry", "family"): {"address": None, "port": None, "fwmark": "1"},
}  # fmt: skip
"""What else has to be there, or must not (None), for a field to be accepted at all."""

Path = tuple[str | int, ...]
Placed = tuple[Any, Path]
"""Data, and the path in it to what somebody wrote."""


class Slot(NamedTuple):
    """A place that takes a text."""

    model: str
    field: str
    how: str
    """Whether the text is the value, an item, a key, a whole line …"""
    spec: Callable[[str], Placed]
    """Makes the spec that has a text in this place, and says where."""

    def __str__(self) -> str:
        return f"{self.model}.{self.field}: {self.how}"


def slots() -> Iterator[Slot]:
    """Yield every slot of every model that a spec is made of."""
    for name, model in models(Spec).items():
        for key, field in fields(model).items():
            for how, make in _texts(hints(model)[field.name]):
                yield Slot(name, key, how, _in_spec(model, key, make))


def minimal(model: type[Model]) -> Data:
    """Answer the least data of *model*."""
    return dict(next((MINIMAL[each.__name__] for each in model.__mro__ if each.__name__ in MINIMAL), {}))


def companions(model: type[Model], key: str) -> Data:
    """Answer what has to stand beside the field *key* of *model*."""
    return next(
        (COMPANIONS[each.__name__, key] for each in model.__mro__ if (each.__name__, key) in COMPANIONS), {}
    )


Make = Callable[[str], Placed]


def _texts(hint: Any) -> Iterator[tuple[str, Make]]:
    """Yield how a text can be written as a value of the type *hint*."""
    bare, marks = _unwrap(hint)
    parsed = next((mark for mark in marks if isinstance(mark, Parsed)), None)
    if parsed is not None:
        yield "value", lambda text: (text, ())
        if isinstance(parsed, _Secret):
            yield "file", lambda text: ({"file": text}, ("file",))
    elif get_origin(bare) is tuple:
        for how, make in _texts(get_args(bare)[0]):
            yield f"item, {how}", _item(make)
    elif get_origin(bare) is dict:
        yield "key", _key(_least(get_args(bare)[1]))
        for how, make in _texts(get_args(bare)[1]):
            yield f"entry, {how}", _entry(make)
    elif isinstance(bare, type) and issubclass(bare, Line | Script):
        yield "line", lambda text: (text, ())


def _item(make: Make) -> Make:
    def made(text: str) -> Placed:
        data, path = make(text)
        return [data], (0, *path)

    return made


def _entry(make: Make) -> Make:
    def made(text: str) -> Placed:
        data, path = make(text)
        return {"a": data}, ("a", *path)

    return made


def _key(value: Any) -> Make:
    return lambda text: ({text: value}, (text,))


def _least(hint: Any) -> Any:
    bare, marks = _unwrap(hint)
    if any(isinstance(mark, Parsed) for mark in marks):
        return "x"
    return [_least(get_args(bare)[0])] if get_origin(bare) is tuple else minimal(bare)


def _in_spec(model: type[Model], key: str, make: Make) -> Make:
    def made(text: str) -> Placed:
        value, path = make(text)
        data = minimal(model) | companions(model, key) | {key: value}
        return _wrapped(model, {name: each for name, each in data.items() if each is not None}, (key, *path))

    return made


def _wrapped(model: type[Model], data: Any, path: Path) -> Placed:
    """Put the data of *model* into what it stands in, up to the whole spec."""
    while model is not Spec:
        owner, key = ways()[model.__name__]
        field = fields(owner)[key]
        nested_list = field.mapping and _is_list_of(hints(owner)[field.name])
        if field.many or nested_list:
            data, path = [data], (0, *path)
        if field.mapping:
            name = "192.0.2.1" if owner is Spec and key == "return_paths" else "a"
            data, path = {name: data}, (name, *path)
        around = minimal(owner) | companions(owner, key) if owner is not Check else {}
        data, path = (
            {name: each for name, each in (around | {key: data}).items() if each is not None},
            (key, *path),
        )
        model = owner
    return data, path


def _is_list_of(hint: Any) -> bool:
    bare, _ = _unwrap(hint)
    inner, _ = _unwrap(get_args(bare)[1])
    return get_origin(inner) is tuple


@cache
def ways() -> dict[str, tuple[type[Model], str]]:
    """Answer for every model where it stands first: in which model, under which key."""
    found: dict[str, tuple[type[Model], str]] = {}
    for model in models(Spec).values():
        for key, field in fields(model).items():
            if isinstance(field.item, type) and issubclass(field.item, Model):
                found.setdefault(field.item.__name__, (model, key))
    return found
