"""A simulation of admission: no threads and no clock but its own, the same for the same seed."""

import heapq
import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from dataflux.policy import WORKERS
from functions.hosts.lanes import Admitted, Lanes
from schemas.names import Lane


@dataclass
class Job:
    """An asset: it arrives, and its pieces are worked on one after the other."""

    lane: Lane
    tenant: str
    arrives: float
    pieces: Sequence[float]
    """How long each takes, in seconds."""
    waits: list[float] = field(default_factory=list)
    ended: float | None = None

    @property
    def service_s(self) -> float:
        return sum(self.pieces)

    @property
    def took_s(self) -> float:
        assert self.ended is not None
        return self.ended - self.arrives


def simulate(jobs: Iterable[Job], slots: int, *, until: float = float("inf")) -> None:
    """Let `slots` workers do the jobs; note how long each piece has waited."""
    lanes: Lanes[Job] = Lanes(WORKERS)
    numbers, events = itertools.count(), list[tuple[float, int, Callable[[float], None]]]()
    free, since = slots, dict[int, float]()

    def at(when: float, action: Callable[[float], None]) -> None:
        heapq.heappush(events, (when, next(numbers), action))

    def wait(job: Job, now: float) -> None:
        since[id(job)] = now
        lanes.put(job.lane, job.tenant, job)

    def end(admitted: Admitted[Job], now: float) -> None:
        nonlocal free
        free += 1
        lanes.done(admitted, now)
        job = admitted.item
        if len(job.waits) < len(job.pieces):
            wait(job, now)
        else:
            job.ended = now

    def begin(admitted: Admitted[Job], now: float) -> None:
        job = admitted.item
        job.waits.append(now - since[id(job)])
        takes = job.pieces[len(job.waits) - 1]
        at(now + takes, lambda now: end(admitted, now))

    for job in jobs:
        at(job.arrives, lambda now, job=job: wait(job, now))  # type: ignore[misc]
    while events and events[0][0] <= until:
        now, _, action = heapq.heappop(events)
        action(now)
        while free and (admitted := lanes.take(now)) is not None:
            free -= 1
            begin(admitted, now)


def p95(values: Iterable[float]) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
