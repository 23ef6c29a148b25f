"""The real keepalived 2.2.7 is the judge of how a text is read, and of what a quoted word is."""

import re
from pathlib import Path

import pytest

from lvsctl.keepalived.config import Statement
from lvsctl.keepalived.include import from_disk
from lvsctl.keepalived.print import Unprintable, print_config
from lvsctl.keepalived.quote import word
from tests.support import fragments
from tests.support.reading import Remark, heard, ours, require_keepalived
from tests.support.shared import CORPUS, needs_shared, text_of

pytestmark = pytest.mark.keepalived

NODE = "me"


@pytest.fixture(autouse=True)
def keepalived() -> None:
    require_keepalived()


@pytest.mark.parametrize("first", range(0, 60, 20))
def test_whatever_the_text_keepalived_and_we_see_the_same_words_and_braces(
    first: int, tmp_path: Path
) -> None:
    compared = 0
    for seed in range(first, first + 20):
        text = fragments.text(seed)
        said = heard(text, tmp_path, NODE)
        if said.finished:
            compared += 1
            assert ours(text, tmp_path, NODE) == said.remarks, f"seed {seed}\n{text}"
    assert compared >= 15


CASES = {
    "a brace that opens nothing closes the block around it": "vrrp_instance A {\n nonsense {\n x\n }\n state MASTER\n}\n",
    "mail addresses without a brace": "global_defs {\n notification_email a@b\n router_id x\n}\nvrrp_instance A {\n b1\n}\n",
    "a block that is not closed hides others": "vrrp_script S {\n script /x\n\nvrrp_instance V {\n b1\n}\nvirtual_server 10.0.0.1 80 {\n b2\n}\n",
    "a second group": "vrrp_sync_group G {\n group {\n  a\n }\n group {\n  b\n }\n smtp_alert\n}\n",
    "an escaped comment sign is lost the second time": "a\\#b c\nd\\!e f\n",
    "a comment inside a definition ends it only for the children": "$A=x1 \\\n# c\nx2 \\\nx3\n\n$A\n",
    "carriage returns": "a b\r\nvrrp_instance A {\r\n x1\r\n}\r\n",
    "a byte order mark": "\ufeffglobal_defs {\n router_id x\n}\n",
    "a definition that grows too long": "$A=" + "x" * 500 + "\n$B=$A $A $A\nfoo $B\n",
    "parameters of a standard definition": "a${_RANDOM 7 7}b c\nd ${_RANDOM 7 7}\n${_PWD }\n",
    "a name after which something else comes": "$A=b\nx$A.c $A, ($A) $A\n",
    "definitions in definitions": "$A=$B\n$B=c\n$A d\n$B=e\n$A d\n",
    "sequences of all kinds": "~SEQ(a,-2) m$a\n~SEQ(a,3,-2,-3) n$a\n~SEQx(a,0xa,12) h$a\n~SEQ(a,1,2) ~SEQ(b,1,2) p$a$b\n",
    "lists of all kinds": "~LST({a,b},{1,2},{3}) l$a $b\n~LST(a,1,2) k$a\n~LST({a},{1,2}) j$a\n",
    "sequences inside definitions of several lines": "$M= \\\n~SEQ(i,1,2) q$i \\\nr$i\n\n$M\n",
    "one-line blocks": "vrrp_instance A { state MASTER\n track_interface { eth0 } }\n virtual_server_group G { 10.0.0.1 80 }\nx\n",
    "braces touching words": "vrrp_instance A{\nbogus}\nbogus2{}}\n",
}


@pytest.mark.parametrize("text", CASES.values(), ids=CASES.keys())
def test_keepalived_agrees_about(text: str, tmp_path: Path) -> None:
    said = heard(text, tmp_path, NODE)
    assert said.finished
    assert ours(text, tmp_path, NODE) == said.remarks


DRIFTING = {
    "a NUL byte": "a b\nfoo\0bar baz\nc d\n",
    "a line that is too long": f"a {'x' * 1018}bcd efg\nh\n",
    "a line of letters of several bytes that is too long": f"a {'ü' * 510}bcd efg\nh\n",
    "a line that just fits": f"a {'x' * 1019}\nh\n",
}
"""keepalived itself loses count of the lines in these."""


@pytest.mark.parametrize("text", DRIFTING.values(), ids=DRIFTING.keys())
def test_keepalived_agrees_about_the_words_in(text: str, tmp_path: Path) -> None:
    said = heard(text, tmp_path, NODE)
    assert said.finished
    assert {remark.word for remark in ours(text, tmp_path, NODE)} == {remark.word for remark in said.remarks}


