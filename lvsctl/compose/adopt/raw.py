"""Keep a statement as raw lines of its block (``extra:``): what keepalived acts on and the spec has no field for."""

from typing import Any, NamedTuple

from lvsctl.compose.adopt.reading import Path, Reading
from lvsctl.keepalived.config import Statement
from lvsctl.keepalived.extra import check_extra
from lvsctl.keepalived.grammar import Path as GrammarPath
from lvsctl.keepalived.grammar import version
from lvsctl.keepalived.print import Unprintable, print_config
from lvsctl.spec.base import Model
from lvsctl.spec.spec import DEFAULT_TARGET

TARGET = version(DEFAULT_TARGET)
"""The release that an imported spec is for: the one whose reading import follows."""

MANY_LINES = 100
"""From this many raw lines in a block on, a new one is only checked on its own."""


class Block(NamedTuple):
    """A block that is being read."""

    model: type[Model]
    data: dict[str, Any]
    """What was read so far."""
    path: Path
    """Where it will stand in the spec."""
    grammar: GrammarPath
    reading: Reading


def keep_raw(statement: Statement, block: Block) -> bool:
    """Keep *statement* as raw lines of *block*; where not even that is possible note it, and answer False."""
    try:
        lines = raw_lines(statement, block.grammar)
    except Unprintable as error:
        block.reading.leave(statement, block.path, f"{statement.keyword}: not carried: {error}")
        return False
    kept = block.data.get("extra", [])
    before = kept if len(kept) < MANY_LINES else []
    if problems := check_extra([*before, *lines], block.grammar, TARGET):
        what = f"{statement.keyword}: not carried: {problems[0].message}"
        block.reading.leave(statement, block.path, what)
        return False
    block.data["extra"] = kept
    for line in lines:
        block.reading.came_from((*block.path, "extra", len(kept)), statement)
        kept.append(line)
    return True


def raw_lines(statement: Statement, grammar: GrammarPath) -> list[str]:
    """Answer *statement* as the lines of a keepalived.conf, inside the blocks *grammar*. Raises Unprintable."""
    whole = statement
    for keyword in reversed(grammar):
        whole = Statement((keyword,), (whole,))
    lines = [line.strip() for line in print_config((whole,)).splitlines() if line.strip()]
    return lines[len(grammar) : len(lines) - len(grammar)]
