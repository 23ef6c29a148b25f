"""Nobody notices a swap but by what he reads: no request is lost, whatever the service, in every cell of the matrix.

`make test` runs a pairwise choice, `make lab-full` (``LVSCTL_FULL=1``) every cell. With ``LVSCTL_ARTIFACTS`` each cell
leaves a line in sorry-losses.jsonl, from which docs/reference/sorry-losses.md is made.
"""

import json
import os
import platform
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.matrix import Cell, Result, cells, happened, pairwise
from tests.support.sorry_topology import Lab
from tests.support.switches import KernelWay

pytestmark = pytest.mark.kernel

EVERY = cells(full="LVSCTL_FULL" in os.environ)
CHOSEN = EVERY if "LVSCTL_FULL" in os.environ else pairwise(EVERY)


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab() as lab:
        yield lab


@pytest.mark.parametrize("cell", CHOSEN, ids=str)
def test_no_visitor_is_lost_and_the_table_comes_back(lab: Lab, cell: Cell) -> None:
    result = happened(lab, cell, KernelWay())
    note(cell, "lvsctl", result)
    assert result.losses == {}
    assert result.real_while_on == 0
    assert result.sorry_while_off == 0
    assert result.settled, "`off` does not come to an end"
    assert result.settings[1] == result.settings[0]
    assert result.thresholds[1] == result.thresholds[0]
    assert not (cell.is_hashing and result.moved), (
        f"{result.moved} visitors have another real server than before"
    )


def note(cell: Cell, way: str, result: Result) -> None:
    """Leave a line for the table in the docs, where somebody asked for it."""
    if folder := os.environ.get("LVSCTL_ARTIFACTS"):
        line = {
            "cell": cell._asdict(),
            "way": way,
            "kernel": platform.release(),
            **{name: value for name, value in result._asdict().items() if isinstance(value, int | dict)},
            "table_kept": result.settings[0] == result.settings[1],
            "thresholds_kept": result.thresholds[0] == result.thresholds[1],
        }
        with (Path(folder) / "sorry-losses.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
