"""Hypothesis strategies for whole specs that are accepted, and their text as YAML.

A spec declares a few things of every kind first and then what refers to them. What no single model can see, and
keepalived does (two instances with one virtual router id), is drawn so that it fits; the rules are there for
operators who do not.
"""

import json
import os
from collections.abc import Callable
from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from lvsctl.spec.addresses import AddressLine
from lvsctl.spec.bfd import BfdInstance
from lvsctl.spec.garp import GarpGroup, TrackGroup
from lvsctl.spec.global_defs import GlobalDefs
from lvsctl.spec.real_server import RealServer
from lvsctl.spec.server_group import VirtualServerGroupEntry
from lvsctl.spec.spec import Spec
from lvsctl.spec.sync_group import VrrpSyncGroup
from lvsctl.spec.track import TrackFile, VrrpScript, VrrpTrackProcess
from lvsctl.spec.virtual_server import VirtualServer
from lvsctl.spec.vrrp_instance import VrrpInstance
from tests.support.strategies_draw import Data, Draw, Nothing
from tests.support.strategies_fields import drawn_range
from tests.support.strategies_fit import fit
from tests.support.strategies_models import Drawing
from tests.support.strategies_values import INTERFACES

NODES = {
    "lb1": {"address": ["10.255.0.11", "2001:db8:ffff::11"], "priority": "150"},
    "lb2": {"address": ["10.255.0.12", "2001:db8:ffff::12"], "priority": "149"},
}

NAMES = ("web", "VI_1", "a.b", "x-1", "0", "vrrp_instance", "include", "on", "fe80::1", "N" * 31)
"""Names of things; some of them are keywords elsewhere, in keepalived or YAML."""


@st.composite
def specs(draw: Draw) -> Data:
    """Draw the data of a spec, as the loader reads it, that is accepted."""
    return _Whole(draw).spec()


def yaml(data: Any, indent: int = 0) -> str:
    """Write *data* as YAML that reads back as it is: block style, every scalar in double quotes."""
    pad = "  " * indent
    if isinstance(data, dict) and data:
        return "".join(f"{pad}{json.dumps(key)}:{_nested(each, indent)}" for key, each in data.items())
    if isinstance(data, list) and data:
        return "".join(f"{pad}-{_nested(each, indent)}" for each in data)
    return f"{pad}{_scalar(data)}\n"


def _nested(data: Any, indent: int) -> str:
    return f"\n{yaml(data, indent + 1)}" if isinstance(data, (dict, list)) and data else f" {_scalar(data)}\n"


def _scalar(data: Any) -> str:
    return "null" if data is None else json.dumps(data)


class _Whole(Drawing):
    """Draws the blocks of a spec in the order in which they refer to one another."""

    def __init__(self, draw: Draw) -> None:
        super().__init__(draw)
        self.families: dict[str, int] = {}

    def spec(self) -> Data:
        data: Data = {"nodes": NODES} if self.one(True, False) else {}
        self._declare("vrrp_instances", 3)
        self._named(data, "bfd_instances", 2, lambda _name: self.model(BfdInstance))
        self._named(data, "vrrp_scripts", 2, lambda _name: self.model(VrrpScript))
        self._named(data, "vrrp_track_processes", 2, lambda _name: self.model(VrrpTrackProcess))
        self._named(data, "track_files", 2, lambda _name: self.model(TrackFile))
        self._named(data, "track_groups", 1, lambda _name: self.model(TrackGroup))
        self._named(data, "virtual_server_groups", 2, self._group)
        data |= self._plain()
        data["vrrp_instances"] = {name: self._instance() for name in self.names["vrrp_instances"]}
        self._named(data, "vrrp_sync_groups", 1, lambda _name: self.model(VrrpSyncGroup))
        self._named(data, "virtual_servers", 3, lambda _name: self._service())
        data |= self._own()
        fit(data)
        return {key: value for key, value in data.items() if value or key == "sorry"}

    def _declare(self, kind: str, most: int) -> None:
        self.names[kind] = self.draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=most))

    def _named(self, data: Data, kind: str, most: int, block: Callable[[str], Any]) -> None:
        self._declare(kind, most)
        try:
            data[kind] = {name: block(name) for name in self.names[kind]}
        except Nothing:
            self.names[kind] = []

    def _plain(self) -> Data:
        """Draw what stands in no block, and global_defs."""
        plain = (
            "child_wait_time",
            "linkbeat_use_polling",
            "linkbeat_interfaces",
            "interface_up_down_delays",
            "SSL",
            "static_ipaddress",
            "static_routes",
            "static_rules",
            "use_pid_dir",
            "instance",
        )
        some = self.draw(st.lists(st.sampled_from(plain), unique=True, max_size=4))
        data = dict(self._drawn(Spec, some))
        if self.one(True, True, False):
            data["global_defs"] = self.model(GlobalDefs)
        if self.one(True, False):
            data["garp_groups"] = [self.model(GarpGroup)]
        return data

    def _group(self, name: str) -> list[Any]:
        self.version = self.families[name] = self.one(4, 6)
        ported = {"address": drawn_range(self), "port": self.one("80", "443")}
        return [
            ported,
            *(
                [self.model(VirtualServerGroupEntry, fwmark=str(self.number()))]
                if self.one(True, False)
                else []
            ),
        ]

    def _instance(self) -> Data:
        self.version = self.one(4, 4, 6)
        vips = [self.model(AddressLine) for _ in range(self.one(1, 2))]
        number = str(self.number() % 255 + 1)
        given: Data = {
            "interface": self.one(*INTERFACES),
            "virtual_router_id": number,
            "virtual_ipaddress": vips,
        }
        return dict(self.model(VrrpInstance, **given))

    def _service(self) -> Data:
        groups = self.names["virtual_server_groups"]
        group = self.one(*groups, "")
        self.version = self.families[group] if group else self.one(4, 4, 6)
        given: Data = {"real_servers": [self.model(RealServer) for _ in range(self.one(1, 2))]}
        match "group" if group else self.one("address", "address", "fwmark"):
            case "address":
                given |= {"address": self.address(), "port": self.one("80", "443", "65535")}
            case "fwmark":
                given["fwmark"] = str(self.number())
            case "group":
                given["group"] = group
                groups.remove(group)
        return dict(self.model(VirtualServer, **given))

    def _own(self) -> Data:
        """Draw what is lvsctl's own."""
        return {key: self.field(Spec, key) for key in ("sorry", "sysctl") if self.one(True, False)} | {
            "notify": self.one(
                "none", {"master": ["failover"]}, {"stop": [{"run": ["/srv/x", "a b"], "timeout": "3"}]}, None
            )
        }


Test = TypeVar("Test", bound=Callable[..., None])


def proof(examples: int) -> Callable[[Test], Test]:
    """Answer how often a test of drawn specs is run: the same *examples* every time, or as many as LVSCTL_PROOFS says."""
    deep = os.environ.get("LVSCTL_PROOFS", "")
    return settings(
        max_examples=int(deep or examples),
        # Making a failure small can take minutes here: that is for whoever looks at it.
        phases=list(Phase) if deep else [Phase.generate],
        derandomize=not deep,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
