"""Hypothesis strategies for blocks and lines of the spec, by walking their models.

Data as the loader makes it: dict, list and text. A block gets its required fields and a few others, each drawn by
its type; what then contradicts itself loses a field, as the model's own refusal says. So nothing here repeats a
model's rules, but for the few models that are one of several shapes.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Protocol, TypeVar, get_args, get_origin, get_type_hints

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from pydantic import ValidationError

from lvsctl.compose.rules.scripts import SHELL
from lvsctl.spec.base import Line, Model, OptionalLine
from lvsctl.spec.checks import Check
from lvsctl.spec.layout import _unwrap, fields
from lvsctl.spec.script import Argument, Script
from lvsctl.spec.values import Parsed
from tests.support.strategies_values import ABSOLUTE_PATH, INTERFACES, NASTY, accepted, value

T = TypeVar("T")
Data = dict[str, Any]


class Draw(Protocol):
    """What hypothesis hands to a composite strategy."""

    def __call__(self, strategy: SearchStrategy[T]) -> T: ...


MOST = 9
"""How many optional fields a block gets at most."""

MORE = {"GlobalDefs": 40, "VrrpInstance": 20, "VirtualServer": 15}
"""How many, for blocks with many."""

OF_ONE_FAMILY = frozenset(
    ("StaticAddressLine", "RouteLine", "StaticRouteLine", "RuleLine", "StaticRuleLine", "BfdInstance")
)
"""Models whose addresses are all IPv4 or all IPv6, whatever stands around them."""


class Nothing(Exception):
    """There is nothing that the field could refer to."""


class Drawing:
    """Draws data for models that fit together: names that exist, addresses that no two have, one family at a time."""

    def __init__(self, draw: Draw) -> None:
        self.draw = draw
        self.version = 4
        self.names: dict[str, list[str]] = {}
        self._serial = 0

    # --- values

    def one(self, *choices: T) -> T:
        """Draw one of *choices*."""
        return self.draw(st.sampled_from(choices))

    def number(self) -> int:
        """Answer the next number: for what must not be there twice."""
        self._serial += 1
        return self._serial

    def address(self, version: int = 0) -> str:
        """Answer an address that no one else has, of the family at hand."""
        number = self.number()
        if (version or self.version) == 4:
            return f"10.{self.one(0, 1, 200)}.{number // 250}.{number % 250 + 1}"
        return self.one("2001:db8::{:x}", "2001:DB8:0:0:1::{:x}", "fd00:0:0:a::{:x}").format(number)

    def prefixed(self) -> str:
        """Answer such an address with or without a prefix length."""
        return (
            self.address() + self.one("", "/24", "/32")
            if self.version == 4
            else self.address() + self.one("", "/64", "/128")
        )

    def name_of(self, kind: str) -> str:
        """Answer the name of something that is declared as *kind*; raises Nothing when there is none."""
        if not self.names.get(kind):
            raise Nothing(kind)
        return self.one(*self.names[kind])

    # --- models

    def model(self, model: type[Model], **given: Any) -> Any:
        """Draw the data of *model*, as its mapping or, for a line, as its text; *given* fields are not drawn."""
        if not given and model.__name__ in SHAPES:
            return self._shortened(model, SHAPES[model.__name__](self))
        with self._family_of(model):
            needed = [self.one(*keys) for keys in one_of(model)]
            data = (
                dict(self._drawn(model, self._chosen(model, {**given, **dict.fromkeys(needed)}, needed)))
                | given
            )
            return self._shortened(model, self._mended(model, data, frozenset((*given, *needed))))

    def _drawn(self, model: type[Model], keys: list[str]) -> Iterator[tuple[str, Any]]:
        for key in keys:
            try:
                yield key, self.field(model, key)
            except Nothing:
                if required(model, key):
                    raise

    def field(self, model: type[Model], key: str) -> Any:
        """Draw the value of one field."""
        if own := found_for(model, key):
            return own(self)
        return self.typed(hints(model)[fields(model)[key].name])

    def typed(self, hint: Any) -> Any:
        """Draw a value of the type *hint*."""
        bare, marks = _unwrap(hint)
        if parsed := next((mark for mark in marks if isinstance(mark, Parsed)), None):
            return self._value(parsed)
        if get_origin(bare) is tuple:
            return [self.typed(get_args(bare)[0]) for _ in range(self.one(1, 1, 2, 3))]
        if get_origin(bare) is dict:
            keys, values = get_args(bare)
            return {self.typed(keys): self.typed(values) for _ in range(self.one(1, 2))}
        return self.model(bare)

    def _value(self, parsed: Parsed) -> Any:
        if own := FAMILIAR.get(type(parsed).__name__):
            return self.draw(accepted(parsed, st.just(own(self))))
        if (what := getattr(parsed, "what", "")).startswith("an IPv"):
            return self.address({"an IPv4 address": 4, "an IPv6 address": 6}.get(what, 0))
        if parsed == ABSOLUTE_PATH:
            return f"{self.draw(value(parsed))}_{self.number()}"
        return self.draw(value(parsed))

    def _chosen(self, model: type[Model], given: Data, needed: list[str]) -> list[str]:
        optional = tuple(key for key in fields(model) if not required(model, key) and key not in given)
        optional = tuple(key for key in optional if not left_out(model, key))
        some = (
            self.draw(
                st.lists(st.sampled_from(optional), unique=True, max_size=MORE.get(model.__name__, MOST))
            )
            if optional
            else []
        )
        return [
            key
            for key in fields(model)
            if key in needed or (key not in given and (required(model, key) or key in some))
        ]

    @contextmanager
    def _family_of(self, model: type[Model]) -> Iterator[None]:
        before = self.version
        if model.__name__ in OF_ONE_FAMILY:
            self.version = self.one(4, 6)
        yield
        self.version = before

    def _mended(self, model: type[Model], data: Data, keep: frozenset[str]) -> Data:
        """Take fields out of *data* until *model* accepts it: the ones it names, else the last one."""
        while error := refusal(model, data):
            named = {str(each["loc"][0]) for each in error.errors() if each["loc"]}
            loose = [key for key in data if key not in keep and not required(model, key)]
            going = [key for key in loose if key in named] or loose[-1:]
            if not going:
                raise Nothing(model.__name__)
            data = {key: each for key, each in data.items() if key not in going}
        return data

    def _shortened(self, model: type[Model], data: Any) -> Any:
        """Write a line now and then as an operator would rather write it: as text, or as one word."""
        if not isinstance(data, dict):
            return data
        if issubclass(model, OptionalLine) and not data:
            return self.one("true", "yes")
        if not issubclass(model, (Line, Script)) or not data or self.one(True, False):
            return data
        words = model.model_validate(data).words()
        text = " ".join(words)
        return (
            text
            if issubclass(model, Line)
            and all(words)
            and text.split() == list(words)
            and '"' not in text
            and model_reads(model, text, data)
            else data
        )


def model_reads(model: type[Line], text: str, data: Data) -> bool:
    """Answer whether *text* means what *data* means: positional words that are left out in between cannot be told."""
    try:
        return model.of(text).words() == model.model_validate(data).words()
    except ValidationError:
        return False


@cache
def hints(model: type[Model]) -> dict[str, Any]:
    """Answer the types of *model*'s attributes, with everything that stands at them."""
    return get_type_hints(model, include_extras=True)


