import pytest

from lvsctl.keepalived.messages import Message, about_kernel, certain, false_alarm, messages, subject, unsaid

NO_ADDRESS = Message(None, "VI_1", "(VI_1) No VIP specified; at least one is sensible")


def test_a_complaint_has_the_line_that_keepalived_names() -> None:
    assert messages("(Line 13) Unknown keyword 'foo'\n") == (Message(13, None, "Unknown keyword 'foo'"),)


def test_the_parents_complaint_and_those_of_its_children_are_one() -> None:
    said = "(Line 6) Unknown keyword 'boo'\n" + "(/x/k.conf: Line 6) Unknown keyword 'boo'\n" * 3
    assert messages(said, "/x/k.conf") == (Message(6, None, "Unknown keyword 'boo'"),)


def test_a_line_of_an_included_file_is_not_taken_for_one_of_the_judged_text() -> None:
    (message,) = messages("(/x/included.conf: Line 1) Unknown keyword 'foo'\n", "/x/k.conf")
    assert message.file == "/x/included.conf"
    assert str(message) == "/x/included.conf:line 1: Unknown keyword 'foo'"


def test_a_complaint_without_a_line_is_kept_whole() -> None:
    said = "SECURITY VIOLATION - scripts are being executed but script_security not enabled."
    assert messages(said) == (Message(None, None, said),)
    assert str(messages(said)[0]) == said


def test_empty_lines_are_no_complaints() -> None:
    assert messages("\n\n") == ()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("(VI_1) the virtual router id must be set", "VI_1"),
        ("(VI 1): VRID '300' not valid - must be between 1 & 255", "VI 1"),
        ("Virtual server [10.0.0.1]:none:80: no protocol set - defaulting to UDP", "[10.0.0.1]:none:80"),
        ("Virtual server [web]:0: no scheduler set, setting default 'wlc'", "[web]:0"),
        ("Virtual server FWM 7: no forwarding method set, setting default NAT", "FWM 7"),
        ("Warning - quorum 7 for FWM 7 exceeds total weight of real servers 1, reducing quorum to 1", "FWM 7"),
        ("VS [2001:db8::1]:tcp:80: real server [2001:db8::2]:tcp:80 is duplicated - removing second rs", "[2001:db8::1]:tcp:80"),
        ("WARNING - virtual server [10.0.0.1]:tcp:80 and real server [10.0.0.2]:tcp:8080 ports don't match - resetting", "[10.0.0.1]:tcp:80"),
        ("WARNING - interface eth9 for vrrp_instance VI_2 doesn't exist", "VI_2"),
        ("vrrp sync group G already defined", "G"),
        ("No file set for track_file f - ignoring", "f"),
        ("Warning - script check is not used", "check"),
        ("Configuration error: BFD instance b1 source address", "b1"),
        ("Non-existent interface specified in configuration", None),
        ("Unknown keyword 'vrrp_instanze'", None),
    ],
)  # fmt: skip
def test_the_subject_is_what_keepalived_names(text: str, name: str | None) -> None:
    assert subject(text) == name


@pytest.mark.parametrize(
    "text",
    [
        "Unknown keyword 'foo'",
        "Extra '}' found",
        "There are 1 missing '}'s or extra '{'s",
        "Unmatched quote: '\"a'",
        "*** Configuration line starting `interface` is missing a parameter at word position 2",
        "number '300' outside range [1, 255]",
    ],
)
def test_faults_of_the_language_are_certain_on_any_machine(text: str) -> None:
    assert certain(Message(1, None, text))


@pytest.mark.parametrize(
    "text",
    [
        "WARNING - interface eth0 for vrrp_instance V doesn't exist",
        "Non-existent interface specified in configuration",
        "Unable to set uid/gid for script '/x'",
        "Disabling track script s since not found/accessible",
        "(V) track script s not found, ignoring...",
        "Invalid smtp server mail.example.com 25",
        "SECURITY VIOLATION - scripts are being executed but script_security not enabled.",
    ],
)
def test_what_another_machine_could_mend_is_not_certain(text: str) -> None:
    assert not certain(Message(1, None, text))


def test_a_kernel_without_a_feature_is_told_from_a_fault() -> None:
    assert about_kernel(Message(1, None, "no kernel support for track_process (CONFIG_PROC_EVENTS)"))
    assert about_kernel(Message(1, None, "encap not supported by kernel"))
    assert not about_kernel(Message(1, None, "Unknown keyword 'kernel'"))


def test_an_instance_without_address_is_a_false_alarm_before_2_2_8() -> None:
    assert false_alarm(NO_ADDRESS, (2, 2, 7), "")
    assert not false_alarm(NO_ADDRESS, (2, 2, 8), "")


def test_an_instance_that_needs_an_address_is_not() -> None:
    needed = NO_ADDRESS._replace(text="(VI_1) No VIP specified; at least one is required")
    assert not false_alarm(needed, (2, 2, 7), "")


def test_nothing_is_a_false_alarm_to_a_keepalived_that_ends_at_the_first_complaint() -> None:
    text = "global_defs {\n    reload_check_config /var/log/check\n}\n"
    assert not false_alarm(NO_ADDRESS, (2, 2, 7), text)
    assert false_alarm(NO_ADDRESS, (2, 2, 7), text.replace("reload", "# reload"))


def test_what_keepalived_gets_wrong_in_silence_is_said() -> None:
    assert unsaid("\ufeffglobal_defs {\n}\n")[0].line == 1
    assert unsaid("global_defs {\n  router_id a\0b\n}\n")[0].line == 2
    (long,) = unsaid("global_defs {\n  # " + "x" * 1024 + "\n}\n")
    assert (long.line, "cut" in long.text) == (2, True)


def test_a_line_counts_in_bytes() -> None:
    assert unsaid("é" * 512)
    assert not unsaid("e" * 1023)


@pytest.mark.parametrize("text", ["", "\n", "# only\n  ! comments\n"])
def test_a_file_that_says_nothing_is_a_mistake(text: str) -> None:
    (message,) = unsaid(text)
    assert "nothing" in message.text


def test_bytes_that_are_no_utf_8_are_not_our_business_but_half_a_pair_is() -> None:
    assert unsaid("router_id name\udce9\n") == ()
    assert "surrogate" in unsaid("router_id \ud800\n")[0].text


def test_an_ordinary_file_is_fine() -> None:
    assert unsaid("vrrp_instance V {\n}\n") == ()
