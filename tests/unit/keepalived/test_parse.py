"""What becomes of a text: the tree, and a note of everything the tree does not show."""

from textwrap import dedent

import pytest

from lvsctl.keepalived.config import Config, Origin, Statement, meaning
from lvsctl.keepalived.parse import Found, Kind, Options, Parsed, parse
from lvsctl.keepalived.parse_notes import Note


def read(text: str, **options: object) -> Parsed:
    return parse(dedent(text), file="f", options=Options(**options))  # type: ignore[arg-type]  # the tests' own


def tree(text: str, **options: object) -> object:
    """Answer the tree as plain tuples: words for a line, (words, body) for a block."""
    return plain(read(text, **options).config)


def plain(config: Config) -> object:
    return [
        " ".join(words) if body is None else (" ".join(words), plain(body))
        for words, body, _ in meaning(config)
    ]


def notes(parsed: Parsed, *kinds: Kind) -> list[tuple[int, str]]:
    return [(note.origin.line, note.message) for note in parsed.notes if note.kind in kinds]


def test_blocks_lines_and_items() -> None:
    assert tree(
        """
        global_defs {            # comment
            router_id  lb1
            notification_email { a@x
               b@x }
        }
        vrrp_instance VI_1
        {
            virtual_ipaddress { 10.0.0.1/24 dev eth0 }
            authentication { auth_type PASS
              auth_pass "a#b" } }
        """
    ) == [
        ("global_defs", ["router_id lb1", ("notification_email", ["a@x", "b@x"])]),
        (
            "vrrp_instance VI_1",
            [
                ("virtual_ipaddress", ["10.0.0.1/24 dev eth0"]),
                ("authentication", ["auth_type PASS", "auth_pass a#b"]),
            ],
        ),
    ]


def test_every_statement_says_where_it_stood() -> None:
    (block,) = read("\n\nvrrp_instance A {\n  priority 3\n}\n").config
    assert block.source == Origin("f", 3)
    assert block.body
    assert block.body[0].source == Origin("f", 4)


def test_a_good_text_leaves_no_notes() -> None:
    parsed = read("! one\nglobal_defs {\n  # two\n router_id a # three\n}\n")
    assert parsed.notes == ()
    assert parsed.comments == 3
    assert parsed.files == ("f",)


def test_extra_words_stay_in_the_tree() -> None:
    assert tree("virtual_server 10.0.0.1 80 {\n delay_loop 6 seconds\n}") == [
        ("virtual_server 10.0.0.1 80", ["delay_loop 6 seconds"])
    ]


def test_an_unknown_keyword_stays_where_it_stood_and_is_noted() -> None:
    parsed = read("vrrp_instance A {\n prioritty 3\n}")
    assert plain(parsed.config) == [("vrrp_instance A", ["prioritty 3"])]
    assert notes(parsed, Kind.UNKNOWN) == [(2, "'prioritty' is no keyword of vrrp_instance")]


def test_the_brace_of_an_unknown_block_closes_the_block_around_it() -> None:
    parsed = read("vrrp_instance A {\n nonsense {\n  x\n }\n priority 3\n}\n")
    assert plain(parsed.config) == [("vrrp_instance A", ["nonsense", "x"]), "priority 3"]
    assert notes(parsed, Kind.IGNORED) == [
        (2, "a '{' that opens no block: its '}' will close vrrp_instance"),
        (6, "a '}' too many"),
    ]


def test_a_scripts_words_are_the_command_and_whom_it_runs_as() -> None:
    parsed = read('vrrp_instance A {\n notify "/x \'a b\' \\"c\\"" root adm\n notify_stop \'/y "q"\'\n}')
    assert parsed.config[0].body
    assert [statement.words for statement in parsed.config[0].body] == [
        ("notify", "/x 'a b' c", "root", "adm"),
        ("notify_stop", "/y q"),
    ]


def test_a_script_that_keepalived_cannot_split_is_not_in_the_tree() -> None:
    parsed = read(
        "vrrp_instance A {\n notify \"/x 'a\"\n notify_stop '/y\n}\nvrrp_script s {\n script '/y\n}"
    )
    assert plain(parsed.config) == [("vrrp_instance A", []), ("vrrp_script s", [])]
    assert [line for line, _ in notes(parsed, Kind.IGNORED)] == [2, 3]
    assert [line for line, _ in notes(parsed, Kind.FATAL)] == [6]


