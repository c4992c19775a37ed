"""Admission: urgent before the rest, fairly among tenants, and nobody waits for ever."""

import itertools
import math
import random
from collections import Counter
from collections.abc import Iterator
from statistics import mean

import pytest

from dataflux.policy import WORKERS
from functions.hosts.lanes import CREDIT_S, HALF_LIFE_S, SHARES, Lanes
from schemas.names import Lane
from tests.functions.hosts.simulation import Job, p95, simulate

OPEN = dict.fromkeys(Lane, 100)
STAGES = (0.05, 1.0, 0.8, 0.2)
"""Seconds of a typical asset: ingest, segment, analyze, embed."""
ASSET_S = sum(STAGES) * math.exp(0.5**2 / 2)
SEEDS = (1, 2)


def put(lanes: Lanes[str], lane: Lane, *items: str, tenant: str = "t", now: float = 0.0) -> None:
    for item in items:
        lanes.put(lane, tenant, item, now)


def taken(lanes: Lanes[str], times: int, now: float = 0.0) -> list[str]:
    """Take so many items, and keep them in work."""
    admitted = [lanes.take(now) for _ in range(times)]
    return [one.item for one in admitted if one is not None]


def test_lanes_go_by_rank_and_each_is_first_in_first_out() -> None:
    lanes: Lanes[str] = Lanes(OPEN, 100)
    put(lanes, Lane.LOW, "l1")
    put(lanes, Lane.NORMAL, "n1")
    put(lanes, Lane.HIGH, "h1", "h2")
    assert taken(lanes, 5) == ["h1", "h2", "n1", "l1"]


def test_a_full_lane_lets_the_others_pass() -> None:
    lanes: Lanes[str] = Lanes(dict.fromkeys(Lane, 1), 100)
    put(lanes, Lane.HIGH, "h1", "h2")
    put(lanes, Lane.LOW, "l1", "l2")
    first = lanes.take(0.0)
    assert first is not None
    assert taken(lanes, 2) == ["l1"]
    lanes.done(first, 1.0)
    assert taken(lanes, 2) == ["h2"]


@pytest.mark.parametrize("lane", [Lane.NORMAL, Lane.LOW])
def test_a_lane_that_is_passed_over_gets_its_share_of_the_time(lane: Lane) -> None:
    """Of pieces that take long, fewer: it is the time that is shared."""
    takes, given, now = {Lane.HIGH: 1.0, lane: 3.0}, Counter[Lane](), 0.0
    lanes: Lanes[str] = Lanes(OPEN, 100)
    for _ in range(2_000):
        put(lanes, Lane.HIGH, "h")
        put(lanes, lane, "l")
        admitted = lanes.take(now)
        assert admitted is not None
        now += takes[admitted.lane]
        lanes.done(admitted, now)
        given[admitted.lane] += int(takes[admitted.lane])
    assert given[lane] / given[Lane.HIGH] == pytest.approx(SHARES[lane], rel=0.1)


def test_a_lane_that_is_owed_takes_one_slot_not_all() -> None:
    lanes: Lanes[str] = Lanes(OPEN, 100)
    put(lanes, Lane.LOW, "l1", "l2")
    put(lanes, Lane.HIGH, "h1", "h2", "h3")
    first = lanes.take(0.0)
    assert first is not None
    lanes.done(first, 100.0)
    assert taken(lanes, 4) == ["l1", "h2", "h3", "l2"]


def test_nothing_is_owed_for_a_time_without_work() -> None:
    lanes: Lanes[str] = Lanes(OPEN, 100)
    put(lanes, Lane.HIGH, "h1")
    first = lanes.take(0.0)
    assert first is not None
    lanes.done(first, 1000.0)
    put(lanes, Lane.LOW, "l1")
    put(lanes, Lane.HIGH, "h2")
    assert taken(lanes, 2) == ["h2", "l1"]


def test_tenants_take_turns_however_much_each_has_waiting() -> None:
    lanes: Lanes[str] = Lanes(OPEN, 100)
    put(lanes, Lane.NORMAL, "a1", "a2", "a3", "a4", tenant="a")
    put(lanes, Lane.NORMAL, "b1", tenant="b")
    put(lanes, Lane.NORMAL, "c1", "c2", tenant="c")
    assert sorted(taken(lanes, 3)) == ["a1", "b1", "c1"]
    assert sorted(taken(lanes, 2)) == ["a2", "c2"]


