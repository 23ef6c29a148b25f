from lvsctl.keepalived.held import bare_lines, holds, main_lines, values

TEXT = """\
# a comment
global_defs {
    router_id "a # b"  # lb1
}

include /etc/lvsctl/more.conf
vrrp_instance V {
    include /etc/lvsctl/secret.conf
}
"""

COPY = """\
# /etc/keepalived/keepalived.conf

global_defs {
router_id "a # b"
}


# /etc/lvsctl/more.conf
vrrp_instance W {
# /etc/lvsctl/deeper.conf
}
!
!
vrrp_instance V {

# /etc/lvsctl/secret.conf
auth_pass secret
!
}
!
"""


def test_the_copy_of_a_text_holds_it_whatever_it_includes() -> None:
    assert holds(COPY, TEXT)
    assert holds(COPY.replace("auth_pass secret", "auth_pass other"), TEXT)


def test_another_text_is_not_held() -> None:
    assert not holds(COPY, TEXT.replace("lb1\n", "lb1\n\n    lvs_flush\n"))
    assert not holds(COPY, TEXT.replace("a # b", "a # c"))


def test_a_copy_that_is_being_written_holds_nothing_yet() -> None:
    assert not holds("", TEXT)
    assert not holds(COPY[: len(COPY) // 2], TEXT)


def test_what_comments_and_blanks_say_makes_no_difference() -> None:
    assert holds(COPY, TEXT.replace("# a comment", "! another") + "\n\n")


def test_complaints_in_the_copy_are_not_part_of_the_file() -> None:
    assert holds(COPY.replace("\n# /etc/lvsctl/secret.conf\nauth_pass secret\n!", "\n#! no such file"), TEXT)


def test_the_main_file_is_told_from_what_it_includes() -> None:
    assert "vrrp_instance V {" in main_lines(COPY)
    assert "vrrp_instance W {" not in main_lines(COPY)


def test_the_values_of_a_keyword_are_found_wherever_it_stands_in_front() -> None:
    text = "global_defs { nftables one\n}\nglobal_defs {\n  nftables\n  # nftables no\n  nftables_ipvs x\n}\n"
    assert values(bare_lines(text), "nftables") == ("one", "")
    assert values(bare_lines(text), "instance") == ()
