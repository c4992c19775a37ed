"""The bus port: topics of keyed partitions, consumer groups, at-least-once delivery."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from events.event import Event


@dataclass(frozen=True, slots=True)
class Delivery:
    """One record as a consumer got it; `event` is None where the record is no event of ours."""

    topic: str
    partition: int
    offset: int
    value: bytes
    event: Event | None
    problem: str = ""


class Consumer(Protocol):
    """A member of a group. Every delivery is acknowledged in the end; order does not matter."""

    def poll(self, limit: int, timeout_s: float) -> list[Delivery]:
        """Return up to `limit` deliveries as soon as there are any.

        With 0, a member only shows that it lives: it has all it can take for now.
        """

    def ack(self, delivery: Delivery) -> None: ...
    def close(self) -> None: ...


class Subscribable(Protocol):
    """What a host needs of a bus."""

    def subscribe(self, group: str, topics: Sequence[str]) -> Consumer: ...


class Bus(Subscribable, Protocol):
    """Publishing returns once the events are kept; it raises Unavailable if they are not."""

    def publish(self, events: Sequence[Event]) -> None: ...
    def lag(self, group: str) -> dict[str, int]: ...
    def oldest(self, group: str) -> dict[str, datetime]:
        """Return when the oldest event was sent that the group has not acknowledged, by topic.

        A topic of which it has acknowledged everything is not in it.
        """

    def bounds(self, topic: str) -> list[tuple[int, int]]:
        """Return for each partition its oldest offset that is kept, and where it ends."""
        ...

    def since(self, topic: str, at: datetime) -> list[int]:
        """Return for each partition an offset before which nothing was published since then.

        It may be the oldest: a bus looks no closer than it can do cheaply.
        """
        ...

    def read(self, topic: str, partition: int, offset: int, limit: int) -> list[Delivery]:
        """Return kept records from an offset on, without being a consumer."""
        ...

    def expire(self) -> None: ...
    def close(self) -> None: ...
