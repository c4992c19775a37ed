"""Which waiting work is admitted next: pure, of three lanes and any number of tenants.

More urgent lanes go first. A lane that is passed over is owed a share of the time that the lanes
before it take; once it is owed anything it gets one slot, and pays for it. So nobody waits for
ever, and nobody who is urgent waits for more than that.

Within a lane, the tenant with the least in work is next, then the one that was given the least
time: start-time fair queueing, after Goyal, Vin and Cheng (1996).
"""

from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from schemas.names import Lane

T = TypeVar("T")

ORDER = (Lane.HIGH, Lane.NORMAL, Lane.LOW)
SHARES = {Lane.HIGH: 0.0, Lane.NORMAL: 1 / 4, Lane.LOW: 1 / 8}
"""Of the time that more urgent lanes take while this one waits."""


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
    """What one tenant has waiting and in work in a lane, and how much time it was given."""

    waiting: deque[T] = field(default_factory=deque)
    working: int = 0
    given_s: float = 0.0


@dataclass
class _Lane(Generic[T]):
    cap: int
    tenants: defaultdict[str, _Tenant[T]] = field(default_factory=lambda: defaultdict(_Tenant))
    waiting: int = 0
    working: int = 0
    owed_s: float = 0.0

    @property
    def is_open(self) -> bool:
        return self.waiting > 0 and self.working < self.cap

    @property
    def is_due(self) -> bool:
        return self.owed_s > 0 and self.working == 0 and self.is_open

    def put(self, name: str, item: T) -> None:
        tenant = self.tenants[name]
        if not (tenant.waiting or tenant.working):  # who was away has not saved anything up
            tenant.given_s = max(tenant.given_s, self._least())
        tenant.waiting.append(item)
        self.waiting += 1

    def take(self) -> tuple[str, T]:
        name = min((n for n, tenant in self.tenants.items() if tenant.waiting), key=self._turn)
        self.tenants[name].working += 1
        self.waiting -= 1
        self.working += 1
        return name, self.tenants[name].waiting.popleft()

    def done(self, name: str, took_s: float) -> None:
        tenant = self.tenants[name]
        tenant.working -= 1
        tenant.given_s += took_s
        self.working -= 1
        if not self.waiting and not self.working:
            self.tenants.clear()

    def _turn(self, name: str) -> tuple[int, float]:
        return self.tenants[name].working, self.tenants[name].given_s

    def _least(self) -> float:
        busy = [t.given_s for t in self.tenants.values() if t.waiting or t.working]
        return min(busy, default=0.0)


class Lanes(Generic[T]):
    """A queue of three lanes, each with a cap on what is in work."""

    def __init__(self, caps: Mapping[Lane, int]) -> None:
        self._lanes = {lane: _Lane[T](caps[lane]) for lane in ORDER}

    def put(self, lane: Lane, tenant: str, item: T) -> None:
        self._lanes[lane].put(tenant, item)

    def take(self, now: float) -> Admitted[T] | None:
        """Give the next item a slot; None if nothing may be admitted."""
        due = [lane for lane in reversed(ORDER) if self._lanes[lane].is_due]
        open_ones = [lane for lane in ORDER if self._lanes[lane].is_open]
        if not open_ones:
            return None
        lane = (due or open_ones)[0]
        return Admitted(lane, *self._lanes[lane].take(), now, owed=lane is not open_ones[0])

    def done(self, admitted: Admitted[T], now: float) -> None:
        """Take the slot back, and settle who is owed what for the time it took."""
        took_s, mine = now - admitted.at, self._lanes[admitted.lane]
        mine.done(admitted.tenant, took_s)
        if not mine.waiting:
            mine.owed_s = 0.0
        elif admitted.owed:
            mine.owed_s -= took_s
        for lane in ORDER[ORDER.index(admitted.lane) + 1 :]:
            if self._lanes[lane].waiting:
                self._lanes[lane].owed_s += SHARES[lane] * took_s
