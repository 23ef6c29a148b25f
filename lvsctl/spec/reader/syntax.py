"""What libyaml complains about, in the words of somebody who edits a file.

libyaml stops at its first complaint, often a line after the slip; the positions here are where to look.
"""

import re
from collections.abc import Callable
from types import MappingProxyType

from yaml.error import MarkedYAMLError

from lvsctl.spec.reader.findings import Malformed
from lvsctl.spec.reader.lines import Lines

_TAB = "a tab stands where only spaces may indent: expected spaces"
_TAG = "text that begins with '!' needs quotes"
_NAME = "expected a name of letters, digits, '-' or '_' here (text that begins with '&' or '*' needs quotes)"
_ESCAPE = "expected an escape that YAML knows: in double quotes a backslash is '\\\\', in single quotes '\\'"
_DIRECTIVE = "expected one line '%YAML 1.1' or '%YAML 1.2', or none (text that begins with '%' needs quotes)"
_OPEN_QUOTE = "this quote is never closed: expected another one like it"
_PIPE = "after '|' or '>' may come '+', '-', a digit from 1 and a comment; the text begins on the next line"
_COLON_IN_FLOW = "a ':' before a bracket or comma: expected a space after it, or quotes around the value"
_NO_KEY = "a key is missing before this ':'"
_NO_COLON = "expected 'key: value' or 'key:' here, with a space after the ':' of a value"
_ITEM = "a '- ' cannot stand here: expected each item of a list on a line of its own (text that begins so needs quotes)"
_SECOND = "a second ':' in one line: a value with ': ' in it or ':' at its end needs quotes, and a block begins on the next line"
_NOT_BELOW = (
    "line {} has given its key a value, so no key can stand below it: is one of them indented wrongly?"
)
_QUESTION = "a '? ' cannot stand here (text that begins so needs quotes)"
_INDENTED = "this line is indented by {}, but the block it falls into by {}: expected the same as line {}"
_AFTER = "expected the end of the line after this value (quotes stand around all of a value or nowhere)"
_ENDED = "the spec has ended before this: expected nothing after it but comments"

_INDENT = re.compile(r" *")
_VALUE_AFTER_KEY = re.compile(r":[ \t]+\S")

_Judge = Callable[[str, int, int], Malformed]
"""From the text, the offset of the problem and the offset where its context starts, to what we say of it."""


def malformed(error: MarkedYAMLError, text: str) -> Malformed:
    """Turn libyaml's complaint about *text* into ours."""
    problem, context = error.problem or "", error.context or ""
    offset = error.problem_mark.index if error.problem_mark else len(text)
    start = error.context_mark.index if error.context_mark else offset
    judge = _BY_PROBLEM.get(problem) or _BY_CONTEXT.get(context) or _here(f"this is not YAML: {problem}")
    return judge(text, offset, start)


def _here(message: str) -> _Judge:
    return lambda _text, offset, _start: Malformed(offset, message)


def _from(message: str) -> _Judge:
    return lambda _text, _offset, start: Malformed(start, message)


def _ended(text: str, offset: int, _: int) -> Malformed:
    return Malformed(offset, _NO_KEY if text.startswith(":", offset) else _ENDED)


def _no_value(text: str, offset: int, _: int) -> Malformed:
    ended = not text[offset : offset + 1]
    return Malformed(
        offset, "the spec ends here, where a value is expected" if ended else "expected a value here"
    )


def _cannot_start(text: str, offset: int, _: int) -> Malformed:
    character = text[offset : offset + 1]
    return Malformed(
        offset, _TAB if character == "\t" else f"text that begins with '{character}' needs quotes"
    )


def _open(closing: str) -> _Judge:
    return lambda text, offset, start: Malformed(
        offset,
        f"expected ',' or '{closing}' here: the '{text[start]}' at {_where(text, start)} is still open",
    )


def _unexpected_colon(text: str, offset: int, _: int) -> Malformed:
    """Tell ``a: b: c`` from a key below a line that was not able to have one."""
    begin = _line_start(text, offset)
    if _VALUE_AFTER_KEY.search(text, begin, offset):
        return Malformed(offset, _SECOND)
    before = _line_start(text, len(text[:begin].rstrip()))
    if found := _VALUE_AFTER_KEY.search(text, before, begin):
        return Malformed(offset, _NOT_BELOW.format(Lines(text).position(found.start())[0]))
    return Malformed(_INDENT.match(text, before).end(), _NO_COLON)  # type: ignore[union-attr]  # it matches nothing, too


def _misplaced(expected: str) -> _Judge:
    """Say what is wrong with the line at the offset, which is no part of the block that begins at the start."""

    def judge(text: str, offset: int, start: int) -> Malformed:
        (line, block), (_, column) = Lines(text).position(start), Lines(text).position(offset)
        if text.startswith(":", offset):
            message = _NO_KEY
        elif text[_line_start(text, offset) : offset].strip(" -"):
            message = _AFTER
        elif column == block:
            message = f"expected {expected} here, as in the block around it, which begins at line {line}"
        else:
            message = _INDENTED.format(column - 1, block - 1, line)
        return Malformed(offset, message)

    return judge


def _line_start(text: str, offset: int) -> int:
    return max(text.rfind("\n", 0, offset), text.rfind("\r", 0, offset)) + 1


def _where(text: str, offset: int) -> str:
    line, column = Lines(text).position(offset)
    return f"line {line}, column {column}"


_BY_PROBLEM = MappingProxyType(
    {
        "could not find expected ':'": _from(_NO_COLON),
        "found unexpected end of stream": _from(_OPEN_QUOTE),
        "found unexpected document indicator": _from(_OPEN_QUOTE),
        "mapping values are not allowed in this context": _unexpected_colon,
        "mapping keys are not allowed in this context": _here(_QUESTION),
        "block sequence entries are not allowed in this context": _here(_ITEM),
        "found character that cannot start any token": _cannot_start,
        "found a tab character that violates indentation": _here(_TAB),
        "found a tab character where an indentation space is expected": _here(_TAB),
        "did not find expected ',' or ']'": _open("]"),
        "did not find expected ',' or '}'": _open("}"),
        "did not find expected key": _misplaced("'key: value'"),
        "did not find expected '-' indicator": _misplaced("'- '"),
        "did not find expected node content": _no_value,
        "did not find expected <document start>": _ended,
        "found unexpected ':'": _here(_COLON_IN_FLOW),
        "found undefined tag handle": _here(_TAG),
        "found incompatible YAML document": _here(_DIRECTIVE),
        "found duplicate %YAML directive": _here(_DIRECTIVE),
    }
)

_BY_CONTEXT = MappingProxyType(
    {
        "while scanning an anchor": _here(_NAME),
        "while scanning an alias": _here(_NAME),
        "while scanning a tag": _here(_TAG),
        "while parsing a tag": _here(_TAG),
        "while scanning a directive": _here(_DIRECTIVE),
        "while scanning a %YAML directive": _here(_DIRECTIVE),
        "while scanning a block scalar": _here(_PIPE),
        "while parsing a quoted scalar": _here(_ESCAPE),
    }
)
"""For the problems that are alike within what libyaml was doing."""
