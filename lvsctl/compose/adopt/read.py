"""Read keepalived statements as the raw data of a spec: the way back of :mod:`lvsctl.compose.write`.

Generic, by the marks of the models: no value is judged here, that is what the models do afterwards. A statement
that has no field stays as a raw line of its block where keepalived knows its keyword; else it is noted.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import cache
from typing import Any

from lvsctl.compose.adopt.heads import HEADS, NAMES
from lvsctl.compose.adopt.order import LATE, NEEDS, OPPOSITES, REFERENCES
from lvsctl.compose.adopt.raw import Block, keep_raw
from lvsctl.compose.adopt.reading import Path, Plain, Reading
from lvsctl.compose.adopt.spot import Spot
from lvsctl.compose.adopt.words import joined, literal_line, named_line, number, one_line, own_words
from lvsctl.keepalived.config import Statement
from lvsctl.keepalived.grammar import find
from lvsctl.spec.base import Line, Model, line_layout
from lvsctl.spec.forms import Form
from lvsctl.spec.global_defs import GlobalDefs
from lvsctl.spec.ip_rules import RuleLine
from lvsctl.spec.layout import Field, fields
from lvsctl.spec.script import Script
from lvsctl.spec.synonyms import SYNONYMS
from lvsctl.spec.track import TrackedCommand
from lvsctl.spec.vrrp_options import DeletedScript

NOT_CARRIED = {
    ("VirtualServer", "hashed"): "keepalived does nothing with it",
    ("VrrpInstance", "preempt"): "an instance preempts unless it says nopreempt",
    ("VrrpInstance", "state"): (
        "lvsctl always renders `state BACKUP`: the priority decides who becomes master"
    ),
}
"""Keywords that a spec leaves out on purpose: class of the block and keyword, and the reason."""

ALWAYS_SO = {("VrrpInstance", "state", "BACKUP")}
"""Statements that are rendered anyway, so nothing is lost."""

NO_ACCOUNT = frozenset({"script", "misc_path"})
"""Scripts whose user is a keyword of its own: keepalived ignores words after the command."""

RENAMED = {("HttpGet", "nb_get_retry"): "retry", ("SslGet", "nb_get_retry"): "retry"}
"""Deprecated keywords that mean exactly what another one means."""


def read_root(model: type[Model], config: Iterable[Statement], reading: Reading) -> None:
    """Read a whole configuration into the data of *reading*."""
    block = Block(model, reading.data, (), (), reading)
    for statement in config:
        if statement.words:
            if _comes_too_late(statement, reading):
                keep_raw(statement, block)
            else:
                read(block, statement)
            reading.declared.passed(statement)


def _comes_too_late(statement: Statement, reading: Reading) -> bool:
    """Answer whether it sets whom scripts run as, behind scripts that keepalived has given their user already."""
    return (
        statement.keyword == "global_defs"
        and reading.ran_as_default
        and any(inner.words[:1] == ("script_user",) for inner in statement.body or ())
    )


def read_block(block: Block, body: Iterable[Statement]) -> dict[str, Any]:
    """Answer the data of *block* with the statements *body* added."""
    for statement in body:
        if statement.words:
            read(block, statement)
    return block.data


def read(block: Block, statement: Statement) -> None:
    """Read one statement of *block*."""
    keyword = statement.keyword
    field = keywords(block.model).get(keyword)
    if field is None:
        _without_field(block, statement)
    elif _order_stays(block, keyword):
        keep_raw(statement, block)
    elif (needed := NEEDS.get(keyword)) and needed not in block.data:
        what = f"{keyword}: not carried: {needed} does not stand before it, so keepalived passes over it"
        block.reading.leave(statement, (*block.path, field.key), what)
    else:
        if other := OPPOSITES.get(keyword):
            _overrule(block, other, statement)
        _READERS[field.form](Spot(block, field, statement))


def _order_stays(block: Block, keyword: str) -> bool:
    """Answer whether *keyword* has to stay behind what was read before it, as only raw lines do."""
    if not LATE.get(keyword, frozenset()).isdisjoint(block.data):
        return True
    kept = [line.split()[0] for line in block.data.get("extra", ()) if line.split()[0] in LATE]
    return any(keyword in LATE[each] for each in kept)


def _overrule(block: Block, other: str, statement: Statement) -> None:
    """Take back the keyword *other*, which keepalived takes *statement* to contradict."""
    if block.data.pop(other, None):
        path = (*block.path, other)
        what = f"{other}: not carried: a later {statement.keyword} counts"
        block.reading.leave(block.reading.statements.pop(path), path, what)


def _wanted(before: str | None, statement: Statement) -> str:
    """Answer the state that an instance wants: MASTER stays unless something unknown follows (vrrp_parser.c)."""
    match statement.words[1:2]:
        case ("MASTER",):
            return "MASTER"
        case ("BACKUP",):
            return before or "BACKUP"
        case _:
            return "BACKUP"


@cache
def keywords(model: type[Model]) -> dict[str, Field]:
    """Answer the fields of *model* by every keyword that keepalived reads them under."""
    written: dict[str, Field] = {}
    for field in fields(model).values():
        if field.form is Form.SPLICE:
            written |= dict.fromkeys(keywords(field.item), field)
        elif field.form is not Form.OWN:
            written[field.keyword] = field
    by_key = fields(model)
    for other, key in SYNONYMS.get(model.__name__, {}).items():
        if key in by_key:
            written[other] = by_key[key]
    for (owner, other), key in RENAMED.items():
        if owner == model.__name__:
            written[other] = by_key[key]
    return written


def _scalar(field: Field, word: str) -> str:
    return Plain(number(word)) if field.item in (int, Decimal, bool) else word


# Statements without a field of their own


def _without_field(block: Block, statement: Statement) -> None:
    keyword, reading = statement.keyword, block.reading
    name = block.model.__name__
    reading.came_from((*block.path, keyword), statement)
    if name == "VrrpInstance" and keyword == "state":
        if block.path in reading.wanted_state:
            what = f"{' '.join(statement.words)}: not carried: it is not the first state of this instance"
            reading.leave(statement, block.path, what)
        reading.wanted_state[block.path] = _wanted(reading.wanted_state.get(block.path), statement)
    if other := OPPOSITES.get(keyword):
        _overrule(block, other, statement)
    if (name, *statement.words) in ALWAYS_SO:
        return
    if reason := NOT_CARRIED.get((name, keyword)):
        reading.leave(statement, block.path, f"{' '.join(statement.words)}: not carried: {reason}")
    elif find((*block.grammar, keyword)) is not None:
        keep_raw(statement, block)
    # What keepalived does not know either, the parser has noted already.


# Statements, by the form of their field


def _flag(spot: Spot) -> None:
    spot.put(Plain("true"))
    _superfluous(spot, 0)


def _switch(spot: Spot) -> None:
    spot.put(Plain(spot.words[0] if spot.words else "true"))
    _superfluous(spot, 1)


def _word(spot: Spot) -> None:
    field = spot.field
    if not spot.words and field.item is DeletedScript:
        spot.put(Plain("true"))
    elif not spot.words:
        spot.leave(_no_value(spot))
    elif (kind := _reference(spot)) and spot.reading.declared.too_late(kind, spot.words[0]):
        spot.leave(_undeclared(kind, spot.words[0]))
    elif field.item in (Script, DeletedScript):
        _script(spot)
    else:
        spot.put(_scalar(field, spot.words[0]))
        _superfluous(spot, 1)


def _script(spot: Spot) -> None:
    command, *account = spot.words
    if spot.field.key in NO_ACCOUNT:
        _superfluous(spot, 1)
        account = []
    if spot.block.model is not GlobalDefs and not account:
        spot.reading.ran_as_default = True
    _superfluous(spot, 3)
    parts = dict(zip(("user", "group"), account, strict=False))
    spot.put({"command": command, **parts} if parts else command)


def _superfluous(spot: Spot, count: int) -> None:
    if extra := spot.words[count:]:
        spot.leave(f"{' '.join(extra)!r} after {spot.statement.keyword}: not carried: keepalived ignores it")


def _words(spot: Spot) -> None:
    if spot.words:
        numbers = spot.field.item is int
        spot.put([Plain(number(word)) for word in spot.words] if numbers else one_line(spot.words))
    else:
        spot.leave(_no_value(spot))


def _no_value(spot: Spot) -> str:
    return f"{spot.statement.keyword}: not carried: it has no value, so keepalived passes over it or refuses to start"


def _line(spot: Spot) -> None:
    _given_twice(spot, spot.statement, spot.words)
    literal = spot.field.item is TrackedCommand
    spot.put(literal_line(spot.words) if literal else one_line(spot.words))


def _given_twice(spot: Spot, statement: Statement, words: tuple[str, ...]) -> None:
    """Note the options of a line that are replaced by a later one."""
    layout = line_layout(spot.field.item)
    given = Counter(layout.words[word][0] for word in own_words(words) if word in layout.words)
    for name in [name for name, count in given.items() if count > 1]:
        spot.reading.leave(statement, spot.path, f"{name} is given twice: only the last one is carried")


def _inner(spot: Spot, data: dict[str, Any], path: Path) -> dict[str, Any]:
    block, statement = spot.block, spot.statement
    spot.reading.opened(path, statement)
    inner = Block(spot.field.item, data, path, (*block.grammar, statement.keyword), block.reading)
    return read_block(inner, statement.body or ())


def _block(spot: Spot) -> None:
    _superfluous(spot, 0)
    if not spot.block.path and not spot.statement.body:
        spot.leave(f"{spot.statement.keyword}: not carried: there is nothing in it")
    data = spot.block.data
    data[spot.field.key] = _inner(spot, data.get(spot.field.key, {}), spot.path)


def _body(spot: Spot) -> None:
    items = spot.block.data.setdefault(spot.field.key, [])
    spot.reading.came_from(spot.path, spot.statement)
    if not spot.statement.body:
        spot.leave(f"{spot.statement.keyword}: not carried: there is nothing in it")
    kind = _reference(spot)
    for item in spot.statement.body or ():
        if kind and spot.reading.declared.too_late(kind, item.keyword):
            spot.reading.leave(item, spot.path, _undeclared(kind, item.keyword))
            continue
        for text in [_item(spot, item, kind)] if _is_line(spot.field) else item.words:
            spot.reading.came_from((*spot.path, len(items)), item)
            items.append(text)


def _item(spot: Spot, item: Statement, kind: str | None) -> str:
    _given_twice(spot, item, item.words)
    line = named_line(item.words) if kind else one_line(item.words)
    if issubclass(spot.field.item, RuleLine):
        priority = spot.reading.priorities.missing(spot.field.item, line, item.words)
        if priority is not None:
            spot.reading.leave(
                item, spot.path, f"no priority: written as {priority}, which keepalived makes up"
            )
            return f"{line} priority {priority}"
    return line


def _is_line(field: Field) -> bool:
    return isinstance(field.item, type) and issubclass(field.item, Line)


def _reference(spot: Spot) -> str | None:
    return REFERENCES.get((spot.block.model.__name__, spot.statement.keyword))


def _undeclared(kind: str, name: str) -> str:
    return f"{name}: not carried: its {kind} stands only further down, where keepalived does not find it"


def _repeat(spot: Spot) -> None:
    items = spot.block.data.setdefault(spot.field.key, [])
    path = (*spot.path, len(items))
    spot.reading.came_from(path, spot.statement)
    if spot.field.item not in HEADS and spot.statement.body is not None:
        _superfluous(spot, 0)
    if spot.statement.body is None:
        items.append(joined(spot.words))
    else:
        items.append(_inner(spot, _head(spot, path), path))


def _named(spot: Spot) -> None:
    model, statement = spot.field.item, spot.statement
    entries = spot.block.data.setdefault(spot.field.key, {})
    name = NAMES[model](statement) if model in NAMES else _second(statement)
    if len(statement.words) == 1:
        spot.leave(f"{statement.keyword} has no name: the spec calls it {name!r}")
    elif model not in HEADS:
        _superfluous(spot, 1)
    if name in entries and model not in NAMES:
        keep_raw(statement, spot.block)
        return
    name = _free(name, entries)
    path = (*spot.path, name)
    if _is_line(spot.field):
        spot.reading.came_from(path, statement)
        entries[name] = [one_line(item.words) for item in statement.body or ()]
        for index, item in enumerate(statement.body or ()):
            spot.reading.came_from((*path, index), item)
    else:
        entries[name] = _inner(spot, _head(spot, path), path)


def _head(spot: Spot, path: Path) -> dict[str, Any]:
    model = spot.field.item
    return HEADS[model](spot.statement, path, spot.reading) if model in HEADS else {}


def _second(statement: Statement) -> str:
    return statement.words[1] if len(statement.words) > 1 else "unnamed"


def _free(name: str, taken: dict[str, Any]) -> str:
    """Answer *name*, numbered when it is taken."""
    number, free = 2, name
    while free in taken:
        free, number = f"{name}-{number}", number + 1
    return free


def _splice(spot: Spot) -> None:
    block = spot.block
    items = block.data.setdefault(spot.field.key, [])
    path = (*spot.path, len(items))
    spot.reading.came_from(path, spot.statement)
    items.append(
        read_block(Block(spot.field.item, {}, path, block.grammar, block.reading), (spot.statement,))
    )


_READERS: dict[Form, Callable[[Spot], None]] = {
    Form.WORD: _word,
    Form.LINE: _line,
    Form.FLAG: _flag,
    Form.SWITCH: _switch,
    Form.WORDS: _words,
    Form.BLOCK: _block,
    Form.BODY: _body,
    Form.REPEAT: _repeat,
    Form.NAMED: _named,
    Form.SPLICE: _splice,
}
