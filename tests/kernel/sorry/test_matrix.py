"""Nobody notices a swap but by what he reads: no request is lost, whatever the service, in every cell of the matrix.

`make test` runs a pairwise choice, `make lab-full` (``LVSCTL_FULL=1``) every cell. With ``LVSCTL_ARTIFACTS`` each cell
leaves a line in sorry-losses.jsonl, from which docs/reference/sorry-losses.md is made.
"""

import pytest

from tests.support.matrix import Cell, chosen, happened, note
from tests.support.sorry_topology import Lab
from tests.support.switches import KernelWay

pytestmark = pytest.mark.kernel


@pytest.mark.parametrize("cell", chosen(), ids=str)
def test_no_visitor_is_lost_and_the_table_comes_back(lab: Lab, cell: Cell) -> None:
    result = happened(lab, cell, KernelWay())
    note(cell, "lvsctl", result)
    assert result.losses == {}, result.examples
    assert result.real_while_on == 0, result.examples
    assert result.sorry_while_off == 0, result.examples
    assert result.settled, "`off` does not come to an end"
    assert result.settings[1] == result.settings[0]
    assert result.thresholds[1] == result.thresholds[0]
    assert not (cell.maps_visitors and result.moved), (
        f"{result.moved} visitors have another real server than before"
    )
