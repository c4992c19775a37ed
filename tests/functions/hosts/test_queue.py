"""Threads at the lanes: they wait, are woken, and end."""

import threading

from functions.hosts.queue import LaneQueue
from schemas.names import Lane

PATIENCE_S = 10.0
ONE = dict.fromkeys(Lane, 1)


def test_who_waits_is_woken_by_what_comes() -> None:
    queue: LaneQueue[str] = LaneQueue(ONE, 3)
    got: list[str] = []

    def work() -> None:
        while (admitted := queue.take()) is not None:
            got.append(admitted.item)
            queue.done(admitted)
            if len(got) == 3:
                queue.close()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for item in "abc":  # the lane takes one at a time: each waits for the one before it
        queue.put(Lane.LOW, "t", item)
    for thread in threads:
        thread.join(PATIENCE_S)
    assert sorted(got) == ["a", "b", "c"]


def test_closing_wakes_whoever_waits() -> None:
    queue: LaneQueue[str] = LaneQueue(ONE, 3)
    got: list[object] = []
    thread = threading.Thread(target=lambda: got.append(queue.take()))
    thread.start()
    queue.close()
    thread.join(PATIENCE_S)
    assert got == [None]
