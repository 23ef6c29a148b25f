"""Which cells of the loss matrix `make test` runs, and what its page says."""

from itertools import combinations

from docs.loss_page import page
from tests.support.matrix import Cell, cells, pairwise


def pairs(cell: Cell) -> set[object]:
    return set(combinations(enumerate(cell), 2))


def test_every_two_values_that_occur_together_are_in_the_choice() -> None:
    every = cells(full=False)
    chosen = pairwise(every)
    assert set().union(*map(pairs, chosen)) == set().union(*map(pairs, every))
    assert len(chosen) < 50


def test_all_cells_have_what_the_choice_is_made_of_and_more() -> None:
    assert set(cells(full=False)) < set(cells(full=True))
    assert len({str(cell) for cell in cells(full=True)}) == len(cells(full=True))


def test_the_page_sets_the_recipe_beside_ours_and_counts_a_cell_once() -> None:
    cell = cells(full=False)[0]
    row = {
        "cell": cell._asdict(),
        "name": str(cell),
        "maps_visitors": True,
        "kernel": "6.1",
        "way": "lvsctl",
        "requests": 1000,
        "losses": {},
        "real_while_on": 0,
        "sorry_while_off": 0,
        "drained": 5,
        "moved": 0,
        "table_kept": True,
        "thresholds_kept": True,
    }
    recipe = row | {"way": "seed", "losses": {"refused": 7, "hung": 2}, "thresholds_kept": False}
    text = page([row, row, recipe])
    assert "| requests | 1,000 | 1,000 |" in text
    assert "| refused | 0 | 7 |" in text
    assert f"| {cell} | 1000 | 0 | 1000 | 2 hung, 7 refused |" in text