def test_tenants_with_long_pieces_get_fewer_turns() -> None:
    lanes: Lanes[str] = Lanes(OPEN, 100)
    put(lanes, Lane.NORMAL, *["a"] * 100, tenant="long")
    put(lanes, Lane.NORMAL, *["b"] * 100, tenant="short")
    given, now = Counter[str](), 0.0
    for _ in range(55):
        admitted = lanes.take(now)
        assert admitted is not None
        now += 10.0 if admitted.item == "a" else 1.0
        lanes.done(admitted, now)
        given[admitted.item] += 1
    assert given["a"] == pytest.approx(5, abs=1)


def test_who_was_away_is_ahead_for_a_few_seconds_of_work_and_no_more() -> None:
    lanes: Lanes[str] = Lanes(OPEN, 1)
    put(lanes, Lane.NORMAL, *["a"] * 500, tenant="a")
    now = work(lanes, 200, 0.0)[1]
    put(lanes, Lane.NORMAL, *["b"] * 500, tenant="b", now=now)
    order, _ = work(lanes, 100, now)
    first = order.index("a")
    assert CREDIT_S / 2 < first <= CREDIT_S + 1
    assert Counter(order[first:])["a"] == pytest.approx((100 - first) / 2, abs=5)


def test_who_uses_little_goes_first_with_many_pieces_too() -> None:
    lanes: Lanes[str] = Lanes(OPEN, 4)
    put(lanes, Lane.NORMAL, *["a"] * 100, tenant="a")
    now = work(lanes, 50, 0.0)[1]
    put(lanes, Lane.NORMAL, "b1", "b2", "b3", "b4", tenant="b", now=now)
    assert taken(lanes, 4, now) == ["b1", "b2", "b3", "b4"]


def test_what_was_used_fades() -> None:
    lanes: Lanes[str] = Lanes(OPEN, 1)
    put(lanes, Lane.NORMAL, *["a"] * 20, tenant="a")
    now = work(lanes, 20, 0.0)[1] + 12 * HALF_LIFE_S
    put(lanes, Lane.NORMAL, *["a"] * 20, tenant="a", now=now)
    put(lanes, Lane.NORMAL, *["b"] * 20, tenant="b", now=now)
    assert Counter(work(lanes, 10, now)[0]) == {"a": 5, "b": 5}


def work(lanes: Lanes[str], times: int, now: float) -> tuple[list[str], float]:
    """Do so many pieces of a second, one after the other; return them, and when that was done."""
    order = list[str]()
    for _ in range(times):
        admitted = lanes.take(now)
        assert admitted is not None
        now += 1.0
        lanes.done(admitted, now)
        order.append(admitted.item)
    return order, now


# -- a slot that is held --------------------------------------------------------------------------


def flooded(slots: int = 1) -> tuple[Lanes[str], float]:
    """Return lanes before which a flood waits, and of which another has just had a slot."""
    lanes: Lanes[str] = Lanes(OPEN, slots, hold_s=0.5)
    put(lanes, Lane.NORMAL, *["a"] * 50, tenant="a")
    _, now = work(lanes, 5, 0.0)
    put(lanes, Lane.NORMAL, "b1", tenant="b", now=now)
    assert work(lanes, 1, now) == (["b1"], now + 1)
    return lanes, now + 1


def test_a_slot_is_held_for_the_next_piece_of_who_has_just_had_one() -> None:
    lanes, now = flooded()
    assert lanes.take(now) is None
    assert lanes.changes_at(now) == now + 0.5
    put(lanes, Lane.NORMAL, "b2", tenant="b", now=now + 0.1)
    assert taken(lanes, 1, now + 0.1) == ["b2"]
    assert lanes.changes_at(now + 0.1) is None


def test_a_slot_is_not_held_for_long() -> None:
    lanes, now = flooded()
    assert taken(lanes, 1, now + 0.5) == ["a"]


def test_one_slot_is_held_not_all() -> None:
    lanes, now = flooded(slots=3)
    assert taken(lanes, 3, now) == ["a", "a"]


