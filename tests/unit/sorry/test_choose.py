"""What a command line means by the services it names."""

import pytest

from lvsctl.errors import Usage
from lvsctl.ipvs import ServiceKey
from lvsctl.sorry.choose import Chosen, choose

WEB = ServiceKey.tcp("203.0.113.10", 80)
OTHER = ServiceKey.udp("2001:db8::1", 53)
NAMES = ["web", "web-tls", "mail"]


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (["web"], Chosen(("web",), ())),
        (["mail", "web", "mail"], Chosen(("mail", "web"), ())),
        (["web*"], Chosen(("web", "web-tls"), ())),
        (["*tls", "web*"], Chosen(("web-tls", "web"), ())),
        (["[mw]*"], Chosen(("web", "web-tls", "mail"), ())),
        (["TCP/203.0.113.10:80", "tcp/203.0.113.10:80"], Chosen((), (WEB,))),
        (["udp/[2001:db8::1]:53", "web"], Chosen(("web",), (OTHER,))),
        (["fwmark6/7"], Chosen((), (ServiceKey.parse("fwmark6/7"),))),
    ],
)
def test_names_globs_and_addresses_are_found_once_each(patterns: list[str], expected: Chosen) -> None:
    assert choose(patterns, NAMES) == expected


def test_all_is_every_name() -> None:
    assert choose([], NAMES, every=True) == Chosen(tuple(NAMES), ())
    assert choose([], [], every=True) == Chosen((), ())


@pytest.mark.parametrize(
    ("patterns", "message", "hint"),
    [
        ([], "which services?", "name them, or --all: web, web-tls, mail"),
        (["webb"], "there is no service 'webb'; did you mean 'web'?", "there are: web, web-tls, mail"),
        (["zzz"], "there is no service 'zzz'", "there are: web, web-tls, mail"),
        (["x*"], "no service is like 'x*'", "there are: web, web-tls, mail"),
        (
            ["tcp/203.0.113.10"],
            "'203.0.113.10' does not end in a port: expected ADDRESS:PORT or [IPV6]:PORT",
            "",
        ),
        (["fwmark/0"], "'0' is not a firewall mark: expected 1 to 4294967295", ""),
    ],
)
def test_what_nobody_has_is_told_with_what_there_is(patterns: list[str], message: str, hint: str) -> None:
    with pytest.raises(Usage) as caught:
        choose(patterns, NAMES)
    assert (caught.value.message, caught.value.hint) == (message, hint)


def test_all_and_names_contradict_each_other() -> None:
    with pytest.raises(Usage, match="--all is every service"):
        choose(["web"], NAMES, every=True)


def test_a_message_lists_no_thousands() -> None:
    with pytest.raises(Usage) as caught:
        choose([], [f"s{number}" for number in range(1000)])
    assert caught.value.hint.endswith("s18, s19 and 980 more")
