"""Apply every rule to a pair, leave out what the spec ignores with a reason, and say what could not be checked."""

from collections.abc import Iterator
from typing import NamedTuple

from lvsctl.compose.rules.host import HostFacts
from lvsctl.compose.rules.ignores import is_ignored, unused
from lvsctl.compose.rules.rule import RULES, Broken, Finding, Pair, Rule
from lvsctl.spec.spec import Spec


class Checked(NamedTuple):
    """What the rules found, what the spec asked to ignore, and which rules need a host to look at."""

    findings: tuple[Finding, ...]
    ignored: tuple[Finding, ...]
    unchecked: tuple[Rule, ...]


def check(pair: Pair, host: HostFacts | None = None, *, host_node: str = "") -> Checked:
    """Apply the rules to *pair*; *host* describes the machine of *host_node*, when there is one to look at.

    Findings come in the order of the rules' ids.
    """
    found = sorted(dict.fromkeys(_found(pair, host, host_node)), key=lambda finding: finding.rule.id)
    unchecked = tuple(rule for rule in RULES.values() if rule.of_host and host is None)
    found += unused(pair, found, unchecked)
    left: list[Finding] = []
    ignored: list[Finding] = []
    for finding in found:
        (ignored if is_ignored(finding, pair.specs[finding.node]) else left).append(finding)
    return Checked(tuple(left), tuple(ignored), unchecked)


def _found(pair: Pair, host: HostFacts | None, host_node: str) -> Iterator[Finding]:
    """Yield what the rules find, one spec after the other: rules share what they work out about a spec."""
    for rule in RULES.values():
        if rule.of_pair:
            for node, (path, message) in rule.of_pair(pair):
                yield Finding(rule, node, path, message)
    for node, spec in pair.specs.items():
        facts = host if node == host_node else None
        for rule in RULES.values():
            for path, message in _about(rule, spec, facts):
                yield Finding(rule, node, path, message)


def _about(rule: Rule, spec: Spec, host: HostFacts | None) -> Iterator[Broken]:
    if rule.of_spec:
        yield from rule.of_spec(spec)
    if rule.of_host and host is not None:
        yield from rule.of_host(spec, host)
