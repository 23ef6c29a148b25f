"""What import makes of our own files, and of the files of a pair, means the same to the real keepalived."""

from pathlib import Path

import pytest

from lvsctl.compose.adopt import adopt
from lvsctl.compose.render import render
from lvsctl.keepalived.parse import parse
from lvsctl.spec.load import read
from tests.support.round_trip import assert_same, imported, rendered

ROOT = Path(__file__).resolve().parents[2]
OWN = ROOT / "tests" / "unit" / "adopt" / "files"

pytestmark = pytest.mark.kernel


@pytest.mark.parametrize("name", ["gateway", "services", "other_system"])
def test_a_file_means_the_same_after_import(name: str) -> None:
    data = (OWN / f"{name}.conf").read_bytes()
    assert_same(data, rendered(imported(data.decode("utf-8", "surrogateescape"))))


@pytest.mark.parametrize("node", ["lb1", "lb2"])
def test_the_files_of_a_pair_mean_the_same_after_they_were_merged(node: str) -> None:
    declared = read(ROOT / "examples" / "pair.yaml")
    texts = {name: render(declared, name).text for name in ("lb1", "lb2")}
    spec = adopt({name: parse(text) for name, text in texts.items()})
    assert_same(texts[node], rendered(spec, node))
