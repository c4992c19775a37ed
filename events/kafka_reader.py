"""What a Kafka keeps and how far its groups are, seen without being a consumer."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from datetime import datetime

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import ConsumerRecord

READ_S = 5.0
"""How long what must be there may take to come."""


class KafkaReader:
    """One client for all questions, which it answers one after the other."""

    def __init__(self, client: AIOKafkaConsumer, admin: AIOKafkaAdminClient) -> None:
        self._client, self._admin = client, admin
        self._asking = asyncio.Lock()

    async def bounds(
        self, places: Collection[TopicPartition]
    ) -> dict[TopicPartition, tuple[int, int]]:
        """Return for each partition its oldest offset that is kept, and where it ends."""
        if not places:
            return {}
        first = await self._client.beginning_offsets(list(places))
        end = await self._client.end_offsets(list(places))
        return {place: (first[place], end[place]) for place in places}

    async def since(
        self, places: Collection[TopicPartition], at: datetime
    ) -> dict[TopicPartition, int]:
        """Return for each partition its first record of a time or later, or where it ends.

        A record has the time at which it was sent, which its partition's order need not follow:
        Kafka returns the first that fits.
        """
        end = await self._client.end_offsets(list(places))
        asked = dict.fromkeys(places, round(at.timestamp() * 1000))
        found = await self._client.offsets_for_times(asked)
        return {
            place: end[place] if (first := found.get(place)) is None else first.offset
            for place in places
        }

    async def waiting(
        self, group: str, topics: Collection[str], partitions: Mapping[str, int]
    ) -> dict[TopicPartition, tuple[int, int]]:
        """Return what a group has not acknowledged, as (from, to), of each partition.

        Of `topics`, and of those that it has ever committed.
        """
        kept = await self._admin.list_consumer_group_offsets(group)
        committed = {place: found.offset for place, found in kept.items()}
        followed = {*topics, *(place.topic for place in committed)} & set(partitions)
        places = {TopicPartition(t, n) for t in followed for n in range(partitions[t])}
        places |= {place for place in committed if place.topic in followed}  # more than declared
        bounds = await self.bounds(places)
        return {
            place: (max(first, committed.get(place, 0)), end)
            for place, (first, end) in bounds.items()
        }

    async def read(self, place: TopicPartition, offset: int, limit: int) -> list[ConsumerRecord]:
        """Return kept records of a partition from an offset on; none at its end."""
        first, end = (await self.bounds([place]))[place]
        start = max(offset, first)
        if start >= end:
            return []
        return (await self.first({place: start}, limit)).get(place, [])

    async def first(
        self, places: Mapping[TopicPartition, int], limit: int = 1
    ) -> dict[TopicPartition, list[ConsumerRecord]]:
        """Return the first records of partitions from the given offsets on."""
        found: dict[TopicPartition, list[ConsumerRecord]] = {}
        if not places:
            return found
        async with self._at(places):
            deadline = asyncio.get_running_loop().time() + READ_S
            while left := [place for place in places if place not in found]:
                wait_s = deadline - asyncio.get_running_loop().time()
                if wait_s <= 0:
                    break
                found |= await self._client.getmany(
                    *left, timeout_ms=round(wait_s * 1000), max_records=limit
                )
        return found

    @asynccontextmanager
    async def _at(self, places: Mapping[TopicPartition, int]) -> AsyncIterator[None]:
        async with self._asking:
            self._client.assign(list(places))
            for place, offset in places.items():
                self._client.seek(place, offset)
            try:
                yield
            finally:
                self._client.unsubscribe()
