"""Read keepalived statements as the raw data of a spec: the way back of :mod:`lvsctl.compose.write`.

Generic, by the marks of the models: no value is judged here, that is what the models do afterwards. A statement
that has no field stays as a raw line of its block where keepalived knows its keyword; else it is noted.
"""

import re
from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import cache
from typing import Any

from lvsctl.compose.adopt.heads import HEADS, NAMES
from lvsctl.compose.adopt.reading import Path, Plain, Reading
from lvsctl.keepalived.config import Statement
from lvsctl.keepalived.grammar import Path as GrammarPath
from lvsctl.keepalived.grammar import find
from lvsctl.keepalived.print import Unprintable, print_config
from lvsctl.spec.base import Line, Model
from lvsctl.spec.forms import Form
from lvsctl.spec.layout import Field, fields
from lvsctl.spec.script import Script
from lvsctl.spec.synonyms import SYNONYMS
from lvsctl.spec.vrrp_options import DeletedScript

NOT_CARRIED = {
    ("VirtualServer", "hashed"): "keepalived does nothing with it",
    (
        "VrrpInstance",
        "state",
    ): "lvsctl always renders `state BACKUP`: the priority decides who becomes master",
}
"""Keywords that a spec leaves out on purpose: class of the block and keyword, and the reason."""

ALWAYS_SO = {("VrrpInstance", "state", "BACKUP")}
"""Statements that are rendered anyway, so nothing is lost."""

NO_ACCOUNT = frozenset({"script", "misc_path"})
"""Scripts whose user is a keyword of its own: keepalived ignores words after the command."""

LATE = {
    "script_user": frozenset(
        {"notify_fifo", "vrrp_notify_fifo", "lvs_notify_fifo", "startup_script", "shutdown_script"}
    ),
}
"""Keywords of which keepalived makes nothing for those that stand before them: then the order has to stay."""

RENAMED = {("HttpGet", "nb_get_retry"): "retry", ("SslGet", "nb_get_retry"): "retry"}
"""Deprecated keywords that mean exactly what another one means."""

Reader = Callable[[Field, Statement, dict[str, Any], Path, Reading, GrammarPath], None]


def read_block(
    model: type[Model], body: Iterable[Statement], path: Path, reading: Reading, grammar: GrammarPath
) -> dict[str, Any]:
    """Answer the raw data of a block of *model* with the statements *body*; *path* is where it will stand."""
    data: dict[str, Any] = {}
    known = keywords(model)
    for statement in body:
        if not statement.words:
            continue
        field = known.get(statement.keyword)
        if field is not None and not LATE.get(statement.keyword, frozenset()).isdisjoint(data):
            keep_raw(statement, data, path, reading)
        elif field is None:
            _without_field(model, statement, data, path, reading, grammar)
        else:
            _READERS[field.form](field, statement, data, (*path, field.key), reading, grammar)
    return data


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


def joined(words: Iterable[str]) -> str:
    """Write words as the shorthand of a Line: quoted where they would fall apart."""
    return " ".join(
        f'"{word}"' if not word or any(sign.isspace() for sign in word) else word
        for word in map(_number, words)
    )


_NUMBER = re.compile(r"\s*([+-]?)0*([0-9]+)((?:\.[0-9]*)?)\s*\Z")


def _number(word: str) -> str:
    """Answer a number as people write it: keepalived takes white space and leading zeros, to the base of ten."""
    found = (
        _NUMBER.match(word) if word[:1].isspace() or word[-1:].isspace() or word[:1] in ("0", "+") else None
    )
    return "".join(found.groups()).removeprefix("+") if found else word


def _one_line(words: tuple[str, ...]) -> str:
    line = joined(words)
    return Plain(line or "true") if not line or line.lstrip("-").isdigit() else line


def _scalar(field: Field, word: str) -> str:
    return Plain(_number(word)) if field.item in (int, Decimal, bool) else word


def raw_lines(statement: Statement) -> list[str]:
    """Answer *statement* as the lines of a keepalived.conf. Raises Unprintable."""
    return [line.strip() for line in print_config((statement,)).splitlines() if line.strip()]


def _without_field(
    model: type[Model],
    statement: Statement,
    data: dict[str, Any],
    path: Path,
    reading: Reading,
    grammar: GrammarPath,
) -> None:
    keyword = statement.keyword
    reading.came_from((*path, keyword), statement)
    if (model.__name__, *statement.words) in ALWAYS_SO:
        return
    if reason := NOT_CARRIED.get((model.__name__, keyword)):
        reading.leave(statement, path, f"{' '.join(statement.words)}: not carried: {reason}")
    elif find((*grammar, keyword)) is not None:
        keep_raw(statement, data, path, reading)
    # What keepalived does not know either, the parser has noted already.


def keep_raw(statement: Statement, data: dict[str, Any], path: Path, reading: Reading) -> None:
    """Keep *statement* as a raw line of the block at *path*, or note that not even that is possible."""
    try:
        lines = raw_lines(statement)
    except Unprintable as error:
        reading.leave(statement, path, f"{statement.keyword}: not carried: {error}")
        return
    kept = data.setdefault("extra", [])
    for line in lines:
        reading.came_from((*path, "extra", len(kept)), statement)
        kept.append(line)


