"""What the spec asks the rules to leave out (`ignore:`), and entries there that leave nothing out."""

from collections.abc import Iterable, Iterator

from lvsctl.compose.rules.rule import NOTE, RULES, Finding, Pair, Rule, add
from lvsctl.spec.paths import dotted
from lvsctl.spec.sorry import Ignore
from lvsctl.spec.spec import Spec

UNUSED = add(
    Rule(
        "LVS930",
        NOTE,
        "An entry of ignore that ignores nothing",
        reason="What it excused is gone, or its rule or path is misspelt; left there, it would hide the next real finding.",
        remedy="Remove the entry, or correct its rule and at.",
    )
)


def is_ignored(finding: Finding, spec: Spec) -> bool:
    """Answer whether *spec* asks to ignore *finding*."""
    if not spec.ignore:
        return False
    path = dotted(finding.path)
    return any(entry.rule == finding.rule.id and _fits(entry, path) for entry in spec.ignore)


def unused(pair: Pair, found: Iterable[Finding], unchecked: Iterable[Rule]) -> Iterator[Finding]:
    """Yield a finding for each entry that fits nothing in *found*, unless its rule is *unchecked* here."""
    paths: dict[str, set[str]] = {}
    for finding in found:
        paths.setdefault(finding.rule.id, set()).add(dotted(finding.path))
    unknown = {rule.id for rule in unchecked}
    for node, spec in pair.specs.items():
        for index, entry in enumerate(spec.ignore):
            if entry.rule not in unknown and not any(
                _fits(entry, path) for path in paths.get(entry.rule, ())
            ):
                yield Finding(UNUSED, node, ("ignore", index), _says_nothing(entry))


def _says_nothing(entry: Ignore) -> str:
    if entry.rule not in RULES:
        return f"there is no rule {entry.rule}"
    return f"{entry.rule} finds nothing" + (f" below {entry.at}" if entry.at else "") + ": remove this entry"


def _fits(entry: Ignore, path: str) -> bool:
    """Answer whether *entry* is about *path*, a finding of its rule."""
    prefix = entry.at
    return prefix is None or path == prefix or path.startswith((f"{prefix}.", f"{prefix}["))
