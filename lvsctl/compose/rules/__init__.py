"""The rules across fields and nodes: what every single value allows and the pair still forbids."""

from lvsctl.compose.rules.check import Checked, check
from lvsctl.compose.rules.rule import RULES, Finding, Pair, Rule, Severity

__all__ = ["RULES", "Checked", "Finding", "Pair", "Rule", "Severity", "check"]
