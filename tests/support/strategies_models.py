"""Hypothesis strategies for blocks and lines of the spec, by walking their models.

Data as the loader makes it: dict, list and text. A block gets its required fields and a few others, each drawn by
its type; what then contradicts itself loses a field, as the model's own refusal says. So nothing here repeats a
model's rules, but for what :mod:`tests.support.strategies_fields` says.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, get_args, get_origin, get_type_hints

from hypothesis import strategies as st
from pydantic import ValidationError

from lvsctl.spec.base import Line, Model, OptionalLine
from lvsctl.spec.checks import Check
from lvsctl.spec.layout import _unwrap, fields
from lvsctl.spec.script import Script
from lvsctl.spec.values import Parsed
from tests.support.strategies_draw import Data, Nothing, Values
from tests.support.strategies_fields import FAMILIAR, PLAIN_SHAPES, REFERS, found_for, left_out, one_of
from tests.support.strategies_values import ABSOLUTE_PATH, accepted, value

MOST = 9
"""How many optional fields a block gets at most."""

MORE = {"GlobalDefs": 40, "VrrpInstance": 20, "VirtualServer": 15}
"""How many, for blocks with many."""

OF_ONE_FAMILY = frozenset(
    ("StaticAddressLine", "RouteLine", "StaticRouteLine", "RuleLine", "StaticRuleLine", "BfdInstance")
)
"""Models whose addresses are all IPv4 or all IPv6, whatever stands around them."""


class Drawing(Values):
    """Draws data for models."""

    def model(self, model: type[Model], **given: Any) -> Any:
        """Draw the data of *model*, as its mapping or, for a line, as its text; *given* fields are not drawn."""
        if not given and model.__name__ in SHAPES:
            return self._shortened(model, SHAPES[model.__name__](self))
        with self._family_of(model):
            needed = [self.one(*keys) for keys in one_of(model)]
            data = (
                dict(self._drawn(model, self._chosen(model, {**given, **dict.fromkeys(needed)}, needed)))
                | given
            )
            return self._shortened(model, self._mended(model, data, frozenset((*given, *needed))))

    def _drawn(self, model: type[Model], keys: list[str]) -> Iterator[tuple[str, Any]]:
        for key in keys:
            try:
                yield key, self.field(model, key)
            except Nothing:
                if required(model, key):
                    raise

    def field(self, model: type[Model], key: str) -> Any:
        """Draw the value of one field."""
        if own := found_for(model, key):
            return own(self)
        return self.typed(hints(model)[fields(model)[key].name])

    def typed(self, hint: Any) -> Any:
        """Draw a value of the type *hint*."""
        bare, marks = _unwrap(hint)
        if parsed := next((mark for mark in marks if isinstance(mark, Parsed)), None):
            return self._value(parsed)
        if get_origin(bare) is tuple:
            return [self.typed(get_args(bare)[0]) for _ in range(self.one(1, 1, 2, 3))]
        if get_origin(bare) is dict:
            keys, values = get_args(bare)
            return {self.typed(keys): self.typed(values) for _ in range(self.one(1, 2))}
        return self.model(bare)

    def _value(self, parsed: Parsed) -> Any:
        if own := FAMILIAR.get(type(parsed).__name__):
            return self.draw(accepted(parsed, st.just(own(self))))
        if (what := getattr(parsed, "what", "")).startswith("an IPv"):
            return self.address({"an IPv4 address": 4, "an IPv6 address": 6}.get(what, 0))
        if parsed == ABSOLUTE_PATH:
            return f"{self.draw(value(parsed))}_{self.number()}"
        return self.draw(value(parsed))

    def _chosen(self, model: type[Model], given: Data, needed: list[str]) -> list[str]:
        optional = tuple(key for key in fields(model) if not required(model, key) and key not in given)
        optional = tuple(key for key in optional if not left_out(model, key))
        some = (
            self.draw(
                st.lists(st.sampled_from(optional), unique=True, max_size=MORE.get(model.__name__, MOST))
            )
            if optional
            else []
        )
        return [
            key
            for key in fields(model)
            if key in needed or (key not in given and (required(model, key) or key in some))
        ]

    @contextmanager
    def _family_of(self, model: type[Model]) -> Iterator[None]:
        before = self.version
        if model.__name__ in OF_ONE_FAMILY:
            self.version = self.one(4, 6)
        yield
        self.version = before

    def _mended(self, model: type[Model], data: Data, keep: frozenset[str]) -> Data:
        """Take fields out of *data* until *model* accepts it: the ones it names, else the last one."""
        while error := refusal(model, data):
            named = {str(each["loc"][0]) for each in error.errors() if each["loc"]}
            loose = [key for key in data if key not in keep and not required(model, key)]
            going = [key for key in loose if key in named] or loose[-1:]
            if not going:
                raise Nothing(model.__name__)
            data = {key: each for key, each in data.items() if key not in going}
        return data

    def _shortened(self, model: type[Model], data: Any) -> Any:
        """Write a line now and then as an operator would rather write it: as text, or as one word."""
        if not isinstance(data, dict):
            return data
        if issubclass(model, OptionalLine) and not data:
            return self.one("true", "yes")
        if not issubclass(model, (Line, Script)) or not data or self.one(True, False):
            return data
        words = model.model_validate(data).words()
        text = " ".join(words)
        return (
            text
            if issubclass(model, Line)
            and all(words)
            and text.split() == list(words)
            and '"' not in text
            and model_reads(model, text, data)
            else data
        )


def model_reads(model: type[Line], text: str, data: Data) -> bool:
    """Answer whether *text* means what *data* means: positional words that are left out in between cannot be told."""
    try:
        return model.of(text).words() == model.model_validate(data).words()
    except ValidationError:
        return False


@cache
def hints(model: type[Model]) -> dict[str, Any]:
    """Answer the types of *model*'s attributes, with everything that stands at them."""
    return get_type_hints(model, include_extras=True)


@cache
def required(model: type[Model], key: str) -> bool:
    """Answer whether *model* cannot do without the field *key*."""
    return model.model_fields[fields(model)[key].name].is_required()


def refusal(model: type[Model], data: Any) -> ValidationError | None:
    """Answer why *model* refuses *data*; None when it does not."""
    try:
        model.model_validate(data)
    except ValidationError as error:
        return error
    return None


def _check(drawing: Drawing) -> Data:
    kinds = (
        kind
        for kind in fields(Check)
        if REFERS.get(kind, "") in ("", *filter(drawing.names.get, drawing.names))
    )
    kind = drawing.one(*kinds)
    block = drawing.model(fields(Check)[kind].item)
    return {kind: block or drawing.one({}, None)}


SHAPES: dict[str, Callable[[Drawing], Any]] = {**PLAIN_SHAPES, "Check": _check}
"""Models that are one of several shapes."""
