"""The priorities that keepalived makes up for policy rules without one: counted down as it reads them.

A rule of the spec states its priority, so what keepalived would make up is written down. Source: alloc_rule() of
keepalived 2.2.7's vrrp_iprule.c.
"""

from lvsctl.spec.ip_rules import RuleLine

FIRST = 16384
STATED = frozenset({"priority", "preference", "order"})


class RulePriorities:
    """What is left to hand out, per address family."""

    def __init__(self) -> None:
        self._next = {4: FIRST, 6: FIRST}

    def missing(self, model: type[RuleLine], line: str, words: tuple[str, ...]) -> int | None:
        """Answer the priority that keepalived gives the rule *line*; None when it states one, or is refused anyway."""
        if not STATED.isdisjoint(words):
            return None
        version = 6 if any(":" in word for word in words) or "inet6" in words else 4
        priority = self._next[version]
        try:
            model.of(f"{line} priority {priority}")
        except ValueError:
            return None
        self._next[version] -= 1
        return priority