def test_who_is_more_urgent_does_not_wait_for_a_slot_that_is_held() -> None:
    lanes, now = flooded()
    put(lanes, Lane.HIGH, "h", now=now)
    assert taken(lanes, 1, now) == ["h"]


def test_no_slot_is_held_for_a_flood() -> None:
    lanes: Lanes[str] = Lanes(OPEN, 1, hold_s=0.5)
    put(lanes, Lane.NORMAL, *["a"] * 5, tenant="a")
    _, now = work(lanes, 4, 0.0)
    put(lanes, Lane.NORMAL, *["b"] * 5, tenant="b", now=now - 1)
    order, now = work(lanes, 4, now)
    assert order == ["b"] * 4
    admitted = lanes.take(now)
    assert admitted is not None
    put(lanes, Lane.NORMAL, "b", tenant="b", now=now)
    lanes.done(admitted, now + 9)  # has used more than who waits
    assert lanes.changes_at(now + 9) is None


# -- by simulation ------------------------------------------------------------------------------


def pieces(drawn: random.Random) -> list[float]:
    return [stage * drawn.lognormvariate(0, 0.5) for stage in STAGES]


def arrivals(drawn: random.Random, each_s: float, until: float) -> Iterator[float]:
    gaps = iter(lambda: drawn.expovariate(1 / each_s), None)
    return itertools.takewhile(lambda at: at < until, itertools.accumulate(gaps))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("slots", [2, 4, 10])
def test_an_urgent_upload_waits_two_service_times_at_most_behind_500(slots: int, seed: int) -> None:
    drawn = random.Random(seed)
    low = [Job(Lane.LOW, "archive", 0.0, pieces(drawn)) for _ in range(500)]
    busy_s = sum(job.service_s for job in low) / slots
    high = [
        Job(Lane.HIGH, "desk", at, pieces(drawn))
        for at in arrivals(drawn, 20.0 / slots, 0.8 * busy_s)
    ]
    simulate([*low, *high], slots)
    service_s = mean(job.service_s for job in high)
    assert p95(sum(job.waits) for job in high) <= 2 * service_s
    assert all(job.ended for job in low)


@pytest.mark.parametrize("seed", SEEDS)
def test_low_goes_on_while_there_is_more_urgent_work_than_can_be_done(seed: int) -> None:
    drawn, slots, until = random.Random(seed), 4, 2_000.0
    low = [Job(Lane.LOW, "archive", 0.0, pieces(drawn)) for _ in range(500)]
    high = [Job(Lane.HIGH, "desk", 0.3 * n, pieces(drawn)) for n in range(6_000)]
    simulate([*low, *high], slots, until=until)
    begun_s = sum(sum(job.pieces[: len(job.waits)]) for job in low)
    share = SHARES[Lane.LOW] / (1 + SHARES[Lane.LOW])
    assert begun_s / (slots * until) == pytest.approx(share, rel=0.1)


@pytest.mark.parametrize(
    ("slots", "load", "pools"),
    [
        *((slots, 0.1, False) for slots in (3, 4, 10)),
        *((slots, 0.25, False) for slots in (4, 10)),
        *((slots, 0.25, True) for slots in WORKERS.values()),
    ],
)
def test_a_flood_of_one_tenant_moves_the_p95_of_another_by_a_fifth_at_most(
    slots: int, load: float, pools: bool
) -> None:
    """Of who takes so much of the workers itself, alone and beside a flood that does not end."""
    calm, beside = (
        mean(p95(job.took_s for job in desk(slots, load, seed, flood, pools)) for seed in SEEDS)
        for flood in (False, True)
    )
    assert beside < 1.2 * calm


def desk(slots: int, load: float, seed: int, flood: bool, pools: bool) -> list[Job]:
    """Return what becomes of one tenant's assets, the same with and without a flood."""
    until, drawn = 100 * ASSET_S / load / slots, random.Random(seed)
    mine = [
        Job(Lane.NORMAL, "desk", at, pieces(drawn))
        for at in arrivals(drawn, ASSET_S / slots / load, until)
    ]
    waves = int(until * slots / ASSET_S) if flood else 0
    others = [Job(Lane.NORMAL, "flood", 0.0, pieces(drawn)) for _ in range(waves)]
    simulate([*mine, *others], slots, until=until, pools=pools)
    return [job for job in mine if job.ended]