@cache
def required(model: type[Model], key: str) -> bool:
    """Answer whether *model* cannot do without the field *key*."""
    return model.model_fields[fields(model)[key].name].is_required()


def refusal(model: type[Model], data: Any) -> ValidationError | None:
    """Answer why *model* refuses *data*; None when it does not."""
    try:
        model.model_validate(data)
    except ValidationError as error:
        return error
    return None


def found_for(model: type[Model], key: str) -> Callable[[Drawing], Any] | None:
    """Answer how a field is drawn whose type does not tell: by the class that declares it, or any of its bases."""
    return next(
        (FIELDS[owner.__name__, key] for owner in model.__mro__ if (owner.__name__, key) in FIELDS), None
    )


def _name(kind: str) -> Callable[[Drawing], Any]:
    return lambda drawing: drawing.name_of(kind)


def _names(kind: str) -> Callable[[Drawing], Any]:
    def some(drawing: Drawing) -> list[str]:
        drawing.name_of(kind)
        return drawing.draw(
            st.lists(st.sampled_from(drawing.names[kind]), unique=True, min_size=1, max_size=3)
        )

    return some


def _user(drawing: Drawing) -> str:
    return drawing.one("root", "keepalived_script", "lvs", "a-b.c")


def _program(drawing: Drawing) -> list[str]:
    path = drawing.one("/usr/bin/ping", "/srv/a b/check", "/srv/x#{}!/y$z", "/usr/libexec/é")
    words = accepted(_ARGUMENT, st.text(NASTY.replace("'", ""), max_size=9))
    return [path, *drawing.draw(st.lists(words.filter(lambda word: word not in SHELL), max_size=3))]


