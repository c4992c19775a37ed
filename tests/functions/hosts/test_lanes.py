"""Admission: urgent before the rest, fairly among tenants, and nobody waits for ever."""

import itertools
import random
from collections import Counter
from collections.abc import Iterator
from statistics import mean

import pytest

from functions.hosts.lanes import SHARES, Lanes
from schemas.names import Lane
from tests.functions.hosts.simulation import Job, p95, simulate

OPEN = dict.fromkeys(Lane, 100)
STAGES = (0.05, 1.0, 0.8, 0.2)
"""Seconds of a typical asset: ingest, segment, analyze, embed."""
SEEDS = (1, 2)


def put(lanes: Lanes[str], lane: Lane, *items: str, tenant: str = "t") -> None:
    for item in items:
        lanes.put(lane, tenant, item)


def taken(lanes: Lanes[str], times: int) -> list[str]:
    """Take so many items, and keep them in work."""
    admitted = [lanes.take(0.0) for _ in range(times)]
    return [one.item for one in admitted if one is not None]


def test_lanes_go_by_rank_and_each_is_first_in_first_out() -> None:
    lanes: Lanes[str] = Lanes(OPEN)
    put(lanes, Lane.LOW, "l1")
    put(lanes, Lane.NORMAL, "n1")
    put(lanes, Lane.HIGH, "h1", "h2")
    assert taken(lanes, 5) == ["h1", "h2", "n1", "l1"]


def test_a_full_lane_lets_the_others_pass() -> None:
    lanes: Lanes[str] = Lanes(dict.fromkeys(Lane, 1))
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
    lanes: Lanes[str] = Lanes(OPEN)
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
    lanes: Lanes[str] = Lanes(OPEN)
    put(lanes, Lane.LOW, "l1", "l2")
    put(lanes, Lane.HIGH, "h1", "h2", "h3")
    first = lanes.take(0.0)
    assert first is not None
    lanes.done(first, 100.0)
    assert taken(lanes, 4) == ["l1", "h2", "h3", "l2"]


def test_nothing_is_owed_for_a_time_without_work() -> None:
    lanes: Lanes[str] = Lanes(OPEN)
    put(lanes, Lane.HIGH, "h1")
    first = lanes.take(0.0)
    assert first is not None
    lanes.done(first, 1000.0)
    put(lanes, Lane.LOW, "l1")
    put(lanes, Lane.HIGH, "h2")
    assert taken(lanes, 2) == ["h2", "l1"]


def test_tenants_take_turns_however_much_each_has_waiting() -> None:
    lanes: Lanes[str] = Lanes(OPEN)
    put(lanes, Lane.NORMAL, "a1", "a2", "a3", "a4", tenant="a")
    put(lanes, Lane.NORMAL, "b1", tenant="b")
    put(lanes, Lane.NORMAL, "c1", "c2", tenant="c")
    assert sorted(taken(lanes, 3)) == ["a1", "b1", "c1"]
    assert sorted(taken(lanes, 2)) == ["a2", "c2"]


def test_tenants_with_long_pieces_get_fewer_turns() -> None:
    lanes: Lanes[str] = Lanes(OPEN)
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


def test_who_was_away_has_not_saved_up_turns() -> None:
    lanes: Lanes[str] = Lanes(OPEN)
    put(lanes, Lane.NORMAL, *["a"] * 20, tenant="a")
    now = 0.0
    for _ in range(10):
        admitted = lanes.take(now)
        assert admitted is not None
        now += 1.0
        lanes.done(admitted, now)
    put(lanes, Lane.NORMAL, *["b"] * 20, tenant="b")
    order = []
    for _ in range(10):
        admitted = lanes.take(now)
        assert admitted is not None
        now += 1.0
        lanes.done(admitted, now)
        order.append(admitted.item)
    assert Counter(order) == {"a": 5, "b": 5}


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


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("slots", "load"), [(4, 0.1), (10, 0.1), (10, 0.7)])
def test_a_flood_of_one_tenant_moves_the_p95_of_another_by_a_fifth_at_most(
    slots: int, load: float, seed: int
) -> None:
    calm, flooded = (
        p95(job.took_s for job in desk(slots, load, seed, flood=flood)) for flood in (False, True)
    )
    assert flooded < 1.2 * calm


def desk(slots: int, load: float, seed: int, *, flood: bool) -> list[Job]:
    """Return what becomes of one tenant's assets beside others, and beside a flood."""
    until, drawn = 3_000.0, random.Random(seed)
    busy_s = sum(STAGES) / slots
    mine = [
        Job(Lane.NORMAL, "desk", at, pieces(drawn)) for at in arrivals(drawn, 20 * busy_s, until)
    ]
    others = [
        Job(Lane.NORMAL, name, at, pieces(drawn))
        for name in ("news", "film", "sound")
        for at in arrivals(drawn, 3 * busy_s / load, until)
    ]
    drawn = random.Random(-seed)
    flooding = [Job(Lane.NORMAL, "flood", 0.0, pieces(drawn)) for _ in range(int(until / busy_s))]
    simulate([*mine, *others, *(flooding if flood else [])], slots, until=until)
    return [job for job in mine if job.ended]
