"""A simulation of admission: no threads and no clock but its own, the same for the same seed."""

import heapq
import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from dataflux.policy import WORKERS
from functions.hosts.lanes import Admitted, Lanes
from functions.hosts.local import HOLD_S
from schemas.names import Lane

HOP_S = 0.01
"""From the end of a piece until the next one of its asset waits."""


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


def simulate(
    jobs: Iterable[Job],
    slots: int,
    *,
    until: float = float("inf"),
    hold_s: float = HOLD_S,
    pools: bool = False,
) -> None:
    """Let workers do the jobs; note how long each piece has waited.

    `slots` workers do all pieces, or with `pools` so many the first pieces of all jobs, as many
    others the second ones, and so on.
    """
    jobs = list(jobs)
    stages = max(len(job.pieces) for job in jobs)
    one = Lanes[Job](WORKERS, slots, hold_s=hold_s)
    each = dict.fromkeys(Lane, slots)
    rooms = [Lanes[Job](each, slots) for _ in range(stages)] if pools else [one] * stages
    numbers, events = itertools.count(), list[tuple[float, int, Callable[[float], None]]]()
    free, since = {id(room): slots for room in rooms}, dict[int, float]()

    def at(when: float, action: Callable[[float], None]) -> None:
        heapq.heappush(events, (when, next(numbers), action))

    def wait(job: Job, now: float) -> None:
        since[id(job)] = now
        rooms[len(job.waits)].put(job.lane, job.tenant, job, now)

    def end(room: Lanes[Job], admitted: Admitted[Job], now: float) -> None:
        free[id(room)] += 1
        room.done(admitted, now)
        if (held := room.changes_at(now)) is not None:
            at(held, lambda now: None)
        job = admitted.item
        if len(job.waits) < len(job.pieces):
            at(now + HOP_S, lambda now: wait(job, now))
        else:
            job.ended = now

    def begin(room: Lanes[Job], admitted: Admitted[Job], now: float) -> None:
        job = admitted.item
        job.waits.append(now - since[id(job)])
        takes = job.pieces[len(job.waits) - 1]
        at(now + takes, lambda now: end(room, admitted, now))

    for job in jobs:
        at(job.arrives, lambda now, job=job: wait(job, now))  # type: ignore[misc]
    while events and events[0][0] <= until:
        now, _, action = heapq.heappop(events)
        action(now)
        for room in {id(room): room for room in rooms}.values():
            while free[id(room)] and (admitted := room.take(now)) is not None:
                free[id(room)] -= 1
                begin(room, admitted, now)


def p95(values: Iterable[float]) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
