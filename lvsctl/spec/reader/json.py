"""JSON's side of reading (RFC 8259): YAML knows no surrogate pairs and limits what may stand before a colon.

Numbers, true and false stay the text that was typed, null is None, as in YAML. Works without recursion.
"""

import json
import re
from types import MappingProxyType

from lvsctl.spec.reader.characters import unusual
from lvsctl.spec.reader.findings import Malformed
from lvsctl.spec.reader.tree import Tree

_TOKEN = re.compile(
    r"""(?P<mark>[{}\[\],:])
    |(?P<string>"[^"\\\t\r\n]*+(?:\\.[^"\\\t\r\n]*+)*+")
    |(?P<word>(?:-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null)(?![\w.+-]))
    |(?P<end>\Z)""",
    re.VERBOSE | re.ASCII,
)
_BLANK = re.compile(r"[ \t\r\n]*")

_OPEN_QUOTE = "expected the text that begins here to end with another double quote on this line"

_VALUE, _ITEM, _FIRST_KEY, _KEY, _COLON, _IN_LIST, _IN_MAPPING, _END = (
    "a value",
    "a value or ']'",
    "a key in double quotes or '}'",
    "a key in double quotes",
    "':'",
    "',' or ']'",
    "',' or '}'",
    "nothing after the last '}'",
)
"""What may come next, in the words of the message when something else does."""

_ALLOWED = MappingProxyType(
    {
        _VALUE: frozenset({"{", "[", "string", "word"}),
        _ITEM: frozenset({"{", "[", "string", "word", "]"}),
        _FIRST_KEY: frozenset({"string", "}"}),
        _KEY: frozenset({"string"}),
        _COLON: frozenset({":"}),
        _IN_LIST: frozenset({",", "]"}),
        _IN_MAPPING: frozenset({",", "}"}),
        _END: frozenset({"end"}),
    }
)


def parse(text: str, tree: Tree) -> None:
    """Feed *text* to *tree*; raises Malformed where *text* stops being JSON."""
    expected, around, offset, kind = _VALUE, [_END], 0, ""
    while kind != "end":
        start = _BLANK.match(text, offset).end()  # type: ignore[union-attr]  # it matches nothing, too
        found = _TOKEN.match(text, start)
        kind = (found["mark"] or found.lastgroup or "") if found else ""
        if not found or kind not in _ALLOWED[expected]:
            raise Malformed(
                start, _OPEN_QUOTE if text.startswith('"', start) and not found else f"expected {expected}"
            )
        offset = found.end()
        match kind:
            case "{":
                tree.open_mapping(start)
                around.append(_IN_MAPPING)
                expected = _FIRST_KEY
            case "[":
                tree.open_list(start)
                around.append(_IN_LIST)
                expected = _ITEM
            case "}" | "]":
                tree.close()
                around.pop()
                expected = around[-1]
            case ",":
                expected = _KEY if around[-1] is _IN_MAPPING else _VALUE
            case ":":
                expected = _VALUE
            case "string" | "word":
                _scalar(found[0], start, tree)
                expected = _COLON if expected in {_KEY, _FIRST_KEY} else around[-1]


def _scalar(word: str, offset: int, tree: Tree) -> None:
    if not word.startswith('"'):
        tree.scalar(None if word == "null" else word, offset)
    elif "\\" not in word:
        tree.scalar(word[1:-1], offset)
    else:
        _escaped(word, offset, tree)


def _escaped(word: str, offset: int, tree: Tree) -> None:
    try:
        value = json.loads(word)
    except json.JSONDecodeError as error:
        raise Malformed(
            offset + error.pos, "expected an escape that JSON knows, such as \\n or \\u00e9"
        ) from error
    if found := unusual(value):
        tree.fault(offset, found)
    tree.scalar(value, offset)
