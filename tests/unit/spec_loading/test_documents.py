"""One mapping per file, in the characters that people can see."""

import pytest

from lvsctl.spec.document import read
from lvsctl.spec.reader.characters import unusual
from tests.support.misread import composed, faults


@pytest.mark.parametrize(
    "text",
    [
        "a: b",
        "---\na: b",
        "a: b\n...\n",
        "--- # x\na: b\n...\n# y\n",
        "%YAML 1.1\n---\na: b",
        "%YAML 1.2\n---\na: b",
    ],
)
def test_one_document_may_be_marked_as_such(text: str) -> None:
    assert read(text, file="lvs.yaml").data == {"a": "b"}


@pytest.mark.parametrize("text", ["a: b\n---\nc: d\n", "a: b\n...\n---\nc: d\n"])
def test_a_second_document_is_a_fault_where_it_begins(text: str) -> None:
    line = text.splitlines().index("---", 1) + 1
    assert faults(text) == [f"{line}:1: a second document begins here: expected one per file"]


@pytest.mark.parametrize(
    "text", ["", " \n\n", "# nothing\n", "---\n", "---\n...\n", "~", "%YAML 1.1\n---\n", "\ufeff"]
)
def test_an_empty_file_is_a_fault(text: str) -> None:
    (fault,) = faults(text)
    assert "there is nothing in it: expected a mapping" in fault


@pytest.mark.parametrize(
    ("text", "found"),
    [("- a\n- b", "a list"), ("[a]", "a list"), ("\n hello", "the text 'hello'"), ("''", "the text ''")],
)
def test_the_top_must_be_a_mapping(text: str, found: str) -> None:
    (fault,) = faults(text)
    assert fault.endswith(f"expected 'key: value' lines at the top, not {found}")


@pytest.mark.parametrize("text", [b"\xef\xbb\xbfa: b", "\ufeffa: b", b'\xef\xbb\xbf{"a": "b"}'])
def test_a_byte_order_mark_is_no_part_of_the_text(text: str | bytes) -> None:
    document = read(text, file="lvs.yaml")
    assert document.data == {"a": "b"}
    assert not document.text.startswith("\ufeff")
    assert document.place(["a"], key=True).line == 1


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
def test_wide_encodings_are_named(encoding: str) -> None:
    assert faults("a: b\n".encode(encoding)) == [
        " this is UTF-16, UTF-32 or no text at all: save it as UTF-8"
    ]


def test_a_byte_that_is_not_utf8_is_a_fault_where_it_stands() -> None:
    assert faults("ä: b\r\nc: d".encode() + b"\xe9\nf: \xff\xfe\n") == [
        "2:5: byte 0xE9 is not UTF-8: save the file as UTF-8",
        "3:4: byte 0xFF is not UTF-8: save the file as UTF-8",
    ]


@pytest.mark.parametrize(
    "character", ["\0", "\x07", "\x1b", "\x7f", "\x85", "\x9b", "\u2028", "\u202e", "\u2066", "\ud800"]
)
@pytest.mark.parametrize("text", ["a: b{}c", "# {}", "a: '{}'", '{{"a": "{}"}}', "a: b\n{}"])
def test_a_character_that_cannot_be_seen_is_a_fault(character: str, text: str) -> None:
    (fault,) = faults(text.format(character))
    line, column = (2, 1) if "\n" in text else (1, text.format(character).index(character) + 1)
    assert fault.startswith(f"{line}:{column}: the character U+{ord(character):04X} must not stand in a spec")


@pytest.mark.parametrize("escape", [r"\0", r"\e", r"\x07", r"\N", r"\L", r"\u202e", r"\x7f"])
def test_an_escape_does_not_smuggle_such_a_character_in(escape: str) -> None:
    (fault,) = faults(f'a: [x, "y{escape}"]')
    assert fault.startswith("1:8: a[1]: the character U+")


def test_line_breaks_tabs_and_every_script_are_allowed_in_text() -> None:
    text = 'a: "\\t\\n\\r"\nb: "😀 日本 é ẞ עברית"\n'
    assert read(text, file="lvs.yaml").data == {"a": "\t\n\r", "b": "😀 日本 é ẞ עברית"}


def test_what_we_let_through_libyaml_lets_through() -> None:
    allowed = [
        c for code in (*range(0x20, 0x11000), *range(0x11000, 0x110000, 97)) if not unusual(c := chr(code))
    ]
    text = "'" + "".join(c for c in allowed if c != "'") + "'"
    assert composed(text) == text[1:-1]


def test_a_binary_file_does_not_get_a_fault_per_byte() -> None:
    assert len(faults(b"a: b\n" + bytes(range(256)) * 100)) < 20


def test_messages_never_carry_what_a_terminal_would_obey() -> None:
    for fault in (*faults('"\\e[31m": !x 1\n"a\\nb": 1\n"a\\nb": 2'), *faults('"\\e]0;x\\a"')):
        assert fault.isprintable()


def test_messages_stay_short() -> None:
    for fault in faults(f"{'k' * 900}: {{{'v' * 900}: 1, {'v' * 900}: 2}}\n!{'t' * 900} x: y"):
        assert len(fault) < 300
