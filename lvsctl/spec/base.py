"""What all models of the spec share: a Block is a block of keywords, a Line is the words of one line.

Field names are keepalived's keywords and their order is the order in which keepalived needs them. The text under
a field is its description, in the JSON Schema and the reference.
"""

from collections import deque
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, model_validator
from pydantic_core import CoreSchema

from lvsctl.spec.forms import OWN, Place, Positioned
from lvsctl.spec.values import JsonSchema, RawLine, Truth, expected, printable

ExtraLine = Annotated[str, RawLine()]


class Model(BaseModel):
    """Frozen, and closed to unknown keywords."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, arbitrary_types_allowed=True, protected_namespaces=()
    )

    shorthand: ClassVar[JsonSchema | None] = None
    """What may be written instead of the block itself, as JSON Schema."""

    always: ClassVar[tuple[tuple[str, ...], ...]] = ()
    """Statements, as words, that the block begins with whatever was set."""

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchema:
        block = handler(schema)
        return block if cls.shorthand is None else {"anyOf": [cls.shorthand, block]}


class Block(Model):
    """A block of keywords. Only what was set is written: keepalived's own defaults stay keepalived's."""


class Extensible(Block):
    """A block that also takes raw lines for keywords newer than this version of lvsctl knows."""

    extra: Annotated[tuple[ExtraLine, ...], OWN] = ()
    """Raw lines for this block, for keywords lvsctl has no field for. They cannot leave the block, and a keyword newer than `target_version` is refused."""


class Line(Model):
    """The words of one line, written as keepalived writes them or as a mapping of their parts.

    ``10.0.0.100/24 dev eth0 label eth0:1`` and ``{address: 10.0.0.100/24, dev: eth0, label: "eth0:1"}`` are the
    same. Positional fields come first, in order; an option is its word and a value; a bare word stands alone.
    """

    syntax: ClassVar[str] = ""
    """The line's grammar in keepalived.conf(5)'s notation, for messages and the reference."""

    shorthand: ClassVar[JsonSchema | None] = {"type": ["string", "number"]}

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        if isinstance(value, (str, int, Decimal)) and not isinstance(value, bool):
            return cls._completed(dict(cls._parts(split(str(value)))))
        if not isinstance(value, (dict, cls)):
            raise expected(f"a line such as '{cls.syntax}'" if cls.syntax else "a line of words", value)
        return cls._completed(value) if isinstance(value, dict) else value

    @classmethod
    def _completed(cls, parts: dict[str, Any]) -> dict[str, Any]:
        """Answer *parts*, with whatever else keepalived takes them to say."""
        return parts

    @classmethod
    def _parts(cls, words: list[str]) -> Iterator[tuple[str, Any]]:
        layout = line_layout(cls)
        waiting = list(layout.first)
        rest = deque(words)
        while rest:
            word = rest.popleft()
            if entry := layout.words.get(word):
                name, place = entry
                if name in waiting:
                    waiting.remove(name)
                if place is Place.BARE:
                    yield name, True
                else:
                    yield name, word if place is Place.CHOICE else cls._value(word, rest)
            elif waiting:
                yield waiting.pop(0), word
            elif layout.rest:
                yield layout.rest, (word, *rest)
                return
            else:
                known = ", ".join(layout.words)
                raise ValueError(
                    f"unexpected word {word!r}" + (f"; after the value come: {known}" if known else "")
                )

    @classmethod
    def _value(cls, word: str, rest: deque[str]) -> Any:
        """Take the value of the option *word* from the words that follow it; ValueError when there is none."""
        if not rest:
            raise ValueError(f"expected a value after {word!r}")
        return rest.popleft()

    def words(self) -> tuple[str, ...]:
        """Answer the words of this line as keepalived reads them."""
        return tuple(self._words())

    def _words(self) -> Iterator[str]:
        layout = line_layout(type(self))
        given = self.model_fields_set
        for name, place, word in layout.fields:
            value = getattr(self, name) if name in given else None
            if value is None or value is False:
                continue
            if place is Place.BARE:
                yield word
            elif place is Place.REST:
                yield from map(str, value)
            elif place is Place.OPTION:
                for item in value if type(value) is tuple else (value,):
                    yield word
                    yield from item.words() if isinstance(item, Line) else (text(item),)
            else:
                yield text(value)

    @classmethod
    def of(cls, line: str) -> Self:
        """Read one line as keepalived writes it."""
        return cls.model_validate(line)


class OptionalLine(Line):
    """A keyword that may also stand alone: `true` (or no words) is the keyword without anything after it."""

    shorthand: ClassVar[JsonSchema | None] = {"type": ["string", "number", "boolean"]}

    @model_validator(mode="before")
    @classmethod
    def _from_truth(cls, value: object) -> object:
        try:
            alone = Truth().parse(value)
        except ValueError:
            return value
        if not alone:
            raise ValueError("leave this keyword out instead: it cannot be switched off")
        return {}


class _Layout:
    """The places of a Line's fields, looked up once per class."""

    def __init__(self, model: type[Line]) -> None:
        self.fields: list[tuple[str, Place, str]] = []
        self.words: dict[str, tuple[str, Place]] = {}
        self.first: list[str] = []
        self.rest = ""
        for name, field in model.model_fields.items():
            mark = next((m for m in field.metadata if isinstance(m, Positioned)), Positioned(Place.OPTION))
            key = field.alias or name
            word = mark.word or key
            self.fields.append((name, mark.place, word))
            if mark.place is Place.FIRST:
                self.first.append(key)
                self.words |= {mark.word: (key, Place.OPTION)} if mark.word else {}
            elif mark.place is Place.REST:
                self.rest = key
            elif mark.place is Place.CHOICE:
                self.words |= dict.fromkeys(mark.aliases, (key, Place.CHOICE))
                self.words |= {mark.word: (key, Place.OPTION)} if mark.word else {}
            else:
                for spelling in (word, *mark.aliases):
                    self.words[spelling] = (key, mark.place)


@cache
def line_layout(model: type[Line]) -> _Layout:
    """Answer where the fields of *model* stand in its line."""
    return _Layout(model)


def text(value: object) -> str:
    """Answer how a value is spelled in keepalived.conf (its booleans are lower case)."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def split(line: str) -> list[str]:
    """Split a line into words at white space, keeping what stands between double quotes together.

    Raises ValueError for an unmatched quote or text that no keepalived.conf can carry.
    """
    parts = line.split('"')
    if len(parts) % 2 == 0:
        raise ValueError("unmatched double quote")
    words: list[str] = []
    for index, part in enumerate(parts):
        printable(part)
        words.extend([part] if index % 2 else part.split())
    return words