def _command(drawing: Drawing) -> Any:
    command = _program(drawing)
    if all(word and word.split() == [word] for word in command) and drawing.one(True, False):
        return " ".join(command)
    return command


def _script(drawing: Drawing) -> Data:
    data: Data = {"command": _command(drawing)}
    if drawing.one(True, False, False):
        data["user"] = _user(drawing)
        if drawing.one(True, False):
            data["group"] = drawing.one("root", "adm")
    return data


def _plain_script(drawing: Drawing) -> Data:
    return {"command": _command(drawing)}


def _lvs_method(drawing: Drawing) -> Any:
    return drawing.one(
        "NAT", "DR", "TUN", "TUN type ipip", "TUN type gue port 6080", "TUN type gue port 6080 remcsum",
        "TUN type gre csum", {"method": "TUN", "type": "gre"}, "TUN type ipip nocsum",
    )  # fmt: skip


def _encap(drawing: Drawing) -> Any:
    kind = drawing.one("ip", "ip6", "mpls", "ila")
    if kind in ("mpls", "ila"):
        return {"type": kind, "label": drawing.one("100", "100/200") if kind == "mpls" else "2001:db8:0:1"}
    version = 4 if kind == "ip" else 6
    own = ("tos", "ttl") if kind == "ip" else ("tc", "hoplimit")
    data = {"type": kind, "dst": drawing.address(version)}
    for key in drawing.draw(st.lists(st.sampled_from((*own, "id", "flags")), unique=True, max_size=3)):
        data[key] = drawing.one("0", "17", "255")
    return data


def _target(drawing: Drawing) -> Any:
    """Draw an IPv4 target with what its probe takes."""
    probe = drawing.one("ICMP", "TCP", "HTTP", "HTTPS", "DNS", "command")
    if probe == "command":
        return {"probe": probe, "run": _program(drawing)}
    if probe == "ICMP":
        return drawing.one("192.0.2.9", {"address": "192.0.2.10"})
    own: Data = {"TCP": {"port": "22"}, "DNS": {"name": "example.org"}}.get(probe, {"path": "/generate_204"})
    return {"address": "192.0.2.11", "probe": probe, **own}


def _uplink(drawing: Drawing) -> Data:
    return {"interface": drawing.one(*INTERFACES), "gateway": drawing.one("192.0.2.1", ["198.51.100.1"])}


def _check(drawing: Drawing) -> Data:
    kinds = (
        kind
        for kind in fields(Check)
        if REFERS.get(kind, "") in ("", *filter(drawing.names.get, drawing.names))
    )
    kind = drawing.one(*kinds)
    block = drawing.model(fields(Check)[kind].item)
    return {kind: block or drawing.one({}, None)}


def drawn_range(drawing: Drawing) -> str:
    """Answer one or several addresses of the family at hand."""
    if drawing.version == 6:
        return f"2001:db8:{drawing.number():x}::{drawing.one('1', '1-f', '1-2001:db8:ffff::1', '/124')}"
    return f"10.7.{drawing.number() % 250}.{drawing.one('0', '8')}{drawing.one('', '-15', '/29')}"


_ARGUMENT = Argument()

FAMILIAR: dict[str, Callable[[Drawing], str]] = {
    "_Prefixed": Drawing.prefixed,
    "_Destination": lambda drawing: drawing.one("default", drawing.address()),
    "Range": drawn_range,
}
"""Value types that follow the family at hand."""

SHAPES: dict[str, Callable[[Drawing], Any]] = {
    "Script": _script,
    "LvsMethod": _lvs_method,
    "Encap": _encap,
    "Check": _check,
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

FIELDS: dict[tuple[str, str], Callable[[Drawing], Any]] = {
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
    "Extensible.extra": "not yet",
    "RouteLine.vrf": "the interface has to be a VRF on the machine that asks",
    "VrrpDefaults.vrrp_ipsets": "Debian's keepalived is built without",
    "VrrpDefaults.vrrp_iptables": "Debian's keepalived is built without",
}
"""Fields that are not drawn, and why."""


def left_out(model: type[Model], key: str) -> bool:
    """Answer whether the field is one of LEFT_OUT."""
    return any(f"{owner.__name__}.{key}" in LEFT_OUT for owner in model.__mro__)
