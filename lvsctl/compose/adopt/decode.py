"""Bytes of a file that are no UTF-8, which a spec cannot hold: they are read as Latin-1, and noted."""

from lvsctl.compose.adopt.reading import Reading
from lvsctl.keepalived.config import Config, Statement


def decoded(config: Config, reading: Reading) -> Config:
    """Answer *config* without lone surrogates; every statement that had some is noted."""
    return tuple(_statement(statement, reading) for statement in config)


def _statement(statement: Statement, reading: Reading) -> Statement:
    words, body, source = statement
    read = tuple(map(_word, words))
    if read != words:
        what = f"{' '.join(read)}: not as it was: its bytes are no UTF-8, so they are read as Latin-1"
        reading.leave(statement, (), what)
    return Statement(read, None if body is None else decoded(body, reading), source)


def _word(word: str) -> str:
    if word.isascii():
        return word
    return "".join(chr(ord(sign) - 0xDC00) if "\udc80" <= sign <= "\udcff" else sign for sign in word)
