"""The linters are tests: a change that breaks a rule of the house fails like one that breaks a behaviour."""

import re

import pytest

from tests.support.linters import LINTERS, ROOT


@pytest.mark.parametrize("name", LINTERS)
def test_the_tree_is_clean(linted: tuple[int, str]) -> None:
    status, output = linted
    assert status == 0, output


def test_no_file_drifts_into_a_junk_drawer() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in ROOT.glob("lvsctl/**/*.py")
        if (lines := len(path.read_text().splitlines())) > 400
    }
    assert not long


def test_each_ignored_rule_says_why() -> None:
    bare = re.compile(r"# (noqa(: [A-Z0-9, ]+)?|type: ignore(\[[^]]*\])?)$")
    where = [
        f"{path.relative_to(ROOT)}:{number}"
        for folder in ("lvsctl", "tests", "bench", "docs", "hooks")
        for path in (ROOT / folder).rglob("*.py")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if bare.search(line)
    ]
    assert not where
