"""Remember what several rules ask of the same spec, one rule after another."""

from collections.abc import Callable
from functools import wraps
from typing import TypeVar
from weakref import ref

from lvsctl.spec.spec import Spec

_Answer = TypeVar("_Answer")


def once_per_spec(ask: Callable[[Spec], _Answer]) -> Callable[[Spec], _Answer]:
    """Remember the answer of *ask* for the last spec, by identity: hashing a spec would cost more than most rules do."""
    last: list[tuple[ref[Spec], _Answer]] = []

    @wraps(ask)
    def remembered(spec: Spec) -> _Answer:
        if not last or last[0][0]() is not spec:
            last[:] = [(ref(spec), ask(spec))]
        return last[0][1]

    return remembered
