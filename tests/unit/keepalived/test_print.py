"""Printed and read again, a tree is the same tree; what would not be is refused."""

from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvsctl.keepalived.config import Config, Statement, meaning
from lvsctl.keepalived.grammar import Form, Keyword, grammar_of
from lvsctl.keepalived.parse import Options, parse
from lvsctl.keepalived.parse_blocks import ONE_NAME
from lvsctl.keepalived.parse_scripts import joined
from lvsctl.keepalived.print import Unprintable, include, print_config, sources, unprintable, word
from lvsctl.keepalived.quote import Directive

EXAMPLE = (
    Statement(("net_namespace", "x"), None, "ns"),
    Statement(("instance", "y"), None, "in"),
    Statement(("global_defs",), (Statement(("router_id", "lb 1"), None, "id"),), "g"),
    Statement(
        ("vrrp_instance", "VI_1"),
        (Statement(("virtual_ipaddress",), (Statement(("10.0.0.1/24", "dev", "eth0"), None, "ip"),), "vip"),),
        "vi",
    ),
    Statement(("SSL",), (), "ssl"),
)


def test_a_file_is_pleasant_to_read() -> None:
    assert print_config(EXAMPLE, header=("made by lvsctl", "from lvs.yaml")) == dedent(
        """\
        # made by lvsctl
        # from lvs.yaml

        net_namespace x
        instance y

        global_defs {
            router_id "lb 1"
        }

        vrrp_instance VI_1 {
            virtual_ipaddress {
                10.0.0.1/24 dev eth0
            }
        }

        SSL {
        }
        """
    )


@pytest.mark.parametrize("header", [(), ("one", "two")])
def test_every_line_knows_what_it_came_from(header: tuple[str, ...]) -> None:
    lines = print_config(EXAMPLE, header=header).splitlines()
    found = dict(zip(lines, sources(EXAMPLE, header=header), strict=True))
    assert found['    router_id "lb 1"'] == "id"
    assert found["        10.0.0.1/24 dev eth0"] == "ip"
    assert found["net_namespace x"] == "ns"
    assert found[""] is None


def test_nothing_is_printed_as_nothing() -> None:
    assert print_config(()) == ""
    assert print_config((), header=("x",)) == "# x\n"


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("abc", "abc"),
        ("10.0.0.1/24", "10.0.0.1/24"),
        ("a@b.example", "a@b.example"),
        ("a b", '"a b"'),
        ("a#b", '"a#b"'),
        ("@x", '"@x"'),
        ("", '""'),
        ("pa$$w0rd", '"pa$$w0rd"'),
        ("$_PWDX", '"$_PWDX"'),
        ("a\\\\", '"a\\\\"'),
        ("\ta", '"\ta"'),
    ],
)
def test_a_word_is_bare_where_that_is_safe(text: str, printed: str) -> None:
    assert word(text) == printed


@pytest.mark.parametrize(
    "text",
    ['a"b', "a\nb", "a\rb", "a\0b", "\x1b[0m", "{", "}", "a\\", "\\\\\\", "$_PWD", "${_INSTANCE}", "x${_RANDOM 1 2}y",
     "$_HASH", "$_BANG,", "${_ENV HOME}", "\udcff"],
)  # fmt: skip
def test_a_word_that_would_not_come_back_is_refused(text: str) -> None:
    with pytest.raises(Unprintable) as refused:
        word(text)
    assert refused.value.value == text
    assert text not in str(refused.value) or text in "{}"


def line(*words: str) -> Config:
    return (Statement(("global_defs",), (Statement(words, None, "here"),)),)


@pytest.mark.parametrize(
    "first", ["include", "includer", "includem", "@x", "@^x", "~SEQ(a,1,2)", "$A=b", "#", "!"]
)
def test_no_word_becomes_a_directive(first: str) -> None:
    config = line(first, "/etc/passwd")
    parsed = parse(print_config(config), options=Options(config_id="x"))
    assert meaning(parsed.config) == meaning(config)
    assert parsed.comments == 0


def test_an_include_is_printed_only_when_it_is_meant() -> None:
    meant = include("/etc/lvsctl/vi1.conf", "secret")
    same_words = Statement(("include", "/etc/lvsctl/vi1.conf"))
    text = print_config((Statement(("global_defs",), (same_words, meant, same_words)),))
    assert text.splitlines()[1:4] == [
        '    "include" /etc/lvsctl/vi1.conf',
        "    include /etc/lvsctl/vi1.conf",
        '    "include" /etc/lvsctl/vi1.conf',
    ]
    assert Directive("include") != "include"
    assert Directive("include") == Directive("include")


