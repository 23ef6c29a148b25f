"""The spec's own rules about a machine (LVS800 and on), as checks: users, interfaces, who could change a script.

They are those of ``lvsctl validate --node``; `ignore:` in the spec counts here, too.
"""

import shlex
from collections.abc import Callable, Iterator
from typing import Final

from lvsctl.compose.rules import RULES, Finding, Pair, Rule, Severity
from lvsctl.compose.rules import check as check_rules
from lvsctl.compose.rules.ignores import is_ignored
from lvsctl.doctor.model import DIRECTOR, ERROR, Check, Found, Machine, add, check
from lvsctl.spec.paths import dotted


@check(
    "LVD001",
    ERROR,
    "A spec that breaks its rules",
    why="What it renders will not work, or hurts one night; `lvsctl render` refuses it.",
    remedy="lvsctl validate SPEC says where, why, and what to do.",
    needs_spec=True,
    not_adopted=True,
)
def broken_rules(machine: Machine) -> Iterator[Found]:
    """Errors among the rules that need no host."""
    declared = machine.declared
    if declared is None:
        return
    found = check_rules(Pair(declared.specs)).findings
    errors = {each.rule.id for each in found if each.rule.severity is Severity.ERROR}
    if errors:
        file = declared.document.file
        yield Found(file, f"it breaks {', '.join(sorted(errors))}", f"lvsctl validate {shlex.quote(file)}")


HELD: Final = frozenset({"LVS800"})
"""Rules that without a spec are asked of the configuration that keepalived holds, which is nearer to the truth (LVD104)."""


def _looks(rule: Rule) -> Callable[[Machine], Iterator[Found]]:
    def looks(machine: Machine) -> Iterator[Found]:
        spec = machine.spec
        for path, message in rule.of_host(spec, machine.host) if rule.of_host else ():
            if not is_ignored(Finding(rule, machine.node, path, message), spec):
                told = message.rpartition(": ")[2]
                remedy = told if told.startswith(("chmod ", "chown ")) else rule.remedy
                yield Found(dotted(path), message, remedy)

    return looks


for _rule in RULES.values():
    if _rule.of_host:
        add(
            Check(
                _rule.id,
                _rule.severity,
                _rule.title,
                _rule.reason,
                _rule.remedy,
                DIRECTOR,
                _looks(_rule),
                needs_spec=True,
                page=_rule.page,
                not_adopted=_rule.id in HELD,
            )
        )
