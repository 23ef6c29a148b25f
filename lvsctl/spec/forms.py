"""How a field of the spec is written in keepalived.conf: small marks that the models carry as metadata.

A field is written under its own name unless ``Written`` says otherwise, and in the form its type suggests: a
nested Block as a block, a Line as the words of one line, a plain value as one word. Only what the type cannot
tell is marked. The marks know nothing of printing or parsing; :mod:`lvsctl.compose` reads them.
"""

from enum import Enum, auto
from typing import NamedTuple


class Form(Enum):
    """The shapes a keepalived keyword comes in."""

    WORD = auto()  # keyword VALUE
    FLAG = auto()  # keyword                     (true; false is not written at all)
    SWITCH = auto()  # keyword on|off            (true and false are both written)
    WORDS = auto()  # keyword A B C
    LINE = auto()  # keyword and the words of one Line
    BLOCK = auto()  # keyword { statements }
    BODY = auto()  # keyword { item per line }
    REPEAT = auto()  # keyword item, once per item
    NAMED = auto()  # keyword NAME { statements }, once per entry of a mapping
    SPLICE = auto()  # the statements of each item, without a keyword of their own
    OWN = auto()  # lvsctl's own word: never written; compose gives it its meaning
    UNMARKED = auto()  # a list, mapping or truth without a mark: only in blocks that keepalived never sees


class Written(NamedTuple):
    """The form of a field, and its keyword where that differs from the field's name."""

    form: Form
    keyword: str = ""


WORD = Written(Form.WORD)
FLAG = Written(Form.FLAG)
SWITCH = Written(Form.SWITCH)
WORDS = Written(Form.WORDS)
BODY = Written(Form.BODY)
REPEAT = Written(Form.REPEAT)
SPLICE = Written(Form.SPLICE)
OWN = Written(Form.OWN)


def named(keyword: str) -> Written:
    """Mark a mapping from names to blocks that keepalived writes as ``keyword NAME { … }``."""
    return Written(Form.NAMED, keyword)


class Place(Enum):
    """Where a field of a Line stands among its words."""

    FIRST = auto()  # a positional word, in the order of the fields
    OPTION = auto()  # name and value; the usual case, so not marked
    BARE = auto()  # the name alone, when true
    CHOICE = auto()  # the value alone, one of a few words
    REST = auto()  # all the remaining words


class Positioned(NamedTuple):
    """The place of a field in its Line, the word that introduces it, and other words keepalived accepts for it."""

    place: Place
    word: str = ""
    aliases: tuple[str, ...] = ()


FIRST = Positioned(Place.FIRST)
BARE = Positioned(Place.BARE)
REST = Positioned(Place.REST)


def option(word: str, *aliases: str) -> Positioned:
    """Mark an option of a Line whose word differs from the field's name or has other spellings."""
    return Positioned(Place.OPTION, word, aliases)


def bare(word: str, *aliases: str) -> Positioned:
    """Mark a bare word of a Line whose spelling differs from the field's name."""
    return Positioned(Place.BARE, word, aliases)


def first(*, introduced_by: str) -> Positioned:
    """Mark a positional word of a Line that *introduced_by* may stand before."""
    return Positioned(Place.FIRST, introduced_by)


def choice(*words: str, introduced_by: str = "") -> Positioned:
    """Mark a field of a Line whose value stands alone, as one of *words*; *introduced_by* may stand before it."""
    return Positioned(Place.CHOICE, introduced_by, words)
