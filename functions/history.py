"""What the bus still keeps, read without being a consumer: for people, replays and recordings."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from dataflux.errors import Invalid
from events.bus import Bus, Delivery
from events.topics import TOPICS, object_topic
from schemas.names import Lane

SCANNED = 20_000
"""Records looked at for one page: a filter that matches little must not hold a request up."""
AT_A_TIME = 1000
CLOCKS = timedelta(minutes=1)
"""By how much those of the database and of the bus may differ."""
BRINGS = frozenset(map(object_topic, Lane))

Places = Mapping[str, Sequence[int]]
"""By topic, the offset in each partition where reading goes on."""


@dataclass(frozen=True)
class Wanted:
    """Which events of a tenant are asked for."""

    tenant: UUID
    topics: tuple[str, ...]
    lineage: UUID | None = None
    cause: str | None = None
    since: datetime | None = None

    def has(self, delivery: Delivery) -> bool:
        """Say whether a record is one of them; what is no event of ours never is."""
        said = delivery.event.extensions if delivery.event else {}
        return (
            said.get("tenantid") == str(self.tenant)
            and (self.lineage is None or said.get("entityid") == str(self.lineage))
            and (self.cause is None or said.get("causationid") == self.cause)
            and (self.since is None or _is_since(delivery, self.since))
        )


def _is_since(delivery: Delivery, at: datetime) -> bool:
    return delivery.event is not None and delivery.event.time >= at


def oldest(bus: Bus, topics: Sequence[str]) -> dict[str, list[int]]:
    """Return where everything begins that is kept."""
    return {topic: [start for start, _ in bus.bounds(topic)] for topic in topics}


def since(bus: Bus, topics: Sequence[str], at: datetime) -> dict[str, list[int]]:
    """Return where to begin for what was published since then, as near as the bus can tell."""
    return {topic: bus.since(topic, at) for topic in topics}


def of(bus: Bus, topics: Sequence[str], born: datetime) -> dict[str, list[int]]:
    """Return where to begin for a lineage that is known since then.

    What brings one in may have waited long before that; of such there is one a file.
    """
    brings = [topic for topic in topics if topic in BRINGS]
    others = [topic for topic in topics if topic not in BRINGS]
    return oldest(bus, brings) | since(bus, others, born - CLOCKS)


def end(bus: Bus, topics: Sequence[str]) -> dict[str, list[int]]:
    """Return where what comes next will be."""
    return {topic: [end for _, end in bus.bounds(topic)] for topic in topics}


def page(
    bus: Bus, wanted: Wanted, places: Places, limit: int
) -> tuple[list[Delivery], dict[str, list[int]], bool]:
    """Return up to `limit` events, where to go on, and whether all is read that was there."""
    _check(places, wanted.topics)
    found: list[Delivery] = []
    after, left = {topic: list(places[topic]) for topic in wanted.topics}, SCANNED
    for topic, partition in ((t, p) for t in after for p in range(len(after[t]))):
        while left and len(found) < limit:
            records = bus.read(topic, partition, after[topic][partition], min(left, AT_A_TIME))
            if not records:
                break
            for record in records:
                after[topic][partition], left = record.offset + 1, left - 1
                if wanted.has(record):
                    found.append(record)
                if len(found) == limit:
                    break
    return found, after, left > 0 and len(found) < limit


def _check(places: Places, topics: Sequence[str]) -> None:
    """Raise Invalid for places in other topics than these."""
    fits = set(places) == set(topics) and all(
        len(offsets) == TOPICS[topic].partitions for topic, offsets in places.items()
    )
    if not fits:
        raise Invalid(
            "the cursor is of another question; ask it with the same types",
            {"cursor": "does not fit `type` and `work`"},
        )


def everything(bus: Bus, wanted: Wanted, places: Places) -> Iterator[Delivery]:
    """Yield every event from some places on that is asked for, in the order of their topics."""
    done = False
    while not done:
        found, places, done = page(bus, wanted, places, AT_A_TIME)
        yield from found
