r"""One line of a keepalived.conf: its comment taken off, cut at braces, split into words.

Text here is what C sees, one character for each byte (see :func:`as_bytes`), so that lengths and positions are
keepalived's. It knows one line at a time and no keyword.

Source of the rules: decomment(), read_line(), alloc_strvec_r() and alloc_strvec_quoted_escaped() of keepalived
2.2.7's lib/parser.c.
"""

import re
from typing import NamedTuple

MAXBUF = 1024
"""The size of keepalived's line buffer: a line of this many bytes no longer fits in one piece."""

BLANK = " \t"
WHITE = " \t\f\n\r\v"

_SPECIAL = re.compile(r'[!#"\\]')
_WORD = re.compile(r'"([^"]*)"|[^ \t\f\n\r\v"]+')
_BARE = re.compile(r"[^ \t\f\n\r\v]+")
_BRACE = re.compile(r'[^{}"]*(?:"[^"]*"[^{}"]*)*([{}])')
_HEX = re.compile(r"[0-9A-Fa-f]+")
_OCTAL = re.compile(r"[0-7]{1,3}")
_STOP = {"": re.compile(r"""[ \t\f\n\r\v'"\\]"""), '"': re.compile(r'["\\]'), "'": re.compile(r"['\\]")}
_LETTERS = {"a": "\a", "b": "\b", "E": "\x1b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def as_bytes(text: str) -> str:
    """Answer *text* with one character, U+0000 to U+00FF, for each byte of its UTF-8 form."""
    return text if text.isascii() else text.encode("utf-8", "surrogateescape").decode("latin-1")


def as_text(data: str) -> str:
    """Undo :func:`as_bytes`; bytes that are no UTF-8 become lone surrogates."""
    return data if data.isascii() else data.encode("latin-1").decode("utf-8", "surrogateescape")


class Bare(NamedTuple):
    """A line without its comment and outer blanks."""

    text: str
    comment: bool
    """Whether it had a comment."""
    open_quote: bool
    """Whether a double quote is left open, by the rules that comments are found with."""


def decomment(line: str) -> Bare:
    r"""Take the comment off *line*, and the backslash off every ``\#`` and ``\!`` outside quotes.

    A backslash at the very end stays, even that of a comment; blanks before it do not.
    """
    line = line.lstrip(BLANK)
    if not _SPECIAL.search(line):
        return Bare(line.rstrip(BLANK), comment=False, open_quote=False)
    quoted = continued = False
    comment = -1
    at = 0
    while found := _SPECIAL.search(line, at):
        here = found.start()
        at = here + 1
        match found[0]:
            case '"':
                quoted ^= comment < 0
            case "\\" if at == len(line):
                continued = True
                line = line[:here]
            case "\\" if not quoted and line[at] in "#!":
                line = line[:here] + line[at:]
            case "\\":
                at += 1
            case _ if not quoted and comment < 0:
                comment = here
    text = (line if comment < 0 else line[:comment]).rstrip(BLANK)
    return Bare(text + "\\" * continued, comment >= 0, quoted)


def cut(line: str) -> tuple[str, str]:
    """Answer *line* up to its first brace outside quotes, and the rest; a brace in front is cut off alone."""
    if line[:1] in ("{", "}"):
        return line[0], line[1:].strip(BLANK)
    if ("{" in line or "}" in line) and (found := _BRACE.match(line)):
        brace = found.start(1)
        return line[:brace].rstrip(BLANK), line[brace:].rstrip(BLANK)
    return line.rstrip(BLANK), ""


class Words(NamedTuple):
    """The words of a line."""

    words: tuple[str, ...]
    whole: bool
    """False when a double quote is left open: that quote and what follows it is lost."""


def split(line: str) -> Words:
    """Split *line* as ordinary values are: double quotes keep words together, and nothing else does."""
    if '"' not in line:
        return Words(tuple(_BARE.findall(line)), whole=True)
    words: list[str] = []
    at = 0
    while at < len(line):
        if found := _WORD.match(line, at):
            words.append(found[0] if found[1] is None else found[1])
            at = found.end()
        elif line[at] == '"':
            return Words(tuple(words), whole=False)
        else:
            at += 1
    return Words(tuple(words), whole=True)


def split_escaped(line: str) -> tuple[str, ...] | None:
    r"""Split *line* as scripts and regular expressions are: quotes of both kinds, and escapes like ``\n``, ``\x41``.

    None when a quote is left open or a backslash ends it: keepalived has no words then.
    """
    words: list[str] = []
    at = 0
    while True:
        while at < len(line) and line[at] in WHITE:
            at += 1
        if at == len(line):
            return tuple(words)
        if (taken := _escaped_word(line, at)) is None:
            return None
        word, at = taken
        # C ends a word at a NUL that an escape made.
        words.append(word.partition("\0")[0])


def _escaped_word(line: str, at: int) -> tuple[str, int] | None:
    """Take the word that starts *at*; answer it and where it ends."""
    word: list[str] = []
    quote = ""
    while at < len(line):
        if not (found := _STOP[quote].search(line, at)):
            word.append(line[at:])
            return None if quote else ("".join(word), len(line))
        word.append(line[at : found.start()])
        at = found.start()
        match found[0]:
            case "\\":
                if at + 1 == len(line):
                    return None
                sign, at = _escape(line, at + 1)
                word.append(sign)
            case "'" | '"':
                quote = "" if quote else found[0]
                at += 1
            case _:
                break
    return "".join(word), at


def _escape(line: str, at: int) -> tuple[str, int]:
    """Read what follows a backslash: one byte, and where it ends."""
    sign = line[at]
    if sign == "x" and (digits := _HEX.match(line, at + 1)):
        return chr(int(digits[0], 16) & 0xFF), digits.end()
    if sign == "c" and at + 1 < len(line):
        return chr(ord(line[at + 1]) & 0x1F), at + 2
    if digits := _OCTAL.match(line, at):
        return chr(int(digits[0], 8) & 0xFF), digits.end()
    return _LETTERS.get(sign, sign), at + 1
