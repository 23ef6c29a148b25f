"""Guess the word that was meant: typing errors, other spellings, and parts of a longer word.

Cheap enough to be asked for hundreds of words among thousands: what cannot be near is sorted out by its letters.
"""

from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher
from functools import lru_cache
from heapq import nsmallest
from itertools import islice
from typing import NamedTuple

_LONGEST = 64
"""Characters of a word that is worth a guess; longer ones are no typing errors."""

_NEAR = 0.74
"""difflib's ratio above which two words look like the same word typed twice."""

_CROWD = 4096
"""Candidates that are looked at; far more than a real spec has names of one kind."""

_MOST = 32
"""Candidates that are compared letter by letter, so that names in thousands cost little."""

_PART = 3
"""Characters from which the beginning or the end of a word stands for the whole of it."""


class _Candidate(NamedTuple):
    word: str
    plain: str
    """Without case, ``-``, ``_`` and white space."""
    letters: int
    """The set of its letters as bits."""


def suggest(word: str, candidates: Iterable[str]) -> str | None:
    """Answer the candidate that *word* was probably meant to be, or None when nothing is near.

    First the same word in another spelling (case, ``-`` for ``_``, none at all), then the nearest by difflib's
    ratio, then the only candidate that begins or ends with it (``sched`` for ``lvs_sched``). Of ``port:80``, where
    YAML misses a space, the key counts. An exact match is no suggestion.
    """
    if not word or len(word) > _LONGEST:
        return None
    plain = _plain(word.partition(":")[0])
    others = [
        candidate for candidate in _prepared(tuple(islice(candidates, _CROWD))) if candidate.word != word
    ]
    same = (candidate.word for candidate in others if candidate.plain == plain)
    return next(same, None) or _nearest(plain, others) or _whole(plain, others)


@lru_cache(maxsize=16)
def _prepared(words: tuple[str, ...]) -> tuple[_Candidate, ...]:
    return tuple(_Candidate(word, plain := _plain(word), _letters(plain)) for word in words)


def _plain(word: str) -> str:
    return "".join(word.casefold().replace("-", "").replace("_", "").split())


def _letters(word: str) -> int:
    bits = 0
    for letter in word:
        bits |= 1 << ord(letter) % 64
    return bits


def _nearest(plain: str, candidates: list[_Candidate]) -> str | None:
    best, nearest = _NEAR, None
    matcher = SequenceMatcher(autojunk=False)
    matcher.set_seq2(plain)
    for _, candidate in nsmallest(_MOST, _alike(plain, candidates)):
        matcher.set_seq1(candidate.plain)
        if matcher.quick_ratio() > best and (ratio := matcher.ratio()) > best:
            best, nearest = ratio, candidate.word
    return nearest


def _alike(plain: str, candidates: list[_Candidate]) -> Iterator[tuple[int, _Candidate]]:
    """Yield the candidates whose length and letters are not far from those of *plain*, with how far they are."""
    size, letters = len(plain), _letters(plain)
    far = max(2, size // 2)
    for candidate in candidates:
        distance = abs(size - len(candidate.plain)) + (letters ^ candidate.letters).bit_count()
        if distance <= far:
            yield distance, candidate


def _whole(plain: str, candidates: list[_Candidate]) -> str | None:
    if len(plain) < _PART:
        return None
    longer = [c.word for c in candidates if c.plain.startswith(plain) or c.plain.endswith(plain)]
    return longer[0] if len(longer) == 1 else None
