import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvsctl.keepalived.config import Statement, meaning
from lvsctl.keepalived.extra import check_extra, read_extra
from lvsctl.keepalived.parse import parse
from lvsctl.keepalived.print import print_config

INSTANCE = ("vrrp_instance",)
NOW = (2, 2, 7)


def test_lines_become_statements_of_the_block() -> None:
    lines = ["accept", "authentication {", "  auth_type PASS # why", "}", "", "track_interface { eth0 }"]
    assert read_extra(lines, INSTANCE, NOW, ("x", "extra")).statements == (
        Statement(("accept",), None, ("x", "extra", 0)),
        Statement(
            ("authentication",),
            (Statement(("auth_type", "PASS"), None, ("x", "extra", 2)),),
            ("x", "extra", 1),
        ),
        Statement(("track_interface",), (Statement(("eth0",), None, ("x", "extra", 5)),), ("x", "extra", 5)),
    )


@pytest.mark.parametrize(
    ("lines", "line", "message"),
    [
        (["accept", "}"], 1, "a '}' too many"),
        (["} vrrp_instance B {"], 0, "a '}' too many"),
        (["authentication {"], 0, "never closed"),
        (["virtual_ipaddress", "10.0.0.1"], 1, "has no '{'"),
        (["accept { debug }"], 0, "opens no block"),
        (["include /etc/passwd"], 0, "an include cannot stand here"),
        (["includer /etc/passwd"], 0, "an include cannot stand here"),
        (["authentication { include /etc/passwd", "}"], 0, "an include cannot stand here"),
        (["$A=b"], 0, "a definition"),
        (["@me accept"], 0, "a condition"),
        (["@^me accept"], 0, "a condition"),
        (["~SEQ(a,1,2) accept"], 0, "a sequence"),
        (["~LST(a,1,2) accept"], 0, "a sequence"),
        (["virtual_ipaddress { @me 10.0.0.1", "}"], 0, "a condition"),
        (["accept\ndebug 1"], 0, "line ends"),
        (["accept\0"], 0, "control characters"),
        (['debug "1'], 0, "left open"),
        (["debug $_PWD"], 0, "its own value"),
        (['debug "{"'], 0, "a brace alone in quotes"),
        (["prioritty 3"], 0, "did you mean priority?"),
        (["auth_hmac { key a", "}"], 0, "came with keepalived 2.4.0, and target_version is 2.2.7"),
        (["debug " + "x" * 1020], 0, "more than 1020 bytes"),
        (["global_defs {", "}"], 0, "no keyword of vrrp_instance"),
    ],
)
def test_a_line_that_would_do_anything_else_is_refused(lines: list[str], line: int, message: str) -> None:
    problems = check_extra(lines, INSTANCE, NOW)
    assert any(problem.line == line and message in problem.message for problem in problems), problems
    assert read_extra(lines, INSTANCE, NOW).statements == ()


def test_a_newer_keyword_is_taken_for_a_newer_target() -> None:
    assert not check_extra(["auth_hmac { key a", "}", "no_virtual_ipaddress"], INSTANCE, (2, 4, 0))


def test_the_files_own_level_takes_lines_too() -> None:
    assert not check_extra(["SSL {", "ca /x", "}", "net_namespace x"], (), NOW)


def test_what_is_no_block_takes_no_lines() -> None:
    assert check_extra(["x"], ("vrrp_instance", "priority"), NOW)
    assert check_extra(["x"], ("nonsense",), NOW)


FRAGMENTS = st.text(st.sampled_from("ab {}\"'\\#!@$~=\n\tinclude priority"), max_size=30)


@given(
    st.lists(
        st.one_of(FRAGMENTS, st.sampled_from(["accept", "priority 3", "authentication {", "}"])), max_size=4
    )
)
def test_whatever_is_taken_stays_in_its_block(lines: list[str]) -> None:
    extra = read_extra(lines, INSTANCE, NOW)
    before = Statement(("state", "BACKUP"))
    after = Statement(("virtual_router_id", "7"))
    config = (Statement(("vrrp_instance", "A"), (before, *extra.statements, after)), Statement(("SSL",), ()))
    parsed = parse(print_config(config))
    assert meaning(parsed.config) == meaning(config)
