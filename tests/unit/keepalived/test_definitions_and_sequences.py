import pytest

from lvsctl.keepalived import parse_sequences as sequences
from lvsctl.keepalived.parse_definitions import ENDLESS, TOO_LONG, Definitions, Expansion, replace


@pytest.fixture
def definitions() -> Definitions:
    return Definitions("lb1", lambda: "/etc/keepalived")


def replaced(line: str, definitions: Definitions) -> str:
    return replace(line, definitions, Expansion(), 0).line


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("a $X b", "a val b"),
        ("a ${X}b", "a valb"),
        ("$X,$X)", "val,val)"),
        ("$X.b", "$X.b"),
        ("$Xb", "$Xb"),
        ("$Y ${Y}", "$Y ${Y}"),
        ("pa$$w0rd$x$", "pa$$w0rd$x$"),
        ('"${X}" "$X"', '"val" "$X"'),
        ("$_INSTANCE ${_PWD}/x", "lb1 /etc/keepalived/x"),
        ("${_HASH}${_BANG}", "#!"),
        ("${_RANDOM 5 9}", "5"),
        ("${_RANDOM}", "0"),
        ("${X 5}", "${X 5}"),
        ("${_RANDOM 5 }", "${_RANDOM 5 }"),
    ],
)
def test_a_name_gives_way_to_its_value(line: str, expected: str, definitions: Definitions) -> None:
    assert definitions.define("$X=val")
    assert replaced(line, definitions) == expected


def test_a_value_is_put_in_place_anew_at_each_use(definitions: Definitions) -> None:
    definitions.define("$A=x $B")
    definitions.define("$B=1")
    assert replaced("$A", definitions) == "x 1"
    definitions.define("$B=2")
    assert replaced("$A", definitions) == "x 2"


def test_a_standard_definition_can_be_overridden(definitions: Definitions) -> None:
    definitions.define("$_PWD=/here")
    assert replaced("$_PWD", definitions) == "/here"


@pytest.mark.parametrize("line", ["$X =1", "$1=2", "X=1", "$=1", "$X"])
def test_not_everything_with_a_dollar_is_a_definition(line: str, definitions: Definitions) -> None:
    assert definitions.define(line) is None


def test_lines_of_a_definition_come_one_after_the_other(definitions: Definitions) -> None:
    definition = definitions.define("$M= one \\")
    assert definition
    assert definition.multiline
    assert definition.add("two \\")
    assert definition.add("\\")
    assert not definition.add("three")
    expansion = Expansion()
    assert replace("a $M", definitions, expansion, 0).line == "a one"
    assert [expansion.take(), expansion.take(), bool(expansion)] == ["two", "three", False]


def test_several_lines_only_stand_at_the_end_of_a_line(definitions: Definitions) -> None:
    definition = definitions.define("$M= one \\")
    assert definition
    definition.add("two")
    assert replaced("$M a", definitions) == "$M a"


@pytest.mark.parametrize("line", ["$A", "x $A y"])
def test_a_circle_is_noticed(line: str, definitions: Definitions) -> None:
    definitions.define("$A=$B")
    definitions.define("$B=$A")
    assert replace(line, definitions, Expansion(), 0).problem == ENDLESS


def test_a_line_that_grows_too_long_is_left_half_way(definitions: Definitions) -> None:
    definitions.define("$A=$A x")
    assert replace("$A", definitions, Expansion(), 0).problem == TOO_LONG


def counted(line: str) -> list[str] | None:
    bounds = sequences.bounds_of(line)
    sequence = sequences.numbers(bounds) if bounds else None
    if sequence is None:
        return None
    return [value for _ in iter(lambda: bool(sequence), False) for _, value in sequence.take()]


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("~SEQ(v, 1, 3) t", ["1", "2", "3"]),
        ("~SEQ(v,3)", ["1", "2", "3"]),
        ("~SEQ(v, -2)", ["-1", "-2"]),
        ("~SEQ(v,0)", ["1", "0"]),
        ("~SEQ(v, 9, -4, 0)", ["9", "5", "1"]),
        ("~SEQ(v,5,5)", ["5"]),
        ("~SEQx(v,0xa,0x0c)", ["a", "b", "c"]),
        ("~SEQ(v,010,011)", ["8", "9"]),
        ("~SEQ (v , 1,2)", ["1", "2"]),
        ("~SEQ(v,1,-1,5)", None),
        ("~SEQ(v,1,0,5)", None),
        ("~SEQx(v,-1,2)", None),
        ("~SEQ(v)", None),
        ("~SEQ(v 1 2", None),
        ("~SEQ(v,1,2,3,4)", None),
        ("~SEQ(,1)", None),
        ("~SEQ(v,1a)", None),
        ("~SEQ(v,1" + "0" * 70 + ")", None),
    ],
)
def test_a_sequence_counts_as_keepalived_counts(line: str, values: list[str] | None) -> None:
    assert counted(line) == values


def test_a_sequence_of_any_length_costs_nothing_until_it_is_used() -> None:
    bounds = sequences.bounds_of("~SEQ(v, 1, 9223372036854775807) x")
    assert bounds
    sequence = sequences.numbers(bounds)
    assert sequence
    assert sequence.take() == (("v", "1"),)


@pytest.mark.parametrize(
    ("line", "rounds"),
    [
        ("~LST(a, 1, 2) t", [{"a": "1"}, {"a": "2"}]),
        ("~LST({a,b}, {1, 2}, {3}, 4)t", [{"a": "1", "b": "2"}, {"a": "3", "b": ""}, {"a": "4", "b": ""}]),
        ("~LST(a,)t", [{"a": ""}]),
        ("~LST({a}, {1,2})t", None),
        ("~LST(a)t", None),
        ("~LST(a, {1)t", None),
        ("~LST a", None),
        ("~LST({a,b", None),
    ],
)
def test_a_list_has_the_rounds_that_keepalived_sees(line: str, rounds: list[dict[str, str]] | None) -> None:
    sequence = sequences.values(line)
    if sequence is None:
        assert rounds is None
        return
    assert sequence.text == "t"
    assert [dict(sequence.take()) for _ in iter(lambda: bool(sequence), False)] == rounds
