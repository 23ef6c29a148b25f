"""What keepalived makes of the order of statements, where a spec has an order of its own.

A spec is rendered in the one order that always works, so statements that keepalived passes over because of where
they stand must not be carried. Source: the handlers of keepalived 2.2.7 (core/global_parser.c, vrrp/vrrp_parser.c,
vrrp/vrrp_track.c, check/check_parser.c, trackers/track_file.c).
"""

from collections.abc import Iterable, Mapping

from lvsctl.keepalived.config import Statement

FIRST_COUNTS = frozenset(
    {
        *("notify", "notify_master", "notify_backup", "notify_fault", "notify_stop", "notify_deleted"),
        *("notify_master_rx_lower_pri", "notify_up", "notify_down", "quorum_up", "quorum_down"),
        *("notify_fifo", "vrrp_notify_fifo", "lvs_notify_fifo"),
        *("notify_fifo_script", "vrrp_notify_fifo_script", "lvs_notify_fifo_script"),
        *("startup_script", "shutdown_script", "lvs_sync_daemon", "vrrp_iptables", "nftables", "snmp_socket"),
        *("nftables_ipvs", "config_save_dir", "vmac_prefix", "vmac_addr_prefix"),
        *("net_namespace", "net_namespace_ipvs", "instance", "vrf", "process"),
    }
)
"""Keywords that keepalived takes once per block: it passes over every later one. Of all others the last one counts."""

FIRST_COUNTS_IN = frozenset(
    {
        ("TrackFile", "file"),
        ("TrackFile", "weight"),
        ("VrrpTrackProcess", "weight"),
        ("DnsCheck", "name"),
        ("Url", "digest"),
        ("VrrpInstance", "use_vmac"),
    }
)
"""Such keywords that are others elsewhere, with the class of their block."""


def first_counts(model: str, keyword: str) -> bool:
    """Answer whether keepalived passes over *keyword* when the block of class *model* has it already."""
    return keyword in FIRST_COUNTS or (model, keyword) in FIRST_COUNTS_IN


LATE: Mapping[str, frozenset[str]] = {
    "script_user": frozenset(
        {
            *("notify_fifo", "vrrp_notify_fifo", "lvs_notify_fifo", "startup_script", "shutdown_script"),
            *("notify_fifo_script", "vrrp_notify_fifo_script", "lvs_notify_fifo_script"),
        }
    ),
}
"""Keywords of which keepalived makes nothing for those that stand before them: then the order has to stay."""

NEEDS: Mapping[str, str] = {
    "sorry_server_inhibit": "sorry_server",
    "sorry_server_lvs_method": "sorry_server",
}
"""Keywords that keepalived passes over unless the other one stands before them."""

OPPOSITES: Mapping[str, str] = {"preempt": "nopreempt", "accept": "no_accept", "no_accept": "accept"}
"""Keywords that undo another one before them."""

REFERENCES: Mapping[tuple[str, str], str] = {
    ("FileCheck", "track_file"): "track_file",
    ("BfdCheck", "name"): "bfd_instance",
    **{
        (model, keyword): kind
        for model in ("VrrpInstance", "VrrpSyncGroup")
        for keyword, kind in (
            ("track_script", "vrrp_script"),
            ("track_process", "vrrp_track_process"),
            ("track_file", "track_file"),
            ("track_bfd", "bfd_instance"),
        )
    },
}
"""Class of a block and its keyword: which kind of block it names, which has to be declared before."""

_SAME = {"vrrp_track_file": "track_file"}


class Declared:
    """Which names are declared in a configuration, and which of them so far."""

    def __init__(self, config: Iterable[Statement]) -> None:
        self._all = {declared for statement in config if (declared := _declared(statement))}
        self._before: set[tuple[str, str]] = set()

    def passed(self, statement: Statement) -> None:
        """Note that what follows stands behind *statement*."""
        if declared := _declared(statement):
            self._before.add(declared)

    def too_late(self, kind: str, name: str) -> bool:
        """Answer whether *name* is declared, but only further down."""
        return (kind, name) in self._all and (kind, name) not in self._before


def _declared(statement: Statement) -> tuple[str, str] | None:
    match statement.words:
        case (keyword, name, *_):
            return _SAME.get(keyword, keyword), name
    return None