def test_a_regular_expression_loses_one_level_of_backslashes() -> None:
    url = (
        'virtual_server 1.1.1.1 80 {\n real_server 1.1.1.2 80 {\n HTTP_GET {\n url {\n regex "a\\\\.b"\n}}}}'
    )
    assert "regex a\\.b" in str(tree(url)).replace("\\\\", "\\")


@pytest.mark.parametrize("name", ["vrrp_instance", "vrrp_sync_group", "track_group"])
@pytest.mark.parametrize("words", ["", "a b", "twice"])
def test_a_block_that_keepalived_skips_is_not_in_the_tree(name: str, words: str) -> None:
    parsed = read(f"{name} twice {{\n}}\n{name} {words} {{\n nonsense {{\n }}\n}}\nglobal_defs {{\n}}\n")
    assert plain(parsed.config) == [(f"{name} twice", []), ("global_defs", [])]
    assert len(notes(parsed, Kind.IGNORED)) == 1


def test_a_block_without_the_name_it_needs_stops_keepalived() -> None:
    parsed = read("vrrp_script {\n}\n")
    assert notes(parsed, Kind.FATAL) == [(1, "vrrp_script has no name: keepalived refuses to start")]


class TestProcesses:
    def test_mail_addresses_without_a_brace_swallow_only_what_the_parent_reads(self) -> None:
        parsed = read(
            """\
            global_defs {
              notification_email a@b
              router_id x
            }
            vrrp_instance V {
              priority 3
            }
            """
        )
        assert plain(parsed.config) == [
            ("global_defs", [("notification_email", ["router_id x"])]),
            ("vrrp_instance V", ["priority 3"]),
        ]
        assert (2, "'a@b' between notification_email and its '{': keepalived passes over it") in notes(
            parsed, Kind.IGNORED
        )

    def test_a_block_that_is_not_closed_hides_those_of_other_processes(self) -> None:
        parsed = read(
            "vrrp_script S {\n script /x\n\nvrrp_instance V {\n}\nvirtual_server 10.0.0.1 80 {\n}\n"
        )
        assert plain(parsed.config) == [("vrrp_script S", ["script /x", "vrrp_instance V"])]
        assert (
            6,
            "virtual_server 10.0.0.1 80: no process of keepalived sees it, because of a brace before it",
        ) in notes(parsed, Kind.IGNORED)

    def test_a_block_without_its_brace_is_read_as_if_it_had_one(self) -> None:
        parsed = read("vrrp_instance V\n priority 3\n}\n")
        assert plain(parsed.config) == [("vrrp_instance V", ["priority 3"])]

    def test_a_block_that_ends_with_the_file_is_kept(self) -> None:
        parsed = read("vrrp_instance V {\n priority 3\n virtual_ipaddress {\n 10.0.0.1")
        assert plain(parsed.config) == [
            ("vrrp_instance V", ["priority 3", ("virtual_ipaddress", ["10.0.0.1"])])
        ]
        assert [line for line, _ in notes(parsed, Kind.MISREAD)] == [1, 3]


