"""How an outage is judged, and how the page tells it."""

from docs.failover_page import page
from tests.support.outage import Outage, outage

SENT = (0.0, 0.1, 0.2, 0.3, 0.4)
ROW = {
    "trial": "the host is lost",
    "part": "lost",
    "outage": Outage(5, 2, 0.3, ends=True)._asdict(),
    "gets": 2,
    "posts": 1,
    "begun": 1,
    "after": 1.25,
    "owner": "lb2",
    "kernel": "6.1",
    "switch": 2.0,
}


def test_an_outage_lasts_from_the_last_request_that_was_answered_to_the_next_one() -> None:
    assert outage(SENT, (True, False, False, True, True)) == Outage(5, 2, 0.3, ends=True)


def test_an_outage_at_either_end_counts_up_to_there() -> None:
    assert outage(SENT, (False, False, True, True, True)) == Outage(5, 2, 0.2, ends=True)
    assert outage(SENT, (True, True, False, False, False)) == Outage(5, 3, 0.3, ends=False)
    assert outage(SENT, (False,) * 5) == Outage(5, 5, 0.4, ends=False)


def test_nothing_lost_is_no_outage() -> None:
    assert outage(SENT, (True,) * 5) == Outage(5, 0, 0.0, ends=True)
    assert outage((), ()) == Outage(0, 0, 0.0, ends=False)


def test_the_page_has_both_ways_side_by_side_and_says_when_an_outage_went_on() -> None:
    lost = Outage(5, 3, 0.3, ends=False)._asdict()
    script = ROW | {"way": "script", "outage": lost, "owner": "lb1", "after": None}
    text = page([ROW | {"way": "lvsctl", "owner": "nobody"}, ROW | {"way": "lvsctl"}, script])
    assert "| the host is lost | lost | 0.3 | 2 of 5 | lb2 | over 0.3 | 3 of 5 | lb1 |" in text
    assert "| the host is lost | lost | 2 | 1 | 1 | 1.2 | 2 | 1 | 1 |  |" in text
