"""Time and memory are bounded whatever is in the file: the work is, so no test here needs a clock."""

import pytest
import yaml

from lvsctl.errors import Unavailable
from lvsctl.spec.document import read
from lvsctl.spec.reader.characters import MAX_BYTES
from lvsctl.spec.reader.findings import ENOUGH
from lvsctl.spec.reader.tree import MAX_DEPTH, MAX_SIZE
from tests.support.misread import faults

MILLION = 10**6


@pytest.mark.parametrize("opening", ["[", "{", "- ", "? ", "[a, ", "{a: ", "[\n", "{? ", '{"a":', '{"a":['])
def test_deep_nesting_ends_in_a_fault(opening: str) -> None:
    (fault, *more) = faults(opening * (MILLION // len(opening)))
    assert fault.endswith(f"nested deeper than {MAX_DEPTH} levels")
    assert not more


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ("{a: ", "}"), ('{"a":', "}")])
def test_nesting_is_allowed_up_to_the_limit(opening: str, closing: str) -> None:
    inner = MAX_DEPTH - 1
    assert read(f"{{a: {opening * inner}{closing * inner}}}", file="lvs.yaml").data["a"]
    assert faults(f"{{a: {opening * (inner + 1)}{closing * (inner + 1)}}}")


def test_aliases_do_not_get_deeper_than_what_is_written() -> None:
    links = [f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 1000)]
    (fault,) = faults("\n".join(["a0: &a0 [x]", *links]))
    assert fault == f"{MAX_DEPTH}:12: nested deeper than {MAX_DEPTH} levels"


def laughs(levels: int, *, opening: str = "[", closing: str = "]") -> str:
    lines = ["a0: &a0 {x: y}"]
    for n in range(1, levels):
        inner = ", ".join(
            f"{key}*a{n - 1} " for key in ([f"k{i}: " for i in range(10)] if opening == "{" else [""] * 10)
        )
        lines.append(f"a{n}: &a{n} {opening}{inner}{closing}")
    return "\n".join(lines)


@pytest.mark.parametrize(("opening", "closing"), ["[]", "{}"])
def test_a_billion_laughs_end_in_a_fault(opening: str, closing: str) -> None:
    (fault,) = faults(laughs(12, opening=opening, closing=closing))
    assert f"more than {MAX_SIZE} values, counting aliases as what they stand for" in fault


def test_a_thousand_laughs_are_fine() -> None:
    assert read(laughs(4), file="lvs.yaml").data["a3"][9][9][9] == {"x": "y"}


def test_merging_the_same_keys_again_and_again_counts() -> None:
    keys = ", ".join(f"k{n}: v" for n in range(1000))
    (fault,) = faults(f"a: &a {{{keys}}}\nb: [{'{<<: *a}, ' * 1000}]")
    assert f"more than {MAX_SIZE} values" in fault


def test_more_values_than_anyone_needs_are_a_fault() -> None:
    (fault,) = faults("a: [" + "x," * (MAX_SIZE + 1) + "]")
    assert fault.startswith(f"1:{5 + 2 * (MAX_SIZE - 3)}: more than {MAX_SIZE} values")


@pytest.mark.parametrize("line", ["a: b\n", "- !t x\n", "- *x\n", "- {~: x}\n", "? [a]\n"])
def test_faults_end_when_there_are_enough(line: str) -> None:
    found = faults(line * 10_000)
    assert len(found) == ENOUGH + 1
    assert found[-1].endswith(f"{ENOUGH} faults are enough: what comes after this line was not looked at")


def test_tag_directives_are_refused_before_libyaml_compares_each_with_all() -> None:
    directives = "".join(f"%TAG !{n}! x\n" for n in range(60_000))
    assert faults(f"{directives}---\na: b") == ["1:1: %TAG is not supported: a spec has no tags"]
    assert faults(f"a: b\n...\n{directives}---\na: b") == ["3:1: %TAG is not supported: a spec has no tags"]


@pytest.mark.parametrize(
    "text",
    ["'" * MILLION, '"' + "\\n" * (MILLION // 2), "a " * (MILLION // 2), "&" + "a" * MILLION, "!<" + "a" * MILLION,
     "a" + "\n" * MILLION + "b", ":" * MILLION, "? : " * (MILLION // 4), "---\n" * (MILLION // 4), " " * MILLION + "{",
     "*" + "a" * MILLION, "|" * MILLION, "#" * MILLION, "\\" * MILLION, "%" * MILLION, "a:b\n" * (MILLION // 4) + "c: d",
     '{"a":"' + "n" * MILLION, '{"a":"' + "\\\\" * (MILLION // 2), '{"a":' + "1" * MILLION, "x" * MILLION + ": y",
     "a: >" + "\n  x" * (MILLION // 4), "a: |\n" + (" " * 1000 + "\n") * 1000 + "\tx"],
    ids=range(22),
)  # fmt: skip
def test_a_hostile_megabyte_ends_in_a_fault(text: str) -> None:
    assert faults(text)


def test_sixteen_mebibytes_are_the_limit_also_for_text_that_was_read_elsewhere() -> None:
    assert faults(b"#" * (MAX_BYTES + 1)) == [
        f" {MAX_BYTES + 1} bytes are too large for a spec: at most {MAX_BYTES} are read"
    ]


def test_without_libyaml_nothing_is_promised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml, "__with_libyaml__", False)
    with pytest.raises(Unavailable, match="built without libyaml"):
        read("a: b", file="lvs.yaml")
