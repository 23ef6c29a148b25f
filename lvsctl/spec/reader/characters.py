"""From bytes to text: UTF-8 only, and only characters that can be seen or that end a line."""

import codecs
import re
from itertools import islice

from lvsctl.errors import Fault, Place, SpecInvalid
from lvsctl.spec.reader.findings import Findings
from lvsctl.spec.reader.lines import Lines

MAX_BYTES = 16 * 1024 * 1024
"""The largest file that is read; 1,000 virtual servers with 10 real servers each are below 1 MB."""

_ENOUGH = 10
"""Bad characters that are listed: with more of them it is no text, or the wrong encoding throughout."""

_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)

_UNUSUAL = re.compile(
    "[\udc80-\udcff]+"  # bytes that are not UTF-8, by "surrogateescape"
    "|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"  # control characters; U+0085 also ends a line in YAML only
    "\u2028\u2029"  # these two as well
    "\u202a-\u202e\u2066-\u2069"  # they make text look different from what it says
    "\ud800-\udfff\ufeff\ufffe\uffff]"
)


def decoded(raw: bytes | str, file: str) -> tuple[str, Lines]:
    """Answer *raw* as text without a byte order mark; raises SpecInvalid with the place of each bad character."""
    if len(raw) > MAX_BYTES:
        raise SpecInvalid([Fault(Place(file), "", too_large(len(raw)))])
    if isinstance(raw, bytes) and (raw.startswith(_WIDE) or b"\0" in raw[:4]):
        raise SpecInvalid(
            [Fault(Place(file), "", "this is UTF-16, UTF-32 or no text at all: save it as UTF-8")]
        )
    text = raw if isinstance(raw, str) else raw.decode("utf-8", "surrogateescape")
    text = text.removeprefix("\ufeff")
    lines = Lines(text)
    findings = Findings(file, lines)
    for found in islice(_UNUSUAL.finditer(text), _ENOUGH + 1):
        findings.add(found.start(), unusual(found[0]))
    findings.stop_if_any()
    return text, lines


def too_large(size: int) -> str:
    """Say that *size* bytes are too many."""
    return f"{size} bytes are too large for a spec: at most {MAX_BYTES} are read"


def unusual(text: str) -> str:
    """Say what is wrong with the first character in *text* that a spec must not contain; empty if there is none."""
    if not (found := _UNUSUAL.search(text)):
        return ""
    character = found[0][0]
    if "\udc80" <= character <= "\udcff":
        byte = character.encode("utf-8", "surrogateescape")
        return f"byte 0x{byte.hex().upper()} is not UTF-8: save the file as UTF-8"
    return f"the character U+{ord(character):04X} must not stand in a spec: {_why(character)}"


def _why(character: str) -> str:
    if character == "\ufeff":
        return "a byte order mark belongs at the very beginning"
    if character in "\x85\u2028\u2029":
        return "it ends a line for YAML, but not for an editor"
    if "\u202a" <= character <= "\u2069":
        return "it makes text look different from what it says"
    return "it cannot be seen"
