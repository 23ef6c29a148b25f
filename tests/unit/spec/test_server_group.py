"""Virtual server groups: the lines that may be written, and whether keepalived agrees."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from lvsctl.keepalived.config import Statement
from lvsctl.spec.server_group import VirtualServerGroup
from tests.support.conf_probe import complaints, require_keepalived

GROUP: TypeAdapter[Any] = TypeAdapter(VirtualServerGroup)


def refusal(*lines: str) -> str:
    with pytest.raises(ValidationError) as refused:
        GROUP.validate_python(lines)
    return str(refused.value.errors()[0].get("ctx", {}).get("error", refused.value))


def group_lines(*lines: str) -> tuple[Statement, ...]:
    return tuple(Statement(entry.words()) for entry in GROUP.validate_python(lines))


TAKEN = [
    "10.0.0.1 80",
    "10.0.0.1",
    "10.0.0.1 0",
    "10.0.0.1-9 80",
    "10.0.0.250-10.0.1.10 80",
    "10.0.0.5-10.0.0.5 80",
    "10.0.0.8/29 80",
    "10.0.0.1/32 80",
    "2001:db8::1-ff 80",
    "2001:db8::1-2001:db8::2:1 80",
    "2001:db8::/64 80",
    "2001:db8::1/128 80",
    "fwmark 1 inet",
    "fwmark 4294967295 inet6",
]
REFUSED = [
    "10.0.0.5-5 80",
    "10.0.0.5-4",
    "10.0.0.5-256 80",
    "10.0.0.5-10.0.0.4",
    "10.0.0.5-2001:db8::1",
    "10.0.0.1/29",
    "0.0.0.0/0",
    "10.0.0.0/255.255.255.0",
    "2001:db8::1-fffff",
    "2001:db8::/0",
    "10.0.0.1 65536",
    "10.0.0.256 80",
    "fwmark 4294967296",
    "fwmark 1 inet7",
]
STRICTER = ["fwmark 0", "10.0.0.1 80 extra", "fwmark 1 inet extra"]


@pytest.mark.keepalived
def test_keepalived_agrees_about_the_lines_of_a_group(tmp_path: Path) -> None:
    require_keepalived()
    assert complaints([Statement(("virtual_server_group", "G"), group_lines(*TAKEN))], tmp_path) == ()
    for line in REFUSED:
        assert refusal(line)
    groups = [
        Statement(("virtual_server_group", f"G{n}"), (Statement(tuple(line.split()), None, n),))
        for n, line in enumerate(REFUSED)
    ]
    said = complaints(groups, tmp_path)
    assert {each.about.source for each in said if each.about and each.about.body is None} == set(
        range(len(REFUSED))
    )


@pytest.mark.parametrize(
    "line", [*STRICTER, "inet", "10.0.0.1 80 inet", "fe80::1%eth0 80", "10.0.0.1/0x1d", "10.0.0.1-+9"]
)
def test_a_line_of_a_group_that_means_nothing_is_refused(line: str) -> None:
    assert refusal(line)


@pytest.mark.parametrize(
    ("line", "first", "last"),
    [
        ("10.0.0.1", "10.0.0.1", "10.0.0.1"),
        ("10.0.0.1-9", "10.0.0.1", "10.0.0.9"),
        ("10.0.0.8/29", "10.0.0.8", "10.0.0.15"),
        ("2001:db8::1-1f", "2001:db8::1", "2001:db8::1f"),
    ],
)
def test_a_range_knows_its_ends(line: str, first: str, last: str) -> None:
    [entry] = GROUP.validate_python([line])
    assert (str(entry.address.first), str(entry.address.last), str(entry.address)) == (first, last, line)


def test_a_group_that_keepalived_removes_is_refused() -> None:
    assert "empty group" in refusal()
    both = ["10.0.0.1 80", "2001:db8::1 80"]
    assert "inet or inet6" in refusal(*both, "fwmark 5")
    assert len(GROUP.validate_python([*both, "fwmark 5 inet6"])) == 3
