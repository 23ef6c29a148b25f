"""What the agent knows after somebody said something: the FIFO's order counts, hooks only hint, the account is the truth."""

import random
from typing import TYPE_CHECKING

from lvsctl.agent.model import Account, Instance, Interest, Memory, Source, Standing, Word
from lvsctl.agent.reduce import confirm, generations, prepared, take
from lvsctl.agent.saved import back, to
from lvsctl.agent.standing import standings
from lvsctl.failover.model import Vrrp
from lvsctl.notify.event import Event, LowerPrioritySeen, PriorityChanged, Quorum, Transition

if TYPE_CHECKING:
    from collections.abc import Iterable

INTEREST = Interest({"VI_1": 5.0, "VI_2": 5.0}, {"G": ("VI_1", "VI_2")}, frozenset({"web"}))


def begun(seed: int = 100) -> Memory:
    return prepared(Memory(), INTEREST, seed)


def fifo(state: str, at: float = 1.0, name: str = "VI_1") -> Word:
    return Word(Transition(name, state, 100), Source.FIFO, at)


def hook(state: str, at: float = 1.0, name: str = "VI_1") -> Word:
    return Word(Transition(name, state, 100), Source.HOOK, at)


def said(event: Event, at: float = 1.0, source: Source = Source.FIFO) -> Word:
    return Word(event, source, at)


def after(*words: Word, memory: Memory | None = None) -> Memory:
    return take(memory or begun(), words, INTEREST).memory


def vi_1(memory: Memory) -> Instance:
    return memory.instances["VI_1"]


def account(state: Vrrp, transition: str = "1.0", name: str = "VI_1") -> Account:
    return Account({name: Standing(state, transition)})


def confirmed(memory: Memory, answer: Account, at: float = 9.0) -> Memory:
    return confirm(memory, answer, INTEREST, at=at, told=generations(memory))


def test_each_change_of_state_is_a_generation_and_the_same_state_again_is_none() -> None:
    assert [vi_1(after(*map(fifo, states))).generation - 100 for states in (
        ("BACKUP",), ("BACKUP", "BACKUP"), ("BACKUP", "MASTER"), ("BACKUP", "MASTER", "BACKUP", "MASTER")
    )] == [1, 1, 2, 4]  # fmt: skip


def test_of_any_number_of_words_the_last_state_is_left() -> None:
    dice = random.Random(7)
    states = [dice.choice(("MASTER", "BACKUP", "FAULT", "STOP")) for _ in range(5000)]
    memory = after(*map(fifo, states))
    assert vi_1(memory).state == states[-1]
    assert len(memory.instances) == 2


def test_nobody_makes_the_agent_remember_what_is_not_in_the_spec() -> None:
    words: Iterable[Word] = (fifo("MASTER", name=f"forged {number}") for number in range(1000))
    assert after(*words) == begun()
    assert after(said(Quorum("forged", up=False))) == begun()


def test_a_hook_counts_where_nobody_better_has_spoken_and_asks_for_the_truth() -> None:
    taken = take(begun(), [hook("MASTER")], INTEREST)
    assert vi_1(taken.memory).state is Vrrp.MASTER
    assert taken.doubts == {"VI_1"}


def test_a_hook_never_overrules_the_fifo_but_casts_doubt() -> None:
    known = after(fifo("MASTER", 2.0))
    taken = take(known, [hook("BACKUP", 3.0)], INTEREST)
    assert vi_1(taken.memory).state is Vrrp.MASTER
    assert taken.doubts == {"VI_1"}


def test_a_hook_that_agrees_or_is_older_changes_nothing_at_all() -> None:
    known = after(fifo("BACKUP", 1.0), fifo("MASTER", 2.0))
    for word in (hook("MASTER", 2.1), hook("BACKUP", 1.1)):
        taken = take(known, [word], INTEREST)
        assert (taken.memory, taken.doubts) == (known, frozenset())


def test_hooks_alone_are_taken_by_the_time_at_which_they_ran() -> None:
    assert vi_1(after(hook("MASTER", 2.0), hook("BACKUP", 1.0))).state is Vrrp.MASTER


def test_a_group_that_is_not_like_its_instances_casts_doubt_on_them() -> None:
    known = after(fifo("MASTER"))
    taken = take(known, [said(Transition("G", "MASTER", 0, is_group=True))], INTEREST)
    assert taken.doubts == {"VI_2"}
    assert taken.memory == known


def test_a_deleted_instance_is_a_stopped_one() -> None:
    assert vi_1(after(fifo("MASTER"), fifo("DELETED"))).state is Vrrp.STOP


def test_a_master_that_was_backup_for_longer_than_silence_allows_was_elected() -> None:
    assert vi_1(after(fifo("BACKUP", 1.0), fifo("MASTER", 7.0))).elected
    assert not vi_1(after(fifo("BACKUP", 1.0), fifo("MASTER", 5.0))).elected
    assert not vi_1(after(fifo("FAULT", 1.0), fifo("MASTER", 7.0))).elected
    assert not vi_1(
        after(fifo("BACKUP", 1.0), fifo("MASTER", 7.0), fifo("BACKUP", 8.0), fifo("MASTER", 9.0))
    ).elected


