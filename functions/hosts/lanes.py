"""Which waiting work is admitted next: pure, of three lanes and any number of tenants.

More urgent lanes go first. A lane that is passed over is owed a share of the time that the lanes
before it take; once it is owed anything it gets one slot, and pays for it. So nobody waits for
ever, and nobody who is urgent waits for more than that.

Within a lane, the tenant that has used least of late is next. What was used fades by half a minute
after minute, as in the decay-usage schedulers of Unix (Hellerstein, 1993): who takes less than its
share goes before who takes more, also with many pieces at once. Who was away is ahead of the others
by a few seconds of work, no more: its flood holds them up for no longer than that.

A piece that has begun is not interrupted, so who comes back finds all slots taken by a flood. Where
the pieces of an asset follow one another on the same slots, one is therefore held for the next
piece for a moment: anticipatory scheduling, after Iyer and Druschel (2001).
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from schemas.names import Lane

T = TypeVar("T")

ORDER = (Lane.HIGH, Lane.NORMAL, Lane.LOW)
SHARES = {Lane.HIGH: 0.0, Lane.NORMAL: 1 / 4, Lane.LOW: 1 / 8}
"""Of the time that more urgent lanes take while this one waits."""
HALF_LIFE_S = 60.0
"""Longer than a piece takes, so that one piece is not forgotten when the next one begins."""
CREDIT_S = 20.0
"""Of work that who was away may have before others: a few assets, not a flood of them."""
FORGOTTEN_S = 0.001
"""Who has used less is as if new."""


@dataclass(frozen=True, slots=True)
class Admitted(Generic[T]):
    """An item that has a slot, since when, and whether before others that are more urgent."""

    lane: Lane
    tenant: str
    item: T
    at: float
    owed: bool


@dataclass
class _Tenant(Generic[T]):
    """What one tenant has waiting and in work in a lane, and how much time it has used of late."""

    waiting: deque[T] = field(default_factory=deque)
    working: int = 0
    used_s: float = 0.0
    faded_at: float = 0.0
    held_until: float = 0.0
    """Until then a slot is kept for what it brings next."""

    def used(self, now: float) -> float:
        self.used_s *= 0.5 ** (max(0.0, now - self.faded_at) / HALF_LIFE_S)
        self.faded_at = now
        return self.used_s

    def is_gone(self, now: float) -> bool:
        return not (self.waiting or self.working) and self.used(now) < FORGOTTEN_S


@dataclass
class _Lane(Generic[T]):
    cap: int
    tenants: dict[str, _Tenant[T]] = field(default_factory=dict)
    waiting: int = 0
    working: int = 0
    owed_s: float = 0.0
    piece_s: float = 1.0
    """How long pieces take, on the average of the last few: what one is expected to use."""

    @property
    def is_open(self) -> bool:
        return self.waiting > 0 and self.working < self.cap

    @property
    def is_due(self) -> bool:
        return self.owed_s > 0 and self.working == 0 and self.is_open

    def put(self, name: str, item: T, now: float) -> None:
        if name not in self.tenants:
            self.tenants = {n: t for n, t in self.tenants.items() if not t.is_gone(now)}
            self.tenants[name] = _Tenant()
        tenant = self.tenants[name]
        if not (tenant.waiting or tenant.working):
            tenant.used_s = max(tenant.used(now), self._least(now) - CREDIT_S)
        tenant.waiting.append(item)
        self.waiting += 1

    def turns(self, now: float) -> list[str]:
        """Return the tenants with something waiting, who is next first."""
        waiting = [name for name, tenant in self.tenants.items() if tenant.waiting]
        return sorted(waiting, key=lambda name: self._turn(name, now))

    def take(self, name: str) -> T:
        tenant = self.tenants[name]
        tenant.working += 1
        tenant.held_until = 0.0
        self.waiting -= 1
        self.working += 1
        return tenant.waiting.popleft()

    def done(self, name: str, took_s: float, now: float) -> None:
        tenant = self.tenants[name]
        tenant.used_s = tenant.used(now) + took_s
        tenant.working -= 1
        self.working -= 1
        self.piece_s += (took_s - self.piece_s) / 16

    def hold(self, name: str, now: float, until: float) -> None:
        """Keep a slot for a tenant that has nothing more, if it would be before all who wait."""
        tenant, turns = self.tenants[name], self.turns(now)
        if not tenant.waiting and turns and self._turn(name, now) < self._turn(turns[0], now):
            tenant.held_until = until

    def holds(self, now: float) -> Iterator[tuple[str, float]]:
        return ((n, t.held_until) for n, t in self.tenants.items() if t.held_until > now)

    def _least(self, now: float) -> float:
        busy = [t.used(now) for t in self.tenants.values() if t.waiting or t.working]
        return min(busy, default=0.0)

    def _turn(self, name: str, now: float) -> tuple[float, int]:
        tenant = self.tenants[name]
        return tenant.used(now) + tenant.working * self.piece_s, tenant.working


class Lanes(Generic[T]):
    """A queue of three lanes before `slots` workers, each lane with a cap on what is in work.

    `hold_s`: how long a slot is kept for the next piece of who has just had one; 0 where that piece
    goes to other workers.
    """

    def __init__(self, caps: Mapping[Lane, int], slots: int, *, hold_s: float = 0.0) -> None:
        self._lanes = {lane: _Lane[T](caps[lane]) for lane in ORDER}
        self._slots, self._hold_s = slots, hold_s

    def put(self, lane: Lane, tenant: str, item: T, now: float) -> None:
        self._lanes[lane].put(tenant, item, now)

    def take(self, now: float) -> Admitted[T] | None:
        """Give the next item a slot; None if nothing may be admitted."""
        due = [lane for lane in reversed(ORDER) if self._lanes[lane].is_due]
        open_ones = [lane for lane in ORDER if self._lanes[lane].is_open]
        held = [(lane, tenant) for lane in ORDER for tenant, _ in self._lanes[lane].holds(now)]
        for lane in (*due, *open_ones):
            for tenant in self._lanes[lane].turns(now):
                if self._idle > _kept_from(lane, tenant, held):
                    item = self._lanes[lane].take(tenant)
                    return Admitted(lane, tenant, item, now, owed=lane is not open_ones[0])
        return None

    def done(self, admitted: Admitted[T], now: float) -> None:
        """Take the slot back, and settle who is owed what for the time it took."""
        took_s, mine = now - admitted.at, self._lanes[admitted.lane]
        mine.done(admitted.tenant, took_s, now)
        if self._hold_s:
            mine.hold(admitted.tenant, now, now + self._hold_s)
        if not mine.waiting:
            mine.owed_s = 0.0
        elif admitted.owed:
            mine.owed_s -= took_s
        for lane in ORDER[ORDER.index(admitted.lane) + 1 :]:
            if self._lanes[lane].waiting:
                self._lanes[lane].owed_s += SHARES[lane] * took_s

    def changes_at(self, now: float) -> float | None:
        """Return when the next slot that is held will be free for all, if one is."""
        held = [until for lane in self._lanes.values() for _, until in lane.holds(now)]
        return min(held, default=None)

    @property
    def _idle(self) -> int:
        return self._slots - sum(lane.working for lane in self._lanes.values())


def _kept_from(lane: Lane, tenant: str, held: Sequence[tuple[Lane, str]]) -> int:
    """Count the slots that are held for others, who are as urgent at least."""
    return sum(
        (each, name) != (lane, tenant) and ORDER.index(each) <= ORDER.index(lane)
        for each, name in held
    )