@pytest.mark.parametrize("path", ["vi1.conf", "/a b", "/etc/*", "/{a,b}", "/a#b", "/a\nb", ""])
def test_an_include_names_one_file(path: str) -> None:
    with pytest.raises(Unprintable):
        include(path)


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        (line(), "needs a word"),
        (line("", "x"), "empty word cannot begin"),
        (line("router_id", "x" * 1010), "more than 1020 bytes"),
        (line("router_id", "ü" * 505), "more than 1020 bytes"),
        (line("router_id", *["x"] * 600), "more than 1020 bytes"),
        (line("notification_email", "a@b"), "without its block"),
        (line("notify_fifo_script", ""), "empty or leaves a quote open"),
        (line("notify_fifo_script", "a 'b"), "empty or leaves a quote open"),
        (line("notify_fifo_script", "a 'b\"'"), "odd number"),
        (line("notify_fifo_script", "a '\"{\"'"), "quotes and braces"),
        ((Statement(("net_namespace", "x"), (), "here"),), "opens none"),
        ((Statement(("nonsense",), (), "here"),), "opens none"),
        ((Statement(("static_routes",), (Statement(("a",), (), "here"),)),), "opens none"),
        ((Statement(("static_routes", "x"), (), "here"),), "passes over"),
    ],
)
def test_a_statement_that_would_not_come_back_is_refused(config: Config, reason: str) -> None:
    with pytest.raises(Unprintable) as refused:
        print_config(config)
    assert reason in refused.value.reason
    assert refused.value.source == "here"
    assert refused.value.exit_code == 65


@pytest.mark.parametrize("header", ["a\nb", "a\\", "x" * 1020, "\0"])
def test_a_header_stays_a_comment(header: str) -> None:
    with pytest.raises(Unprintable):
        print_config((), header=(header,))


def test_everything_that_is_refused_is_told_at_once() -> None:
    body = tuple(Statement(("router_id", value), None, value) for value in ("{", "fine", 'a"b', "}"))
    config = (Statement(("global_defs",), body),)
    with pytest.raises(Unprintable) as refused:
        print_config(config)
    assert [each.source for each in refused.value.all] == ["{", 'a"b', "}"]
    assert len(unprintable(config, grammar_of((2, 2, 7)))) == 3


def test_one_statement_in_two_places_is_written_for_each() -> None:
    group = Statement(("track_interface",), (Statement(("eth0",)),))
    config = (Statement(("vrrp_instance", "A"), (group,)), Statement(("SSL",), (group,)))
    with pytest.raises(Unprintable, match="opens none"):
        print_config(config)


# Trees of expressible words, by the grammar


def _printable(text: str) -> bool:
    try:
        word(text)
    except Unprintable:
        return False
    return True


WORDS = st.one_of(
    st.text(st.sampled_from("abc019._-/ #!{}'\\$@~=,()ü\t"), max_size=8),
    st.text(max_size=6),
    st.sampled_from(["include", "@x", "$A=b", "$A", "~SEQ(a,1,2) x", "#x", "${A}", "a\\#b"]),
).filter(_printable)
FIRST = WORDS.filter(bool)
COMMANDS = st.lists(WORDS.filter(lambda text: not set(text) & set("'\\")), min_size=1, max_size=3).map(joined)
ROOT = grammar_of((2, 2, 7))


@st.composite
def bodies(draw: st.DrawFn, block: Keyword) -> tuple[Statement, ...]:
    """Draw statements that may stand in *block*, without what keepalived skips as a repetition."""
    found: list[Statement] = []
    for keyword in draw(st.lists(st.sampled_from(list(block.keywords.values())), max_size=4)):
        statement = draw(statements(keyword))
        first = statement.words[: 1 + (keyword.name in {*ONE_NAME, "bfd_instance"})]
        once = keyword.name == "group" or len(first) > 1
        if not once or first not in {other.words[: len(first)] for other in found}:
            found.append(statement)
    unknown = draw(st.lists(FIRST.filter(lambda text: text not in block.keywords), max_size=1))
    return (*found, *(Statement((text,)) for text in unknown))


@st.composite
def statements(draw: st.DrawFn, keyword: Keyword) -> Statement:
    match keyword.form:
        case Form.BLOCK:
            names = draw(st.lists(WORDS, min_size=keyword.named, max_size=2 * keyword.named))
            if keyword.name in ONE_NAME:
                names = names[:1]
            return Statement((keyword.name, *names), draw(bodies(keyword)))
        case Form.ITEMS:
            names = draw(st.lists(WORDS, min_size=keyword.named, max_size=keyword.named))
            items = draw(st.lists(st.tuples(FIRST, WORDS) | st.tuples(FIRST), max_size=3))
            return Statement((keyword.name, *names), tuple(map(Statement, items)))
        case Form.LINE if keyword.script:
            return Statement((keyword.name, draw(COMMANDS), *draw(st.lists(WORDS, max_size=2))))
        case Form.LINE if keyword.escaped:
            return Statement((keyword.name, draw(WORDS)))
        case Form.LINE:
            return Statement((keyword.name, *draw(st.lists(WORDS, max_size=3))))


@given(bodies(ROOT))
def test_a_tree_that_can_be_printed_is_read_back(config: Config) -> None:
    parsed = parse(print_config(config, header=("x",)), options=Options(config_id="x"))
    assert meaning(parsed.config) == meaning(config)
    assert len(sources(config)) == print_config(config).count("\n")


@given(st.text(st.sampled_from("ab {}\"'\\#!@$~=\n;"), max_size=60))
def test_what_was_read_is_read_again_or_refused(text: str) -> None:
    config = parse(text).config
    try:
        printed = print_config(config)
    except Unprintable:
        return
    assert meaning(parse(printed).config) == meaning(config)
