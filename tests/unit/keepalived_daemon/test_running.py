from lvsctl.keepalived.inventory import Inventory
from lvsctl.keepalived.running import Seen, Wanted, shortcoming

TEXT = "vrrp_instance V {\n}\n"
COPY = f"# /etc/keepalived/keepalived.conf\n{TEXT}!\n"
ACCOUNT = " VRRP Instance = V\n"
V = Inventory(frozenset("V"), {})

GOOD = Seen(alive=True, copy=COPY, account=ACCOUNT)


def test_one_that_holds_the_text_and_works_on_what_it_names_lacks_nothing() -> None:
    assert shortcoming(GOOD, Wanted(TEXT, V)) == ""


def test_a_dead_one_runs_with_nothing() -> None:
    assert shortcoming(Seen(alive=False), Wanted(TEXT)) == "keepalived died"


def test_one_that_holds_another_text_has_not_read_it() -> None:
    assert shortcoming(GOOD, Wanted(TEXT + "vrrp_instance W {\n}\n")) == "keepalived has not read the file"


def test_one_that_works_on_something_else_lacks_what_is_missing() -> None:
    assert shortcoming(GOOD, Wanted(TEXT, Inventory(frozenset("VW"), {}))) == "W is missing"


def test_one_that_should_answer_and_does_not_may_hang() -> None:
    assert shortcoming(GOOD._replace(account=None), Wanted(TEXT, V)) == "keepalived does not answer"


def test_what_cannot_be_known_is_not_asked_for() -> None:
    assert shortcoming(Seen(alive=True), Wanted(TEXT)) == ""
