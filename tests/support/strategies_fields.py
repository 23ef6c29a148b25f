"""How fields and small models are drawn whose types do not tell: what they refer to, and which shapes they have."""

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from lvsctl.compose.rules.scripts import SHELL
from lvsctl.spec.base import Model
from lvsctl.spec.script import Argument
from tests.support.strategies_draw import Data, Values
from tests.support.strategies_values import INTERFACES, NASTY, accepted


def _name(kind: str) -> Callable[[Values], Any]:
    return lambda drawing: drawing.name_of(kind)


def _names(kind: str) -> Callable[[Values], Any]:
    def some(drawing: Values) -> list[str]:
        drawing.name_of(kind)
        return drawing.draw(
            st.lists(st.sampled_from(drawing.names[kind]), unique=True, min_size=1, max_size=3)
        )

    return some


def _user(drawing: Values) -> str:
    return drawing.one("root", "keepalived_script", "lvs", "a-b.c")


def _program(drawing: Values) -> list[str]:
    path = drawing.one("/usr/bin/ping", "/srv/a b/check", "/srv/x#{}!/y$z", "/usr/libexec/é")
    words = accepted(_ARGUMENT, st.text(NASTY.replace("'", ""), max_size=9))
    return [path, *drawing.draw(st.lists(words.filter(lambda word: word not in SHELL), max_size=3))]


def _command(drawing: Values) -> Any:
    command = _program(drawing)
    if all(word and word.split() == [word] for word in command) and drawing.one(True, False):
        return " ".join(command)
    return command


def _script(drawing: Values) -> Data:
    data: Data = {"command": _command(drawing)}
    if drawing.one(True, False, False):
        data["user"] = _user(drawing)
        if drawing.one(True, False):
            data["group"] = drawing.one("root", "adm")
    return data


def _plain_script(drawing: Values) -> Data:
    return {"command": _command(drawing)}


def _lvs_method(drawing: Values) -> Any:
    return drawing.one(
        "NAT", "DR", "TUN", "TUN type ipip", "TUN type gue port 6080", "TUN type gue port 6080 remcsum",
        "TUN type gre csum", {"method": "TUN", "type": "gre"}, "TUN type ipip nocsum",
    )  # fmt: skip


def _encap(drawing: Values) -> Any:
    kind = drawing.one("ip", "ip6", "mpls", "ila")
    if kind in ("mpls", "ila"):
        return {"type": kind, "label": drawing.one("100", "100/200") if kind == "mpls" else "2001:db8:0:1"}
    version = 4 if kind == "ip" else 6
    own = ("tos", "ttl") if kind == "ip" else ("tc", "hoplimit")
    data = {"type": kind, "dst": drawing.address(version)}
    for key in drawing.draw(st.lists(st.sampled_from((*own, "id", "flags")), unique=True, max_size=3)):
        data[key] = drawing.one("0", "17", "255")
    return data


def _target(drawing: Values) -> Any:
    """Draw an IPv4 target with what its probe takes."""
    probe = drawing.one("ICMP", "TCP", "HTTP", "HTTPS", "DNS", "command")
    if probe == "command":
        return {"probe": probe, "run": _program(drawing)}
    if probe == "ICMP":
        return drawing.one("192.0.2.9", {"address": "192.0.2.10"})
    own: Data = {"TCP": {"port": "22"}, "DNS": {"name": "example.org"}}.get(probe, {"path": "/generate_204"})
    return {"address": "192.0.2.11", "probe": probe, **own}


def _uplink(drawing: Values) -> Data:
    return {"interface": drawing.one(*INTERFACES), "gateway": drawing.one("192.0.2.1", ["198.51.100.1"])}


def drawn_range(drawing: Values) -> str:
    """Answer one or several addresses of the family at hand."""
    if drawing.version == 6:
        return f"2001:db8:{drawing.number():x}::{drawing.one('1', '1-f', '1-2001:db8:ffff::1', '/124')}"
    return f"10.7.{drawing.number() % 250}.{drawing.one('0', '8')}{drawing.one('', '-15', '/29')}"


_ARGUMENT = Argument()

FAMILIAR: dict[str, Callable[[Values], str]] = {
    "_Prefixed": Values.prefixed,
    "_Destination": lambda drawing: drawing.one("default", drawing.address()),
    "Range": drawn_range,
}
"""Value types that follow the family at hand."""

PLAIN_SHAPES: dict[str, Callable[[Values], Any]] = {
    "Script": _script,
    "LvsMethod": _lvs_method,
    "Encap": _encap,
    "UplinkTarget": _target,
    "Uplink": _uplink,
}
"""Models that are one of several shapes."""

