from lvsctl.ipvs.memory import MemoryIpvs
from lvsctl.ipvs.model import Connections, Counters, Dest, DestKey, Load, VirtualServer
from lvsctl.ipvs.steps import Step
from lvsctl.sorry.overload import Watch, can_overload, is_of_use, let_in, may_stay, take_out, watch
from lvsctl.vocabulary import SchedulerFlag
from tests.support.swaps import NAT, R1, R2, SORRY, WEB, server, target

TWO = server("rr", r1=1, r2=1)


def full_at(upper: int, lower: int = 0, of: VirtualServer = TWO) -> VirtualServer:
    """*of* with these thresholds for every real server."""
    limited = {
        key: dest._replace(upper=upper, lower=lower) if key != SORRY else dest
        for key, dest in of.dests.items()
    }
    return of._replace(dests=limited)


def seen(**totals: int) -> dict[DestKey, Load]:
    """What each real server has: active connections, and at the first one inactive ones, too."""
    keys = {"r1": R1, "r2": R2}
    return {
        keys[name]: Load(Connections(total - total // 2, total // 2), Counters())
        for name, total in totals.items()
    }


def story(dests: VirtualServer, *looks: dict[DestKey, Load], begin: Watch | None = None) -> list[bool]:
    """Whether the sorry should be in, after each look."""
    known, answers = begin or Watch(), []
    for loads in looks:
        known = watch(dests, loads, SORRY, known)
        answers.append(known.full)
    return answers


def test_the_sorry_is_in_from_when_all_are_full_until_one_is_below_three_quarters() -> None:
    two = full_at(8)
    looks = [(8, 7), (8, 8), (7, 8), (6, 8), (5, 8), (8, 8)]
    assert story(two, *(seen(r1=a, r2=b) for a, b in looks)) == [False, True, True, True, False, True]


def test_a_lower_threshold_counts_instead_of_three_quarters() -> None:
    two = full_at(8, 2)
    assert story(two, *(seen(r1=each, r2=8) for each in (8, 3, 2, 1))) == [True, True, True, False]


def looks(*totals: tuple[int, int]) -> list[dict[DestKey, Load]]:
    """What each of the two real servers has, look by look."""
    return [seen(r1=first, r2=second) for first, second in totals]


def test_it_comes_in_early_when_those_on_their_way_would_fill_them() -> None:
    two = full_at(8)
    assert story(two, *looks((6, 6), (7, 7))) == [False, True]
    assert story(two, *looks((6, 6), (7, 6))) == [False, False]


def test_those_who_leave_one_make_no_room_at_the_other() -> None:
    assert story(full_at(8), *looks((7, 3), (3, 7))) == [False, True]


def test_a_burst_is_expected_again_for_a_moment() -> None:
    """Else the sorry would go when one has room, and be let in again by the next look."""
    hundred = full_at(100)
    assert story(hundred, *looks((60, 60), (75, 75), (74, 74), (74, 74))) == [False, True, True, False]
    assert not any(story(hundred, *looks(*((each, each) for each in range(60, 98)))))


def test_one_without_a_limit_takes_everybody() -> None:
    two = full_at(1)
    unlimited = two._replace(dests={**two.dests, R2: NAT})
    assert not can_overload(unlimited, SORRY)
    assert story(unlimited, seen(r1=5, r2=5)) == [False]
    out = two._replace(dests={**two.dests, R2: NAT._replace(weight=0)})
    assert story(out, seen(r1=1, r2=0)) == [True]
    assert not can_overload(full_at(1, of=server("rr", r1=0, sorry=1)), SORRY)


def test_a_new_process_goes_on_from_what_the_last_one_knew() -> None:
    two = full_at(8)
    before = Watch(frozenset({R1, R2}), full=True)
    assert story(two, seen(r1=7, r2=7), begin=before) == [True]
    assert story(two, seen(r1=7, r2=7)) == [False]


def after(before: VirtualServer, steps: list[Step]) -> VirtualServer:
    ipvs = MemoryIpvs({WEB: before})
    assert not ipvs.send(steps)
    return ipvs.table()[WEB]


def test_in_and_out_again_leaves_the_service_as_it_was() -> None:
    for scheduler in ("rr", "sh", "mh"):
        for before in (server(scheduler, r1=1, r2=2), server(scheduler, r1=1, r2=2, sorry=0)):
            during = after(before, list(let_in(WEB, before, target())))
            assert {key: during.dests[key] for key in (R1, R2)} == {
                key: before.dests[key] for key in (R1, R2)
            }
            assert during.dests[SORRY] == NAT
            assert bool(during.service.flags & SchedulerFlag.SH_FALLBACK) is (scheduler != "rr")
            assert (
                after(during, list(take_out(WEB, during, before, target(), resident=SORRY in before.dests)))
                == before
            )


def test_where_it_may_stay_and_where_it_is_of_no_use() -> None:
    assert may_stay(server("wlc"), templates_expire=False)
    assert not may_stay(server("sh"), templates_expire=False)
    assert not may_stay(server("wlc", persistent=True), templates_expire=False)
    assert may_stay(server("wlc", persistent=True), templates_expire=True)
    assert is_of_use(server("sh"))
    assert not is_of_use(server("dh"))
    assert Dest().upper == 0
