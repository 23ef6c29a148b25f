"""What is read out of scripts: where it stands, what is passed over, and that no text takes long."""

import pytest

from lvsctl.doctor.habits import MOST_TEXT, piles_up, waits

SHELL = "#!/bin/sh\n"


def test_a_finding_names_its_line_and_what_to_write() -> None:
    text = f"{SHELL}# curl https://x/\n\ncurl -s \\\n  https://x/\n"
    (found,) = waits(text)
    assert str(found) == "line 4, curl without a limit of time: curl -s    https://x/"
    assert found.mend == "curl --max-time 10"


def test_what_is_missing_of_ssh_is_named() -> None:
    (found,) = waits(f"{SHELL}ssh -o ConnectTimeout=3 lb2 true\n")
    assert found.what == "ssh without BatchMode"
    assert found.mend == "ssh -o BatchMode=yes"


@pytest.mark.parametrize(
    "line",
    [
        "command -v curl",
        "apt-get install curl",
        "log 'no curl here'",
        "printf '%s\\n' \"curl https://x/\"",
        "curl --version",
        "curl -K /etc/limits https://x/",
        "curl --max-time=3 https://x/",
        "sudo timeout 5 ssh lb2 true",
        "ssh-keygen -t ed25519",
        "echo $((1<<2)); curl -m1 https://x/",
        'grep -q x <<< "curl https://x/"',
        "nc -zv lb2 80",
        "curl -m 3 https://x/$(hostname)/`id -u` 2>&1",
        "while read -r line; do sleep 1; done",
        "while [ $tries -lt 5 ]; do sleep 1; tries=$((tries + 1)); done",
        "for each in 1 2 3; do sleep 1; done",
    ],
)
def test_what_comes_to_an_end_is_no_finding(line: str) -> None:
    assert list(waits(f"{SHELL}{line}\n")) == []


@pytest.mark.parametrize(
    "line",
    [
        "ip route replace default via 10.0.0.1",
        "ip route get 10.0.0.1",
        "ip link add v0 type dummy",
        "ip rule list",
        "iptables -D INPUT -j X",
        "iptables-save",
        "if ip addr add 10.0.0.9/24 dev eth0; then :; fi",
        "ip addr del 10.0.0.9/24 dev eth0; ip addr add 10.0.0.9/24 dev eth0",
        "echo ip rule add",
    ],
)
def test_what_may_be_run_twice_is_no_finding(line: str) -> None:
    assert list(piles_up(f"{SHELL}{line}\n")) == []


def test_a_guard_for_routes_guards_no_rule() -> None:
    found = list(piles_up(f"{SHELL}ip route del 10.9.0.0/16\nip rule add from 10.0.0.9 table 7\n"))
    assert [each.number for each in found] == [3]


def test_other_languages_are_not_judged() -> None:
    assert list(waits("#!/usr/bin/env python3\ncurl https://x/\n")) == []
    assert list(piles_up("#!/usr/bin/perl\nip rule add from 10.0.0.9\n")) == []


@pytest.mark.parametrize(
    "text", ["`", "$(", "'", '"', "while x\n", "ip ", "iptables ", "do ", "<<E\n", "curl x;", "\\\n", "&"]
)
def test_no_text_takes_long(text: str) -> None:
    whole = SHELL + text * (MOST_TEXT // len(text))
    assert len(list(waits(whole))) <= MOST_TEXT
    assert len(list(piles_up(whole))) <= MOST_TEXT
