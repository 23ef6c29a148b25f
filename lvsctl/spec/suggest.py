"""Guess the word that was meant: typing errors, other spellings, and parts of a longer word.

Cheap enough to be asked for thousands of words: what cannot be near is sorted out by its letters alone.
"""

from collections.abc import Iterable
from difflib import SequenceMatcher
from functools import lru_cache

_LONGEST = 64
"""Characters of a word that is worth a guess; longer ones are no typing errors."""

_NEAR = 0.74
"""difflib's ratio above which two words look like the same word typed twice."""

_PART = 3
"""Characters from which the beginning or the end of a word stands for the whole of it."""


def suggest(word: str, candidates: Iterable[str]) -> str | None:
    """Answer the candidate that *word* was probably meant to be, or None when nothing is near.

    First the same word in another spelling (case, ``-`` for ``_``, none at all), then the nearest by difflib's
    ratio, then the only candidate that begins or ends with it (``sched`` for ``lvs_sched``). Of ``port:80``, where
    YAML misses a space, the key counts. An exact match is no suggestion.
    """
    return _suggest(word, tuple(candidates)) if word and len(word) <= _LONGEST else None


@lru_cache(maxsize=256)
def _suggest(word: str, candidates: tuple[str, ...]) -> str | None:
    plain = _plain(word.partition(":")[0])
    spelled = {candidate: _plain(candidate) for candidate in candidates if candidate != word}
    same = (candidate for candidate, other in spelled.items() if other == plain)
    return next(same, None) or _nearest(plain, spelled) or _whole(plain, spelled)


@lru_cache(maxsize=4096)
def _plain(word: str) -> str:
    return "".join(word.casefold().translate({ord("-"): None, ord("_"): None}).split())


@lru_cache(maxsize=4096)
def _letters(word: str) -> int:
    bits = 0
    for letter in word:
        bits |= 1 << ord(letter) % 64
    return bits


def _nearest(plain: str, spelled: dict[str, str]) -> str | None:
    best, nearest = _NEAR, None
    letters = _letters(plain)
    matcher = SequenceMatcher(autojunk=False)
    matcher.set_seq2(plain)
    for candidate, other in spelled.items():
        slack = max(2, min(len(plain), len(other)) // 3)
        if abs(len(plain) - len(other)) > slack or (letters ^ _letters(other)).bit_count() > slack:
            continue
        matcher.set_seq1(other)
        if matcher.quick_ratio() > best and (ratio := matcher.ratio()) > best:
            best, nearest = ratio, candidate
    return nearest


def _whole(plain: str, spelled: dict[str, str]) -> str | None:
    if len(plain) < _PART:
        return None
    longer = [c for c, other in spelled.items() if other.startswith(plain) or other.endswith(plain)]
    return longer[0] if len(longer) == 1 else None
