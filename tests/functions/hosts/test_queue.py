"""Admission: high before normal before low, but nobody waits for ever."""

import threading

import pytest

from functions.hosts.queue import AGING_S, LaneQueue
from schemas.names import Lane

OPEN = dict.fromkeys(Lane, 100)


class Time:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


def taken(queue: LaneQueue[str], times: int) -> list[str]:
    items = [queue.take() for _ in range(times)]
    return [item[1] for item in items if item is not None]


def test_lanes_go_by_rank_and_each_is_first_in_first_out() -> None:
    queue: LaneQueue[str] = LaneQueue(OPEN, now=Time())
    for lane, item in ((Lane.LOW, "l1"), (Lane.NORMAL, "n1"), (Lane.HIGH, "h1"), (Lane.HIGH, "h2")):
        queue.put(lane, item)
    assert taken(queue, 4) == ["h1", "h2", "n1", "l1"]


def test_low_gets_in_although_high_never_ends() -> None:
    time = Time()
    queue: LaneQueue[str] = LaneQueue(OPEN, now=time)
    queue.put(Lane.LOW, "low")
    order = []
    for number in range(100):
        queue.put(Lane.HIGH, f"h{number}")
        order += taken(queue, 1)
        time.at += 1.0
        if order[-1] == "low":
            break
    assert order[-1] == "low"
    assert len(order) == pytest.approx(2 * AGING_S, abs=2)


def test_normal_overtakes_a_fresh_high_only_after_its_wait() -> None:
    time = Time()
    queue: LaneQueue[str] = LaneQueue(OPEN, now=time)
    queue.put(Lane.NORMAL, "normal")
    time.at = AGING_S - 1
    queue.put(Lane.HIGH, "high")
    assert taken(queue, 1) == ["high"]
    time.at = AGING_S + 1
    queue.put(Lane.HIGH, "later")
    assert taken(queue, 2) == ["normal", "later"]


def test_a_full_lane_lets_the_others_pass() -> None:
    queue: LaneQueue[str] = LaneQueue({Lane.HIGH: 1, Lane.NORMAL: 1, Lane.LOW: 1}, now=Time())
    for item in ("h1", "h2"):
        queue.put(Lane.HIGH, item)
    queue.put(Lane.LOW, "l1")
    assert taken(queue, 2) == ["h1", "l1"]
    queue.done(Lane.HIGH)
    assert taken(queue, 1) == ["h2"]


def test_closing_wakes_whoever_waits() -> None:
    queue: LaneQueue[str] = LaneQueue(OPEN)
    got: list[object] = []
    thread = threading.Thread(target=lambda: got.append(queue.take()))
    thread.start()
    queue.close()
    thread.join(5)
    assert got == [None]