class TestReading:
    def test_conditions_are_decided_by_the_config_id(self) -> None:
        text = "@lb1 net_namespace one\n@^lb1 net_namespace other\n"
        assert tree(text, config_id="lb1") == ["net_namespace one"]
        assert tree(text, config_id="lb2") == ["net_namespace other"]
        assert notes(read(text, config_id="lb1"), Kind.RESOLVED) == [
            (1, "only for the node lb1: kept"),
            (2, "only for the node not lb1: left out"),
        ]

    def test_a_word_that_looks_like_a_condition_vanishes_with_a_note(self) -> None:
        parsed = read("global_defs {\n notification_email {\n @x\n a@x\n }\n}\n")
        assert plain(parsed.config) == [("global_defs", [("notification_email", ["a@x"])])]
        assert notes(parsed, Kind.IGNORED) == [(3, "'@x' is taken for a condition without a line")]

    def test_definitions_and_sequences_are_written_out(self) -> None:
        text = "$IP=10.0.0\nstatic_ipaddress {\n~SEQ(i, 1, 3) ${IP}.$i dev eth$i\n}\n"
        assert tree(text) == [
            ("static_ipaddress", ["10.0.0.1 dev eth1", "10.0.0.2 dev eth2", "10.0.0.3 dev eth3"])
        ]

    def test_a_block_can_come_out_of_a_definition(self) -> None:
        text = "$VI= \\\nvrrp_instance VI_$N { \\\n@lb1 priority 200 \\\n@^lb1 priority 100 \\\n}\n\n$N=1\n$VI\n$N=2\n$VI\n"
        assert tree(text, config_id="lb1") == [
            ("vrrp_instance VI_1", ["priority 200"]),
            ("vrrp_instance VI_2", ["priority 200"]),
        ]
        assert read(text).config[0].source == Origin("f", 8)

    def test_included_files_stand_in_place_of_the_include(self) -> None:
        def reader(pattern: str, folder: str) -> list[Found]:
            assert (pattern, folder) == ("d/*.conf", "/etc/ka")
            return [Found("/etc/ka/d/a.conf", "router_id $_PWD\n"), Found("/etc/ka/d/b.conf", "vrrp_strict")]

        parsed = parse(
            "global_defs {\n include d/*.conf\n}\n",
            file="ka/f.conf",
            options=Options(reader=reader, home="/etc"),
        )
        assert plain(parsed.config) == [("global_defs", ["router_id /etc/ka/d", "vrrp_strict"])]
        assert parsed.files == ("ka/f.conf", "/etc/ka/d/a.conf", "/etc/ka/d/b.conf")
        assert parsed.config[0].body
        assert parsed.config[0].body[1].source == Origin("/etc/ka/d/b.conf", 1)

    def test_a_file_that_is_not_there_is_noted(self) -> None:
        assert notes(read("include nope\n"), Kind.IGNORED) == [(1, "include nope: no such file")]

    def test_a_file_that_cannot_be_read_is_noted(self) -> None:
        parsed = read("include x\n", reader=lambda *_: [Found("x", problem="a directory")])
        assert notes(parsed, Kind.IGNORED) == [(1, "include x: x: a directory")]

    def test_an_include_behind_a_condition_is_read_twice(self) -> None:
        parsed = read("@me include x\n", config_id="me", reader=lambda *_: [Found("x", "SSL {\n}\n")])
        assert plain(parsed.config) == [("SSL", []), ("SSL", [])]
        assert len(notes(parsed, Kind.MISREAD)) == 1

    def test_an_escaped_comment_sign_is_lost_the_second_time(self) -> None:
        text = "global_defs {\n router_id a\\#b\n}\nvrrp_instance V {\n interface a\\#b\n}\n"
        assert tree(text) == [("global_defs", ["router_id a#b"]), ("vrrp_instance V", ["interface a"])]

    @pytest.mark.parametrize(
        ("text", "kind"),
        [
            ("\ufeffglobal_defs {\n}\n", Kind.MISREAD),
            ("foo\0bar\n", Kind.MISREAD),
            ("x" * 2000 + "\n", Kind.MISREAD),
            ('foo "bar\n', Kind.MISREAD),
            ("\\!foo\n", Kind.FATAL),
            ("\\#foo\n", Kind.MISREAD),
            ("$A=$A\nfoo $A\n", Kind.FATAL),
            ("$A=@x  y\n$A\n", Kind.FATAL),
            ("~SEQ(a)\n", Kind.IGNORED),
            ('vrrp_instance A {\n priority "}"\n}\n', Kind.MISREAD),
        ],
    )
    def test_nothing_odd_goes_without_a_note(self, text: str, kind: Kind) -> None:
        assert kind in {note.kind for note in read(text, config_id="x").notes}

    def test_words_that_are_no_utf8_survive(self) -> None:
        assert read("foo \udcff ü\n").config[0].words == ("foo", "\udcff", "ü")


def test_a_note_is_a_fault_for_those_who_cannot_go_on() -> None:
    note = Note(Origin("f", 3), Kind.FATAL, "bad")
    assert str(note) == str(note.fault) == "f:3: bad"


def test_statements_without_meaning_compare_by_words() -> None:
    assert meaning((Statement(("a",), None, 1),)) == meaning((Statement(("a",), None, 2),))
