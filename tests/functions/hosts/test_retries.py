"""Backoff grows to a limit; retries come back in the order in which they are due."""

import threading

import pytest

from functions.hosts.retries import Backoff, Retries


def test_waits_double_up_to_the_longest() -> None:
    policy = Backoff(first_s=1.0, longest_s=10.0, spread=0.2)
    assert [policy.delay_s(n, 0.5) for n in (1, 2, 3, 4, 5)] == [1.0, 2.0, 4.0, 8.0, 10.0]
    assert policy.delay_s(10_000, 0.5) == 10.0


def test_chance_moves_a_wait_within_the_spread() -> None:
    policy = Backoff(first_s=1.0, spread=0.2)
    assert policy.delay_s(1, 0.0) == pytest.approx(0.8)
    assert policy.delay_s(1, 1.0) == pytest.approx(1.2)


def test_items_come_back_when_due_not_as_added() -> None:
    back: list[str] = []
    both = threading.Event()

    def again(item: str) -> None:
        back.append(item)
        if len(back) == 2:
            both.set()

    retries: Retries[str] = Retries(again)
    retries.add("late", 0.05)
    retries.add("early", 0.0)
    retries.start()
    assert both.wait(5)
    retries.close()
    retries.join(5)
    assert back == ["early", "late"]
    assert not retries.is_alive()
