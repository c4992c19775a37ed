"""Time and fresh ids, injected so that two runs of one test can be compared."""

import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from schemas import ids


@dataclass(frozen=True)
class Clock:
    """Wall time in aware UTC; `time_ns` is the only source."""

    time_ns: Callable[[], int] = time.time_ns

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.time_ns() / 1e9, UTC)

    def unix_ms(self) -> int:
        return self.time_ns() // 1_000_000


@dataclass(frozen=True)
class IdFactory:
    """Draws new ids from `randomness`; everything else is derived from them."""

    clock: Clock
    randomness: Callable[[int], bytes] = os.urandom

    def lineage(self) -> UUID:
        return ids.lineage(self.clock.now().year, self.clock.unix_ms(), self.randomness(12))

    def token(self) -> UUID:
        """Return a random id for claims, events and requests."""
        return UUID(bytes=self.randomness(16), version=4)


def seeded(seed: int, clock: Clock | None = None) -> IdFactory:
    """Return a factory whose ids repeat with `seed`.

    Each size has a stream of its own: which lineage is next does not depend on how many tokens
    other threads have drawn.
    """
    streams: dict[int, random.Random] = {}

    def randomness(size: int) -> bytes:
        return streams.setdefault(size, random.Random(f"{seed}/{size}")).randbytes(size)

    return IdFactory(clock or Clock(), randomness)
