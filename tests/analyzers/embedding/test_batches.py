"""Batches: in order, of many callers, never larger than allowed, and a failure is its caller's."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from analyzers.embedding.batches import Batches


def test_results_come_in_the_order_of_the_items() -> None:
    seen = []

    def double(items: Sequence[int]) -> list[int]:
        seen.append(len(items))
        return [2 * item for item in items]

    assert Batches(double, most=4, workers=2)(range(11)) == list(range(0, 22, 2))
    assert sum(seen) == 11
    assert max(seen) <= 4
    assert Batches(double, most=4, workers=2)([]) == []


def test_who_waits_meanwhile_goes_into_one_batch() -> None:
    """While the only worker is busy, three callers queue up; then they are computed together."""
    seen: list[list[str]] = []
    busy, go = threading.Event(), threading.Event()

    def compute(items: Sequence[str]) -> Sequence[str]:
        seen.append(sorted(items))
        busy.set()
        assert go.wait(10)
        return [item.upper() for item in items]

    batches = Batches(compute, most=8, workers=1)
    with ThreadPoolExecutor(4) as callers:
        first = callers.submit(batches, ["first"])
        assert busy.wait(10)
        others = [callers.submit(batches, [name]) for name in ("a", "b", "c")]
        while len(batches._waiting) < 3:  # they are only queued: nothing else can change it
            threading.Event().wait(0.001)
        go.set()
        assert first.result(10) == ["FIRST"]
        assert [other.result(10) for other in others] == [["A"], ["B"], ["C"]]
    assert seen == [["first"], ["a", "b", "c"]]


def test_a_failure_reaches_those_in_its_batch_and_no_one_else() -> None:
    def compute(items: Sequence[int]) -> list[int]:
        if 3 in items:
            raise ValueError("three")
        return list(items)

    batches = Batches(compute, most=1, workers=1)
    with pytest.raises(ValueError, match="three"):
        batches([1, 2, 3, 4])
    assert batches([1, 2, 4]) == [1, 2, 4]


def test_too_few_results_are_an_error_and_not_a_wait_forever() -> None:
    batches: Batches[int, int] = Batches(lambda items: items[:-1], most=3, workers=1)
    with pytest.raises(ValueError, match="shorter"):
        batches([1, 2, 3])