@pytest.mark.corpus
@needs_shared
@pytest.mark.parametrize("file", CORPUS, ids=lambda file: file.name[:20])
def test_keepalived_agrees_about_the_real_file(file: Path, tmp_path: Path) -> None:
    text = text_of(file)
    for node in ("low", "high"):
        said = heard(text, tmp_path, node)
        # Debian builds keepalived without libipset, so that its 2.2.7 has one keyword less.
        theirs = {remark for remark in said.remarks if remark.word != "vrrp_ipsets"}
        if said.finished:
            assert ours(text, tmp_path, node, from_disk) == theirs


INCLUDES = {
    "included files": "include part.conf\ninclude p*t.conf # twice\ninclude none.conf\n",
    "an include that a condition lets through": "@me include part.conf\n@other include part.conf\n",
    "an include after a brace": "vrrp_instance B { include part.conf\n}\n",
    "an include out of a definition": "$I=include part.conf\n$I\n",
    "an include in a sequence": "~SEQ(i,1,2) include part$i.conf\n",
    "braces in an include": "include part{1,2}.conf\n",
}


@pytest.mark.parametrize("text", INCLUDES.values(), ids=INCLUDES.keys())
def test_keepalived_agrees_about_what_is_in(text: str, tmp_path: Path) -> None:
    for name in ("part", "part1", "part2"):
        (tmp_path / f"{name}.conf").write_text(f"vrrp_instance {name} {{\n z_{name} $_PWD\n}}\n")
    said = heard(text, tmp_path, NODE)
    assert said.finished
    assert ours(text, tmp_path, NODE, from_disk) == said.remarks


WORDS = [
    *(
        "a#b",
        "a!b",
        "a{b",
        "a}b",
        "{a",
        "a b",
        " a",
        "a ",
        "\ta",
        "#",
        "!",
        "a\\b",
        "\\",
        "\\\\",
        "a\\#b",
        "\\#",
    ),
    *(
        "a'b",
        "'a b'",
        "a\\ b",
        "ü",
        "日本 語",
        "include",
        "includer x",
        "@me",
        "@me x",
        "@^me x",
        "~SEQ(a,1,2)",
    ),
    *(
        "$A=b",
        "$A",
        "${A}",
        "a$",
        "$",
        "pa$$w0rd$x",
        "a,b",
        "(a)",
        "*",
        "?",
        "~",
        "a;b",
        "a|b",
        "a&b",
        "`a`",
        "<a>",
        "[a]",
    ),
    *(
        "a\x7fb",
        "a\nb",
        "a\0b",
        'a"b',
        "{",
        "}",
        "$_PWD",
        "${_RANDOM 1 2}",
        "x${_HASH}",
        "\\\\\\",
        "a\\\\",
        "x" * 1000,
    ),
]


def printable(text: str) -> bool:
    try:
        word(text)
    except Unprintable:
        return False
    return True


def test_keepalived_reads_back_every_word_at_the_start_of_a_line(tmp_path: Path) -> None:
    words = [text for text in WORDS if printable(text)]
    printed = print_config(tuple(Statement((text, "x")) for text in words))
    said = heard(printed, tmp_path, NODE)
    assert said.finished
    assert said.remarks == {Remark(line, "unknown", text) for line, text in enumerate(words, 1)}


@pytest.mark.parametrize("trailing", [(), ("x", "y#z")])
def test_keepalived_reads_back_every_word_elsewhere(trailing: tuple[str, ...], tmp_path: Path) -> None:
    words = [text for text in WORDS if printable(text) and len(text) < 999]
    lines = tuple(Statement(("smtp_alert", text, *trailing)) for text in words)
    said = heard(print_config((Statement(("global_defs",), lines),)), tmp_path, NODE)
    assert said.finished
    invalid = "Invalid value '(.*)' for global smtp_alert specified"
    assert [found[1] for text in said.texts if (found := re.fullmatch(invalid, text, re.DOTALL))] == words


def test_what_cannot_be_read_back_is_refused() -> None:
    refused = {text for text in WORDS if not printable(text)}
    assert refused == {
        *("a\x7fb", "a\nb", "a\0b", 'a"b', "{", "}", "$_PWD", "${_RANDOM 1 2}", "x${_HASH}", "\\", "\\\\\\"),
    }
