"""The declared topics: where each event type goes, with how many partitions, for how long."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from dataflux.policy import WORKERS
from events.event import Event
from events.types import TYPES, ObjectCreated, Purpose
from schemas.names import Lane, Stage

RETENTION_S = 7 * 24 * 3600
FACT_PARTITIONS = 6
DEAD_LETTERS = "dataflux.dead_letters"
"""Where a dispatcher of the cluster puts what a function has given up: events of every type."""
NOTIFICATIONS = "dataflux.notifications"
"""Where object stores tell of new objects, each in its own shape; no CloudEvents."""


@dataclass(frozen=True)
class Topic:
    name: str
    partitions: int
    key: str
    """What its events are keyed by, and so kept in order by."""
    retention_s: int = RETENTION_S


def work_topic(stage: Stage, lane: Lane) -> str:
    return f"dataflux.work.{stage}.{lane}"


def fact_topic(name: str) -> str:
    return f"dataflux.{name}"


def topics_of(name: str) -> tuple[str, ...]:
    """Return the topics that events of a type may go to."""
    return tuple(
        t for t in TOPICS if t == fact_topic(name) or t.rpartition(".")[0] == fact_topic(name)
    )


def object_topic(lane: Lane) -> str:
    return f"{fact_topic(ObjectCreated.name)}.{lane}"


def topic_of(event: Event) -> str:
    """Return the topic of an event: what waits for a worker goes to the one of its lane."""
    return _topic(event.name, event.extensions.get("lane", Lane.NORMAL))


@lru_cache(maxsize=256)
def _topic(name: str, lane: str) -> str:
    """Return where events of a name go. Names and lanes in use are few."""
    in_lanes = name.startswith("work.") or name == ObjectCreated.name
    return f"{fact_topic(name)}.{lane}" if in_lanes else fact_topic(name)


def _declared() -> Iterator[Topic]:
    for name, model in TYPES.items():
        if model.purpose is not Purpose.WORK and model is not ObjectCreated:
            yield Topic(fact_topic(name), FACT_PARTITIONS, "lineage")
    yield Topic(DEAD_LETTERS, FACT_PARTITIONS, "lineage")
    yield Topic(NOTIFICATIONS, FACT_PARTITIONS, "object")
    for lane in Lane:  # a few more partitions than workers, so that none idles
        yield Topic(object_topic(lane), WORKERS[lane] + 1, "lineage")
        for stage in Stage:
            yield Topic(work_topic(stage, lane), WORKERS[lane] + 1, "piece")


TOPICS: dict[str, Topic] = {topic.name: topic for topic in _declared()}
