"""What libyaml complains about, in the words of somebody who edits a file.

libyaml stops at its first complaint, often a line after the slip; the positions here are where to look.
"""

from types import MappingProxyType

from yaml.error import MarkedYAMLError

from lvsctl.spec.reader.findings import Malformed
from lvsctl.spec.reader.lines import Lines

_TAB = "a tab stands where only spaces may indent: expected spaces"
_TAG = "text that begins with '!' needs quotes"
_NAME = "expected a name of letters, digits, '-' or '_' here (text that begins with '&' or '*' needs quotes)"
_ESCAPE = "expected an escape that YAML knows: in double quotes a backslash is written '\\\\', in single quotes as it is"
_DIRECTIVE = "expected a line '%YAML 1.1' or '%YAML 1.2', or none (text that begins with '%' needs quotes)"
_OPEN_QUOTE = "this quote is never closed: expected another one like it"
_AFTER_PIPE = (
    "after '|' or '>' may come '+', '-', a digit from 1 and a comment; the text begins on the next line"
)

_AT_PROBLEM = MappingProxyType(
    {
        "found a tab character that violates indentation": _TAB,
        "found a tab character where an indentation space is expected": _TAB,
        "mapping values are not allowed in this context": "a ':' cannot stand here: expected one 'key: value' to a line, "
        "in line with the other keys (a value with ': ' in it needs quotes)",
        "mapping keys are not allowed in this context": "'? ' cannot stand here (text that begins so needs quotes)",
        "block sequence entries are not allowed in this context": "a '- ' cannot stand here: expected each item of a list "
        "on a line of its own, in line with the others (text that begins so needs quotes)",
        "did not find expected node content": "expected a value here",
        "found unexpected ':'": "this value needs quotes, because it contains ':' between brackets",
        "found unknown escape character": _ESCAPE,
        "did not find expected hexdecimal number": _ESCAPE,
        "found invalid Unicode character escape code": _ESCAPE,
        "did not find expected alphabetic or numeric character": _NAME,
        "found undefined tag handle": _TAG,
        "found an indentation indicator equal to 0": _AFTER_PIPE,
        "found incompatible YAML document": _DIRECTIVE,
        "found duplicate %YAML directive": "'%YAML' is written twice: expected it once or not at all",
        "did not find expected <document start>": "the spec has ended before this: expected nothing after it "
        "(only '...', or comments)",
    }
)
"""What libyaml calls the problem: what to say at the place it names."""

_BY_CONTEXT = MappingProxyType(
    {
        "while scanning a tag": _TAG,
        "while parsing a tag": _TAG,
        "while scanning a directive": _DIRECTIVE,
        "while scanning a %YAML directive": _DIRECTIVE,
        "while scanning a block scalar": _AFTER_PIPE,
    }
)
"""For the problems that are alike within what libyaml was doing."""


def malformed(error: MarkedYAMLError, text: str) -> Malformed:
    """Turn libyaml's complaint about *text* into ours."""
    problem, context = error.problem or "", error.context or ""
    offset = error.problem_mark.index if error.problem_mark else len(text)
    start = error.context_mark.index if error.context_mark else offset
    if problem == "could not find expected ':'":
        return Malformed(
            start, "expected ':' after this key, or quotes around the whole if it is not meant as one"
        )
    if problem in {"found unexpected end of stream", "found unexpected document indicator"}:
        return Malformed(start, _OPEN_QUOTE)
    if problem == "found character that cannot start any token":
        return Malformed(offset, _cannot_start(text[offset : offset + 1]))
    if problem in {"did not find expected ',' or ']'", "did not find expected ',' or '}'"}:
        expected = problem.removeprefix("did not find ")
        return Malformed(offset, f"{expected} here: {_where(text, start)} begins what is not closed")
    if problem in {"did not find expected key", "did not find expected '-' indicator"}:
        return Malformed(offset, _misplaced(text, offset, start))
    message = _AT_PROBLEM.get(problem) or _BY_CONTEXT.get(context) or f"this is not YAML: {problem}"
    return Malformed(offset, message)


def _cannot_start(character: str) -> str:
    return _TAB if character == "\t" else f"text that begins with '{character}' needs quotes"


def _misplaced(text: str, offset: int, start: int) -> str:
    line = text[text.rfind("\n", 0, offset) + 1 : offset]
    if line.strip():
        return "expected the end of the line after this value (a value of several words has quotes around all or none)"
    return f"expected this line to be indented like those it belongs to: the block around it begins at {_where(text, start)}"


def _where(text: str, offset: int) -> str:
    line, column = Lines(text).position(offset)
    return f"line {line}, column {column}"
