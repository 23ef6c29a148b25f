"""The whole spec: everything an operator declares about a pair, in the order in which keepalived needs to read it."""

from typing import Annotated

from pydantic import field_validator

from lvsctl.spec.addresses import StaticAddressLine
from lvsctl.spec.agent import Agent
from lvsctl.spec.base import Extensible, ExtraLine
from lvsctl.spec.bfd import BfdInstance, BfdName
from lvsctl.spec.failover_ips import FailoverIp
from lvsctl.spec.forms import BODY, OWN, Form, Written, named
from lvsctl.spec.garp import GarpGroup, TrackGroup
from lvsctl.spec.ip_rules import StaticRuleLine
from lvsctl.spec.nodes import Node
from lvsctl.spec.notify import Notify
from lvsctl.spec.return_paths import ReturnPath
from lvsctl.spec.root import Root
from lvsctl.spec.routes import StaticRouteLine
from lvsctl.spec.server_group import VirtualServerGroup
from lvsctl.spec.sorry import Ignore, Sorry, Sysctl
from lvsctl.spec.sync_group import VrrpSyncGroup
from lvsctl.spec.track import TrackFile, VrrpScript, VrrpTrackProcess
from lvsctl.spec.uplinks import Uplinks
from lvsctl.spec.values import Address, Name, ServiceName, Text
from lvsctl.spec.virtual_server import VirtualServer
from lvsctl.spec.vrrp_instance import VrrpInstance

DEFAULT_TARGET = "2.2.7"
"""The release rendered for when the spec names none: Debian 12's."""

OLDEST_TARGET = (2, 0, 0)


class Spec(Root, Extensible):
    """A pair of directors. Every block that keepalived knows is here under its own keyword, in the plural if it has a name."""

    nodes: Annotated[dict[ServiceName, Node], OWN] = {}
    """The two directors by name."""
    target_version: Annotated[
        str, Text("a keepalived release such as 2.2.7", r"[0-9]+\.[0-9]+\.[0-9]+"), OWN
    ] = DEFAULT_TARGET
    """The keepalived release that the configuration is for."""
    sorry: Annotated[Sorry | None, OWN] = None
    """The local backend on each director that says sorry."""
    failover_ips: Annotated[tuple[FailoverIp, ...], OWN] = ()
    """Addresses that a provider's API moves."""
    notify: Annotated[Notify | None, OWN] = None
    """What lvsctl does on a transition; `none` leaves its hooks out of keepalived.conf."""
    agent: Annotated[Agent | None, OWN] = None
    """Settings of `lvsctl agent`: metrics, alerts, the way to the provider's API."""
    return_paths: Annotated[dict[Address, ReturnPath], OWN] = {}
    """Per address: the gateway that it answers through."""
    uplinks: Annotated[Uplinks | None, OWN] = None
    """The ways to the Internet in order of preference, for `lvsctl uplink`."""
    sysctl: Annotated[Sysctl | None, OWN] = None
    """Kernel settings that the directors have."""
    ignore: Annotated[tuple[Ignore, ...], OWN] = ()
    """Rules that do not apply here, and why."""

    track_groups: Annotated[dict[Name, TrackGroup], named("track_group")] = {}
    """Groups of instances that static addresses, routes and rules follow."""
    static_ipaddress: Annotated[tuple[StaticAddressLine, ...], BODY] = ()
    """Addresses that are always there, whatever VRRP says."""
    static_routes: Annotated[tuple[StaticRouteLine, ...], BODY] = ()
    """Routes that are always there."""
    static_rules: Annotated[tuple[StaticRuleLine, ...], BODY] = ()
    """Routing rules that are always there."""
    garp_groups: Annotated[tuple[GarpGroup, ...], Written(Form.REPEAT, "garp_group")] = ()
    """Interfaces that share a pace for gratuitous ARP and unsolicited neighbour advertisements."""
    bfd_instances: Annotated[dict[BfdName, BfdInstance], named("bfd_instance")] = {}
    """BFD sessions with neighbours."""
    vrrp_scripts: Annotated[dict[Name, VrrpScript], named("vrrp_script")] = {}
    """Commands that instances track."""
    vrrp_track_processes: Annotated[dict[Name, VrrpTrackProcess], named("vrrp_track_process")] = {}
    """Processes that instances track."""
    track_files: Annotated[dict[Name, TrackFile], named("track_file")] = {}
    """Files that instances and real servers track."""
    vrrp_sync_groups: Annotated[dict[Name, VrrpSyncGroup], named("vrrp_sync_group")] = {}
    """Instances that change state together. There are none but those written here."""
    vrrp_instances: Annotated[dict[Name, VrrpInstance], named("vrrp_instance")] = {}
    """The VRRP instances: who answers for which addresses."""
    virtual_server_groups: Annotated[dict[Name, VirtualServerGroup], named("virtual_server_group")] = {}
    """Lists of addresses and firewall marks that one virtual server serves."""
    virtual_servers: Annotated[dict[ServiceName, VirtualServer], named("virtual_server")] = {}
    """The services by name."""
    extra: Annotated[tuple[ExtraLine, ...], OWN] = ()
    """Raw lines outside of any block, for keywords lvsctl has no field for."""

    @field_validator("target_version")
    @classmethod
    def _is_not_ancient(cls, value: str) -> str:
        if tuple(map(int, value.split("."))) < OLDEST_TARGET:
            raise ValueError(f"keepalived {value} is older than lvsctl knows: expected 2.0.0 or newer")
        return value
