"""Make a Kafka's topics what events/topics.py declares; doing it again changes nothing."""

import logging
from collections.abc import Iterable, Mapping

from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import InvalidPartitionsError, TopicAlreadyExistsError, for_code

from events.topics import Topic

log = logging.getLogger(__name__)

RETENTION = "retention.ms"
BROKERS_DEFAULT = -1
"""How many replicas: the brokers' `default.replication.factor` says so."""
SET_ON_TOPIC = 1
"""The source of a setting that was made for this topic."""


async def ensure(admin: AIOKafkaAdminClient, topics: Iterable[Topic], prefix: str = "") -> None:
    """Create what is missing, add partitions, set the retention.

    Partitions are never taken away: Kafka cannot, and nothing depends on the order of keys.
    """
    declared = {prefix + topic.name: topic for topic in topics}
    there = await _partitions(admin, declared)
    await _create(admin, {name: t for name, t in declared.items() if name not in there})
    await _grow(
        admin,
        {n: t.partitions for n, t in declared.items() if t.partitions > there.get(n, t.partitions)},
    )
    await _retain(admin, {name: t for name, t in declared.items() if name in there})


async def _partitions(admin: AIOKafkaAdminClient, names: Iterable[str]) -> dict[str, int]:
    known = set(await admin.list_topics()) & set(names)
    found = await admin.describe_topics(sorted(known)) if known else []
    return {topic["topic"]: len(topic["partitions"]) for topic in found}


async def _create(admin: AIOKafkaAdminClient, topics: Mapping[str, Topic]) -> None:
    if not topics:
        return
    new = [_new(name, topic) for name, topic in topics.items()]
    answer = await admin.create_topics(new)
    for name, code, *message in answer.topic_errors:
        if code and code != TopicAlreadyExistsError.errno:  # another process was faster
            raise for_code(code)(f"topic {name} was not created: {message}")
    log.info("created %d topics", len(new))


def _new(name: str, topic: Topic) -> NewTopic:
    new = NewTopic(name, topic.partitions, 1, topic_configs={RETENTION: _ms(topic)})
    new.replication_factor = BROKERS_DEFAULT  # the protocol knows it, the constructor refuses it
    return new


async def _grow(admin: AIOKafkaAdminClient, counts: Mapping[str, int]) -> None:
    if not counts:
        return
    answer = await admin.create_partitions({n: NewPartitions(c) for n, c in counts.items()})
    for name, code, *message in answer.topic_errors:
        if code and code != InvalidPartitionsError.errno:  # another process was faster
            raise for_code(code)(f"topic {name} got no more partitions: {message}")


async def _retain(admin: AIOKafkaAdminClient, topics: Mapping[str, Topic]) -> None:
    """Setting one value unsets the topic's others, so they are said again."""
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in topics]
    if not resources:
        return
    set_now: dict[str, dict[str, str]] = {}
    for answer in await admin.describe_configs(resources):
        for _, _, _, name, entries in answer.resources:
            set_now[name] = {e[0]: e[1] for e in entries if e[3] == SET_ON_TOPIC}
    changes = [
        ConfigResource(ConfigResourceType.TOPIC, name, {**values, RETENTION: _ms(topics[name])})
        for name, values in set_now.items()
        if values.get(RETENTION) != _ms(topics[name])
    ]
    if changes:
        await _alter(admin, changes)


async def _alter(admin: AIOKafkaAdminClient, changes: list[ConfigResource]) -> None:
    for answer in await admin.alter_configs(changes):
        for code, message, *name in answer.resources:
            if code:
                raise for_code(code)(f"topic {name[-1]} was not altered: {message}")


def _ms(topic: Topic) -> str:
    return str(topic.retention_s * 1000)
