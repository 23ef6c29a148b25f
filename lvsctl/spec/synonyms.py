"""Other spellings that keepalived reads for a keyword the spec has under one name.

Import reads them as that keyword; the loader names it to whoever wrote the other one. Keywords that 2.2.7 still
reads but calls deprecated, and that are not merely spelled differently, come with what to write instead.
"""

from collections.abc import Mapping

SYNONYMS: Mapping[str, Mapping[str, str]] = {
    "BfdInstance": {"neighbour_ip": "neighbor_ip"},
    "GlobalDefs": {
        "bfd_rlimit_rtime": "bfd_rlimit_rttime",
        "checker_rlimit_rtime": "checker_rlimit_rttime",
        "enable_snmp_keepalived": "enable_snmp_vrrp",
        "lvs_flush_onstop": "lvs_flush_on_stop",
        "lvs_process_name": "checker_process_name",
        "vrrp_rlimit_rtime": "vrrp_rlimit_rttime",
        "vrrp_vmac_garp_intvl": "vrrp_garp_extra_if",
    },
    "Spec": {"vrrp_track_file": "track_files"},
    "VirtualServer": {"lb_algo": "lvs_sched", "lb_kind": "lvs_method"},
}
"""Per class of a block: another spelling of a keyword, and the field that it is."""

_RETRY = "write retry"

DEPRECATED: Mapping[str, Mapping[str, str]] = {
    "HttpGet": {"nb_get_retry": _RETRY},
    "SslGet": {"nb_get_retry": _RETRY},
    "SmtpCheck": {"host": "write one SMTP_CHECK per host"},
    "VrrpInstance": {
        "linkbeat_use_polling": "write the interface into linkbeat_interfaces",
        "lvs_sync_daemon_interface": "write lvs_sync_daemon in global_defs",
        "vmac_garp_intvl": "write garp_extra_if",
    },
    "VrrpSyncGroup": {"global_tracking": "write sync_group_tracking_weight"},
    "VirtualServer": {"hashed": "leave it out, keepalived does nothing with it"},
}
"""Per class of a block: a keyword that 2.2.7 reports as deprecated, and what to write instead."""


DECIDED: Mapping[str, Mapping[str, str]] = {
    "VrrpInstance": {
        "preempt": "an instance preempts unless it says nopreempt: leave it out",
        "state": (
            "every instance starts as BACKUP and the priorities decide, so that a restarted node"
            " takes nothing over by accident: leave it out"
        ),
    },
}
"""Per class of a block: a keyword that is not the operator's to choose here, and why."""


def instead_of(block: str, keyword: str) -> str:
    """Answer what to write instead of *keyword* in the class *block*; the empty string when nothing is known."""
    if field := SYNONYMS.get(block, {}).get(keyword):
        return f"{keyword} is keepalived's other name for {field}: write {field}"
    if advice := DEPRECATED.get(block, {}).get(keyword):
        return f"{keyword} is deprecated: {advice}"
    if reason := DECIDED.get(block, {}).get(keyword):
        return f"{keyword} is not a keyword of the spec: {reason}"
    return ""
