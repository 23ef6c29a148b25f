"""The rules across fields and nodes: what every single value allows and the pair still forbids.

Each module holds the rules about one noun, and a hundred or so of their ids; they are imported in that order.
"""

# isort: off
from lvsctl.compose.rules import nodes, instances, vmac, addresses, tracking, priorities, groups, agreement
from lvsctl.compose.rules import (
    services,
    serving,
    sorry,
    checks,
    scripts,
    failover,
    notifying,
    here,
    keywords,
)

# isort: on
from lvsctl.compose.rules.check import Checked, check
from lvsctl.compose.rules.rule import RULES, Finding, Pair, Rule, Severity

MODULES = (
    nodes,
    instances,
    vmac,
    addresses,
    tracking,
    priorities,
    groups,
    agreement,
    services,
    serving,
    sorry,
    checks,
    scripts,
    failover,
    notifying,
    here,
    keywords,
)

__all__ = ["MODULES", "RULES", "Checked", "Finding", "Pair", "Rule", "Severity", "check"]
