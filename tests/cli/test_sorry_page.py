import json
from pathlib import Path

import pytest

from tests.cli.conftest import Lvsctl

SPEC = """\
nodes:
  lb1: {address: 10.0.0.11}
  lb2: {address: 10.0.0.12}
per_node: {lb2: {sorry: {name: Second}}}
sorry: {name: "First & only", retry_after: 60}
"""


@pytest.fixture
def spec(tmp_path: Path) -> str:
    (tmp_path / "lvs.yaml").write_text(SPEC)
    return str(tmp_path / "lvs.yaml")


def test_it_prints_the_page_of_the_node(lvsctl: Lvsctl, spec: str) -> None:
    assert (
        '<p dir="auto">First &amp; only</p>' in lvsctl("sorry", "page", "--spec", spec, "--node", "lb1").out
    )
    assert '<p dir="auto">Second</p>' in lvsctl("sorry", "page", "--spec", spec, "--node", "lb2").out


def test_with_nginx_it_is_a_site(lvsctl: Lvsctl, spec: str) -> None:
    answer = lvsctl("sorry", "page", "--nginx", "--spec", spec)
    assert answer.status == 0
    assert "add_header Retry-After 60 always;" in answer.out


def test_a_file_is_written_when_it_changes_and_checked(lvsctl: Lvsctl, spec: str, tmp_path: Path) -> None:
    file = tmp_path / "sorry.html"
    asked = ("sorry", "page", "--spec", spec, "-o", str(file))
    missing = lvsctl(*asked, "--check")
    assert (missing.status, missing.err) == (2, f"{file}: missing\n")
    assert lvsctl(*asked, "--dry-run").status == 0
    assert not file.exists()
    assert lvsctl(*asked).err == f"{file}: written\n"
    assert lvsctl(*asked).err == f"{file}: unchanged\n"
    assert lvsctl(*asked, "--check").status == 0
    file.write_text(file.read_text().replace("First", "Third"))
    differs = lvsctl(*asked, "--check")
    assert differs.status == 2
    assert '+<header><p dir="auto">First &amp; only</p></header>' in differs.out
    assert json.loads(lvsctl(*asked, "--check", "--json").out) == {
        "files": [{"path": str(file), "changed": True}]
    }
    assert json.loads(lvsctl(*asked, "--json").out) == {"files": [{"path": str(file), "changed": True}]}


@pytest.mark.parametrize("option", ["--check", "--dry-run", "--json"])
def test_what_is_about_a_file_needs_one(lvsctl: Lvsctl, spec: str, option: str) -> None:
    answer = lvsctl("sorry", "page", "--spec", spec, option)
    assert answer.status == 64
    assert "-o FILE" in answer.err


def test_a_mistake_is_told_with_its_place(lvsctl: Lvsctl, tmp_path: Path) -> None:
    spec = tmp_path / "lvs.yaml"
    spec.write_text("sorry:\n  expected_end: 18:00\n  language: cy\n")
    answer = lvsctl("sorry", "page", "--spec", str(spec))
    assert answer.status == 65
    assert f"{spec}:2:17: sorry.expected_end: expected a time with its zone" in answer.err


def test_a_bad_template_is_told(lvsctl: Lvsctl, tmp_path: Path) -> None:
    page = tmp_path / "own.html.j2"
    page.write_text("<h1>{{ words.heading }}</h1>")
    spec = tmp_path / "lvs.yaml"
    spec.write_text(f"sorry: {{page: {page}}}\n")
    answer = lvsctl("sorry", "page", "--spec", str(spec))
    assert (answer.status, answer.out) == (65, "")
    assert "the page's template: " in answer.err
    assert "heading" in answer.err
