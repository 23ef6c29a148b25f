"""The word that was meant."""

import pytest

from lvsctl.spec.suggest import suggest

WORDS = ["address", "port", "weight", "real_servers", "lvs_sched", "lvs_method", "virtual_ipaddress", "interface",
         "vrrp_instances", "priority", "connect_timeout", "nopreempt", "DR", "NAT", "TUN", "wlc", "sh"]  # fmt: skip


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("prot", "port"), ("adress", "address"), ("interfcae", "interface"), ("priorty", "priority"),  # codespell:ignore adress,interfcae,priorty
        ("real_server", "real_servers"), ("virtual_adress", "virtual_ipaddress"), ("vrrp_instance", "vrrp_instances"),
        ("conect_timout", "connect_timeout"), ("no_preempt", "nopreempt"),
    ],
)  # fmt: skip
def test_a_typing_error_is_recognised(word: str, meant: str) -> None:
    assert suggest(word, WORDS) == meant


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("dr", "DR"), ("WLC", "wlc"), ("Nat", "NAT"), ("realServers", "real_servers"), ("real-servers", "real_servers"),
        ("REAL SERVERS", "real_servers"), ("\u00a0 port", "port"), ("port:80", "port"),
    ],
)  # fmt: skip
def test_another_spelling_is_recognised(word: str, meant: str) -> None:
    assert suggest(word, WORDS) == meant


@pytest.mark.parametrize(
    ("word", "meant"), [("sched", "lvs_sched"), ("method", "lvs_method"), ("prio", "priority")]
)
def test_a_part_of_one_word_stands_for_it(word: str, meant: str) -> None:
    assert suggest(word, WORDS) == meant


@pytest.mark.parametrize("word", ["", ":", "x", "lvs", "banana", "port", "x" * 10**6, "💥", "a" * 60])
def test_nothing_is_better_than_a_bad_guess(word: str) -> None:
    assert suggest(word, WORDS) is None


def test_an_exact_word_in_another_spelling_is_still_suggested() -> None:
    assert suggest("DR", ["dr", "DR"]) == "dr"


def test_there_may_be_nothing_to_choose_from() -> None:
    assert suggest("port", []) is None
    assert suggest("prot", iter(["port"])) == "port"


def test_the_nearest_wins() -> None:
    assert suggest("web12", ["web1", "web112", "wb12", "db12"]) == "web112"
    assert suggest("wbe777", [f"web{n}" for n in range(10_000)]) == "web777"
