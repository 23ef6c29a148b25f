"""Apply every rule to a pair, leave out what the spec ignores with a reason, and say what could not be checked."""

from collections.abc import Iterator
from typing import NamedTuple

from lvsctl.compose.rules.host import HostFacts
from lvsctl.compose.rules.rule import RULES, Finding, Pair, Path, Rule
from lvsctl.spec.paths import dotted
from lvsctl.spec.spec import Spec


class Checked(NamedTuple):
    """What the rules found, what the spec asked to ignore, and which rules need a host to look at."""

    findings: tuple[Finding, ...]
    ignored: tuple[Finding, ...]
    unchecked: tuple[Rule, ...]


def check(pair: Pair, host: HostFacts | None = None, *, host_node: str = "") -> Checked:
    """Apply the rules to *pair*; *host* describes the machine of *host_node*, when there is one to look at."""
    found = list(dict.fromkeys(_found(pair, host, host_node)))
    ignored = [finding for finding in found if _is_ignored(finding, pair.specs[finding.node])]
    unchecked = tuple(rule for rule in RULES.values() if rule.of_host and host is None)
    left = tuple(finding for finding in found if finding not in ignored)
    return Checked(left, tuple(ignored), unchecked)


def _found(pair: Pair, host: HostFacts | None, host_node: str) -> Iterator[Finding]:
    for rule in RULES.values():
        if rule.of_pair:
            for node, broken in rule.of_pair(pair):
                yield Finding(rule, node, broken.path, broken.message)
        for node, spec in pair.specs.items():
            if rule.of_spec:
                for broken in rule.of_spec(spec):
                    yield Finding(rule, node, broken.path, broken.message)
            if rule.of_host and host is not None and node == host_node:
                for broken in rule.of_host(spec, host):
                    yield Finding(rule, node, broken.path, broken.message)


def _is_ignored(finding: Finding, spec: Spec) -> bool:
    return any(
        entry.rule == finding.rule.id and (entry.at is None or _is_below(finding.path, entry.at))
        for entry in spec.ignore
    )


def _is_below(path: Path, prefix: str) -> bool:
    written = dotted(path)
    return written == prefix or written.startswith((f"{prefix}.", f"{prefix}["))
