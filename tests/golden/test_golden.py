"""Specs and the files they have to render to, to the letter; and the real keepalived accepts each of these files.

``UPDATE_GOLDEN=1 pytest tests/golden`` writes the files anew: read the diff before you commit it.
"""

import os
from pathlib import Path

import pytest

from lvsctl.compose.render import Rendered, render
from lvsctl.compose.rules import Pair, Severity, check
from lvsctl.keepalived.judge import judge, objections
from lvsctl.keepalived.surroundings import surroundings
from lvsctl.spec.load import Declared, read
from tests.support.conf_probe import require_keepalived

HERE = Path(__file__).parent
EXAMPLES = HERE.parents[1] / "examples"
SPECS = {path.stem: path for path in (*sorted(EXAMPLES.glob("*.yaml")), *sorted(HERE.glob("*.yaml")))}
FILES = [(name, node) for name, path in SPECS.items() for node in read(path).specs]

golden = pytest.mark.parametrize(("name", "node"), FILES, ids=lambda part: part)


def declared(name: str) -> Declared:
    return read(SPECS[name])


def rendered(name: str, node: str) -> Rendered:
    return render(declared(name), node)


def expected(name: str, node: str) -> Path:
    return HERE / "expected" / f"{name}.{node}.conf"


@golden
def test_a_spec_renders_to_the_letter(name: str, node: str) -> None:
    text = rendered(name, node).text
    if os.environ.get("UPDATE_GOLDEN"):
        expected(name, node).write_text(text, encoding="utf-8")
    assert text == expected(name, node).read_text(encoding="utf-8")


@pytest.mark.keepalived
@golden
def test_keepalived_accepts_it(name: str, node: str) -> None:
    require_keepalived()
    found = rendered(name, node)
    assert not objections(judge(found.text, node=node, surroundings=surroundings(found.config)))


@pytest.mark.parametrize("name", SPECS)
def test_no_rule_calls_it_wrong(name: str) -> None:
    found = check(Pair(declared(name).specs)).findings
    assert [each for each in found if each.rule.severity is Severity.ERROR] == []


def test_no_file_is_left_over() -> None:
    assert {path.name for path in (HERE / "expected").iterdir()} == {expected(*each).name for each in FILES}