def test_a_lower_priority_counts_for_the_mastership_in_which_it_was_heard() -> None:
    lower = LowerPrioritySeen("VI_1")
    assert vi_1(after(fifo("MASTER", 2.0), said(lower, 3.0))).lower_heard == 3.0
    assert vi_1(after(fifo("MASTER", 2.0), said(lower, 1.0, Source.HOOK))).lower_heard is None
    assert vi_1(after(fifo("BACKUP", 2.0), said(lower, 3.0))).lower_heard is None
    assert (
        vi_1(
            after(fifo("MASTER", 2.0), said(lower, 3.0), fifo("BACKUP", 4.0), fifo("MASTER", 5.0))
        ).lower_heard
        is None
    )


def test_a_storm_of_priorities_leaves_the_last_one_and_the_generation_alone() -> None:
    known = after(fifo("MASTER"))
    stormy = after(*(said(PriorityChanged("VI_1", number % 255)) for number in range(3000)), memory=known)
    assert vi_1(stormy) == vi_1(known)._replace(priority=2999 % 255)


def test_keepalived_s_account_is_the_truth() -> None:
    known = after(fifo("MASTER"))
    assert vi_1(confirmed(known, account(Vrrp.MASTER))).generation == vi_1(known).generation
    beaten = vi_1(confirmed(known, account(Vrrp.BACKUP)))
    assert (beaten.state, beaten.generation) == (Vrrp.BACKUP, vi_1(known).generation + 1)


def test_an_instance_that_no_keepalived_has_is_stopped() -> None:
    assert vi_1(confirmed(after(fifo("MASTER")), Account({}))).state is Vrrp.STOP


def test_no_answer_and_a_state_that_is_not_one_yet_change_nothing() -> None:
    known = after(fifo("MASTER"))
    for answer in (Account(None), account(Vrrp.UNKNOWN)):
        assert vi_1(confirmed(known, answer)) == vi_1(known)


def test_what_the_fifo_said_while_keepalived_wrote_its_account_is_not_overruled_by_it() -> None:
    asked = after(fifo("BACKUP"))
    told = generations(asked)
    meanwhile = after(fifo("MASTER", 2.0), memory=asked)
    assert vi_1(confirm(meanwhile, account(Vrrp.BACKUP), INTEREST, at=3.0, told=told)).state is Vrrp.MASTER


def test_a_mastership_that_ended_and_began_while_nobody_listened_is_another_one() -> None:
    known = confirmed(after(fifo("MASTER")), account(Vrrp.MASTER, "1.0"))
    assert vi_1(confirmed(known, account(Vrrp.MASTER, "1.0"))) == vi_1(known)
    assert vi_1(confirmed(known, account(Vrrp.MASTER, "2.0"))).generation == vi_1(known).generation + 1


def test_quorums_are_taken_by_time_and_told_when_they_change() -> None:
    down = take(begun(), [said(Quorum("web", up=False), 2.0)], INTEREST)
    assert down.quorums == ("web",)
    for word, news in ((said(Quorum("web", up=False), 3.0), ()), (said(Quorum("web", up=True), 1.0), ()), (said(Quorum("web", up=True), 3.0), ("web",))):  # fmt: skip
        assert take(down.memory, [word], INTEREST).quorums == news
    assert take(begun(), [said(Quorum("web", up=True))], INTEREST).quorums == ()


def test_what_is_known_comes_back_from_disk_and_after_a_reboot_only_the_numbers_do() -> None:
    known = after(
        fifo("BACKUP", 1.0),
        fifo("MASTER", 9.0),
        said(LowerPrioritySeen("VI_1"), 9.5),
        said(Quorum("web", up=False)),
    )
    assert back(to(known), 0.0) == known
    rebooted = back(to(known), -5.0)
    assert vi_1(rebooted) == Instance(generation=vi_1(known).generation, done=100)
    assert vi_1(after(fifo("MASTER"), memory=rebooted)).generation > vi_1(known).generation
    assert not rebooted.quorums


def test_a_memory_that_was_lost_never_gives_a_number_again() -> None:
    earlier = vi_1(after(*map(fifo, ("MASTER", "BACKUP") * 50), memory=begun(1_700_000_000)))
    assert vi_1(begun(1_700_000_200)).generation > earlier.generation


DUMP = """\
------< VRRP Topology >------
 VRRP Instance = VI_1
   VRRP Version = 2
   State = MASTER
   Wantstate = MASTER
   Last transition = 1795252109.435672 (Sat Nov 21 09:08:29.435672 2026)
   Virtual IP (1):
     10.0.0.100/24 dev eth0 scope global
 VRRP Instance = a name
   State = INIT
------< Interfaces >------
 Name = eth0
   State = UP, RUNNING
"""


def test_the_account_names_state_and_last_transition_of_each_instance() -> None:
    assert standings(DUMP) == {
        "VI_1": Standing(Vrrp.MASTER, "1795252109.435672"),
        "a name": Standing(Vrrp.UNKNOWN, ""),
    }
    assert standings("") == {}
    assert standings(" VRRP Instance = x\n" * 20_000 + "   " * 50_000)["x"].state is Vrrp.UNKNOWN
