"""The recipe that people follow loses visitors, in the same cells and under the same eyes as our swap.

It also proves that the matrix can fail. In `make lab-full` it runs in every cell of the pairwise choice, for the table
in docs/reference/sorry-losses.md.
"""

import os

import pytest

from lvsctl.ipvs import ForwardingMethod
from tests.support.matrix import Cell, cells, happened, note, pairwise
from tests.support.sorry_topology import Lab
from tests.support.switches import SeedRecipe

pytestmark = pytest.mark.kernel

NAT, DR, TUN = ForwardingMethod.NAT, ForwardingMethod.DR, ForwardingMethod.TUN
FEW = (
    Cell("rr", False, "ipv4", NAT, True, False, False),
    Cell("wlc", False, "ipv6", TUN, False, False, False),
    Cell("sh", True, "fwmark", DR, True, True, False),
)
CHOSEN = pairwise(cells(full=False)) if "LVSCTL_FULL" in os.environ else FEW


@pytest.mark.parametrize("cell", [cell for cell in CHOSEN if not cell.resident], ids=str)
def test_one_process_per_change_loses_visitors(lab: Lab, cell: Cell) -> None:
    result = happened(lab, cell, SeedRecipe())
    note(cell, "seed", result)
    assert result.lost > 0
    assert result.thresholds[0] != result.thresholds[1], "ipvsadm -S knows thresholds by now?"