ONE_OF: dict[str, tuple[tuple[str, ...], ...]] = {
    "GarpGroup": (("garp_interval", "gna_interval"), ("interface", "interfaces")),
    "LvsTimeouts": (("tcp", "tcpfin", "udp"),),
    "NextHop": (("via", "dev"),),
    "VirtualServerGroupEntry": (("address", "address", "fwmark"),),
    "RuleLine": (("table", "l3mdev", "type", "goto"),),
    "RouteLine": (("dev", "no_track"),),
}
"""Fields of which a block cannot do without one."""


def one_of(model: type[Model]) -> tuple[tuple[str, ...], ...]:
    """Answer the choices of ONE_OF that *model* or a base of it has."""
    return next((ONE_OF[owner.__name__] for owner in model.__mro__ if owner.__name__ in ONE_OF), ())


REFERS = {"FILE_CHECK": "track_files", "BFD_CHECK": "bfd_instances"}
"""Checks of something that is declared elsewhere."""

FIELDS: dict[tuple[str, str], Callable[[Values], Any]] = {
    ("Uplinks", "targets"): lambda drawing: ["192.0.2.8", _target(drawing)],
    ("TrackScript", "name"): _name("vrrp_scripts"),
    ("TrackBfd", "name"): _name("bfd_instances"),
    ("TrackedFile", "name"): _name("track_files"),
    ("TrackProcess", "name"): _name("vrrp_track_processes"),
    ("FileCheck", "track_file"): _name("track_files"),
    ("BfdCheck", "name"): _name("bfd_instances"),
    ("VrrpSyncGroup", "group"): _names("vrrp_instances"),
    ("TrackGroup", "group"): _names("vrrp_instances"),
    ("StaticAddressLine", "track_group"): _name("track_groups"),
    ("StaticRouteLine", "track_group"): _name("track_groups"),
    ("StaticRuleLine", "track_group"): _name("track_groups"),
    ("LvsSyncDaemon", "inst"): _name("vrrp_instances"),
    ("FailoverIp", "vrrp_instance"): _name("vrrp_instances"),
    ("SmtpServer", "host"): lambda drawing: drawing.one("127.0.0.1", "::1", "mail.example.org", "mx-1"),
    # Import takes zeros off what looks like a number.
    ("_AnyAddressLine", "label"): lambda drawing: drawing.one("eth0:1", "x", "l#b;{el>}"),
    ("ScriptUser", "user"): _user,
    ("ScriptUser", "group"): lambda drawing: drawing.one("root", "adm"),
    ("Fifo", "user"): _user,
    ("Fifo", "group"): lambda drawing: drawing.one("root", "adm"),
    ("VrrpScript", "script"): _plain_script,
    ("MiscCheck", "misc_path"): _plain_script,
    ("DeletedScript", "command"): _command,
    ("RuleLine", "l3mdev"): lambda _drawing: "true",
    ("RuleLine", "goto"): lambda _drawing: "0xffffffff",
    ("RouteLine", "no_track"): lambda _drawing: "true",
    ("GarpGroup", "interfaces"): lambda drawing: drawing.draw(
        st.lists(st.sampled_from(INTERFACES), unique=True, min_size=1, max_size=3)
    ),
    ("UseVmac", "interface"): lambda drawing: f"vmac{drawing.number()}",
    ("UseIpvlan", "interface"): lambda drawing: f"ipvlan{drawing.number()}",
    # How many there are is the machine's business.
    **{
        ("Processes", f"{process}_cpu_affinity"): lambda _drawing: ["0"]
        for process in ("vrrp", "checker", "bfd")
    },
}
"""Fields whose type does not tell what they refer to."""

LEFT_OUT: dict[str, str] = {
    "Extensible.extra": "raw lines, whose grammar is keepalived's and not a model; test_injection draws them",
    "RouteLine.vrf": "the interface has to be a VRF on the machine that asks",
    "VrrpDefaults.vrrp_ipsets": "Debian's keepalived is built without",
    "VrrpDefaults.vrrp_iptables": "Debian's keepalived is built without",
}
"""Fields that are not drawn, and why."""


def left_out(model: type[Model], key: str) -> bool:
    """Answer whether the field is one of LEFT_OUT."""
    return any(f"{owner.__name__}.{key}" in LEFT_OUT for owner in model.__mro__)


def found_for(model: type[Model], key: str) -> Callable[[Values], Any] | None:
    """Answer how a field is drawn whose type does not tell: by the class that declares it, or any of its bases."""
    return next(
        (FIELDS[owner.__name__, key] for owner in model.__mro__ if (owner.__name__, key) in FIELDS), None
    )