def _flag(
    field: Field,
    statement: Statement,
    data: dict[str, Any],
    path: Path,
    reading: Reading,
    _grammar: GrammarPath,
) -> None:
    data[field.key] = Plain("true")
    reading.came_from(path, statement)
    _superfluous(statement, 1, path, reading)


def _switch(
    field: Field,
    statement: Statement,
    data: dict[str, Any],
    path: Path,
    reading: Reading,
    _grammar: GrammarPath,
) -> None:
    data[field.key] = Plain(statement.words[1] if len(statement.words) > 1 else "true")
    reading.came_from(path, statement)
    _superfluous(statement, 2, path, reading)


def _word(
    field: Field,
    statement: Statement,
    data: dict[str, Any],
    path: Path,
    reading: Reading,
    _grammar: GrammarPath,
) -> None:
    if len(statement.words) == 1 and field.item is DeletedScript:
        data[field.key] = "true"
        reading.came_from(path, statement)
        return
    if len(statement.words) == 1:
        reading.leave(
            statement,
            path,
            f"{statement.keyword}: not carried: it has no value, so keepalived does nothing with it",
        )
        return
    reading.came_from(path, statement)
    if field.item in (Script, DeletedScript) and field.key not in NO_ACCOUNT:
        data[field.key] = _script(statement.words[1:])
    else:
        data[field.key] = _scalar(field, statement.words[1])
        _superfluous(statement, 2, path, reading)


def _script(words: tuple[str, ...]) -> Any:
    command, *account = words
    if not account:
        return command
    return {"command": command} | dict(zip(("user", "group"), account, strict=False))


def _superfluous(statement: Statement, count: int, path: Path, reading: Reading) -> None:
    if extra := statement.words[count:]:
        reading.leave(
            statement,
            path,
            f"{' '.join(extra)!r} after {statement.keyword}: not carried: keepalived ignores it",
        )


def _words(
    field: Field,
    statement: Statement,
    data: dict[str, Any],
    path: Path,
    reading: Reading,
    _grammar: GrammarPath,
) -> None:
    data[field.key] = list(statement.words[1:])
    reading.came_from(path, statement)


def _line(
    field: Field,
    statement: Statement,
    data: dict[str, Any],
    path: Path,
    reading: Reading,
    _grammar: GrammarPath,
) -> None:
    data[field.key] = _one_line(statement.words[1:])
    reading.came_from(path, statement)


def _block(
    field: Field,
    statement: Statement,
    data: dict[str, Any],
    path: Path,
    reading: Reading,
    grammar: GrammarPath,
) -> None:
    block = read_block(field.item, statement.body or (), path, reading, (*grammar, statement.keyword))
    data[field.key] = {**data.get(field.key, {}), **block}
    reading.came_from(path, statement)


def _body(
    field: Field,
    statement: Statement,
    data: dict[str, Any],
    path: Path,
    reading: Reading,
    _grammar: GrammarPath,
) -> None:
    items = data.setdefault(field.key, [])
    reading.came_from(path, statement)
    for item in statement.body or ():
        reading.came_from((*path, len(items)), item)
        items.append(joined(item.words))


def _repeat(
    field: Field,
    statement: Statement,
    data: dict[str, Any],
    path: Path,
    reading: Reading,
    grammar: GrammarPath,
) -> None:
    items = data.setdefault(field.key, [])
    here = (*path, len(items))
    reading.came_from(here, statement)
    if statement.body is None:
        items.append(joined(statement.words[1:]))
        return
    head = HEADS[field.item](statement, here, reading) if field.item in HEADS else {}
    items.append(head | read_block(field.item, statement.body, here, reading, (*grammar, statement.keyword)))


def _named(
    field: Field,
    statement: Statement,
    data: dict[str, Any],
    path: Path,
    reading: Reading,
    grammar: GrammarPath,
) -> None:
    entries = data.setdefault(field.key, {})
    name = _free(NAMES.get(field.item, _second)(statement), entries)
    here = (*path, name)
    reading.came_from(here, statement)
    if isinstance(field.item, type) and issubclass(field.item, Line):
        entries[name] = [joined(item.words) for item in statement.body or ()]
        for index, item in enumerate(statement.body or ()):
            reading.came_from((*here, index), item)
        return
    head = HEADS[field.item](statement, here, reading) if field.item in HEADS else {}
    entries[name] = head | read_block(
        field.item, statement.body or (), here, reading, (*grammar, statement.keyword)
    )


def _second(statement: Statement) -> str:
    return statement.words[1] if len(statement.words) > 1 else "unnamed"


def _free(name: str, taken: dict[str, Any]) -> str:
    """Answer *name*, numbered when it is taken."""
    number, free = 2, name
    while free in taken:
        free, number = f"{name}-{number}", number + 1
    return free


def _splice(
    field: Field,
    statement: Statement,
    data: dict[str, Any],
    path: Path,
    reading: Reading,
    grammar: GrammarPath,
) -> None:
    items = data.setdefault(field.key, [])
    here = (*path, len(items))
    reading.came_from(here, statement)
    items.append(read_block(field.item, (statement,), here, reading, grammar))


_READERS: dict[Form, Reader] = {
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
