"""What a rule is: an id, why it matters, what to do, and a pure function that finds where it is broken.

A rule looks at one resolved spec, at the pair (the resolved specs of all nodes), or at one spec and a host. A
rule that needs a host is reported as *not checked here* where there is none to look at. Rules run in every render,
so what they do per real server is counted in fractions of a microsecond.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from lvsctl.compose.rules.host import HostFacts
from lvsctl.spec.spec import Spec

Path = tuple[str | int, ...]


class Severity(Enum):
    """How bad it is: an error will not work, a warning will hurt one night, a note is worth knowing."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


ERROR, WARNING, NOTE = Severity


class Broken(NamedTuple):
    """One place where a rule is broken."""

    path: Path
    """Where in the resolved spec."""
    message: str
    """What is wrong there, with the values at hand."""


class Pair(NamedTuple):
    """The resolved specs of all nodes by name; a spec without `nodes` is one node with the empty name."""

    specs: Mapping[str, Spec]


OfSpec = Callable[[Spec], Iterator[Broken]]
OfPair = Callable[[Pair], Iterator[tuple[str, Broken]]]
OfHost = Callable[[Spec, HostFacts], Iterator[Broken]]


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """One rule. Each is made once, so it is compared by identity."""

    id: str
    severity: Severity
    title: str
    reason: str
    """Why it matters: what happens to whom, and where that is written."""
    remedy: str
    """What to change."""
    of_spec: OfSpec | None = None
    of_pair: OfPair | None = None
    of_host: OfHost | None = None

    @property
    def page(self) -> str:
        """Where the rule is documented, from the project's root."""
        return f"docs/reference/rules.md#{self.id.lower()}"


class Finding(NamedTuple):
    """A rule broken at a place of the spec of one node."""

    rule: Rule
    node: str
    path: Path
    message: str


RULES: dict[str, Rule] = {}
"""All rules by id, in the order in which their modules were imported."""


def add(rule: Rule) -> Rule:
    """Register *rule*; ValueError when its id is taken."""
    if rule.id in RULES:
        raise ValueError(f"two rules are called {rule.id}")
    RULES[rule.id] = rule
    return rule


def of_spec(
    rule: str, severity: Severity, title: str, *, reason: str, remedy: str
) -> Callable[[OfSpec], OfSpec]:
    """Register a rule about one node's resolved spec."""

    def register(check: OfSpec) -> OfSpec:
        add(Rule(rule, severity, title, reason, remedy, of_spec=check))
        return check

    return register


def of_pair(
    rule: str, severity: Severity, title: str, *, reason: str, remedy: str
) -> Callable[[OfPair], OfPair]:
    """Register a rule that compares the nodes; it yields (node, Broken)."""

    def register(check: OfPair) -> OfPair:
        add(Rule(rule, severity, title, reason, remedy, of_pair=check))
        return check

    return register


def of_host(
    rule: str, severity: Severity, title: str, *, reason: str, remedy: str
) -> Callable[[OfHost], OfHost]:
    """Register a rule that needs facts about the host the configuration will run on."""

    def register(check: OfHost) -> OfHost:
        add(Rule(rule, severity, title, reason, remedy, of_host=check))
        return check

    return register
