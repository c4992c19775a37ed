"""What every bus does."""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from dataflux.errors import DataFluxError, Invalid
from events.bus import Bus, Consumer, Delivery
from events.event import PREFIX, Event

FACT, OTHER = "dataflux.timer.tick", "dataflux.asset.segmented"
PROMPT_S = 5.0
"""Much longer than anything here takes, much shorter than the waits that must not happen."""
LONG_S = 30.0


def event(id: object, key: str = "k", type: str = "timer.tick") -> Event:
    """Return an event whose order is of interest."""
    time = datetime(2026, 1, 1, tzinfo=UTC)
    return Event(str(id), PREFIX + type, "/test", time, {"timer": "x"}, None, {"partitionkey": key})


def drain(consumer: Consumer, count: int) -> list[Delivery]:
    """Poll until `count` deliveries are there, and say so if they never are."""
    found: list[Delivery] = []
    deadline = time.monotonic() + LONG_S
    while len(found) < count and time.monotonic() < deadline:
        found += consumer.poll(count - len(found), 0.5)
    assert len(found) == count
    return found


def names(deliveries: Iterable[Delivery]) -> list[str]:
    """Return the ids of what was delivered."""
    return [d.event.id for d in deliveries if d.event is not None]


class BusContract:
    """Subclass with a fixture `bus`."""

    @pytest.fixture
    def bus(self) -> Bus:
        raise NotImplementedError("the adapter's test supplies its bus")

    def test_what_is_kept_can_be_read_by_who_is_no_consumer(self, bus: Bus) -> None:
        bus.publish([event(n, str(n)) for n in range(12)])
        drain(bus.subscribe("g", [FACT]), 12)
        found = list[str]()
        for partition, (start, end) in enumerate(bus.bounds(FACT)):
            records = bus.read(FACT, partition, start, 100)
            assert [d.offset for d in records] == list(range(start, end))
            assert bus.read(FACT, partition, end, 100) == []
            found += names(records)
        assert sorted(found, key=int) == [str(n) for n in range(12)]
        assert bus.lag("g") == {FACT: 12}

    def test_what_was_published_since_a_time_is_found(self, bus: Bus) -> None:
        before = datetime.now(UTC) - timedelta(seconds=1)
        for n in range(0, 18, 6):
            between = datetime.now(UTC)
            bus.publish([event(each, str(each)) for each in range(n, n + 6)])
            time.sleep(0.3)  # nobody has to look closer
        for at, least in ((before, range(18)), (between, range(12, 18))):
            found = set[str]()
            for partition, first in enumerate(bus.since(FACT, at)):
                found |= set(names(bus.read(FACT, partition, first, 100)))
            assert found >= {str(n) for n in least}
        assert bus.since(FACT, before) == [start for start, _ in bus.bounds(FACT)]
        skipped = zip(bus.since(FACT, between), bus.bounds(FACT), strict=True)
        assert sum(first - start for first, (start, _) in skipped) > 0
        with pytest.raises(Invalid, match="topic"):
            bus.since("dataflux.asset.eaten", between)

    def test_events_arrive_as_they_were_sent(self, bus: Bus) -> None:
        sent = event("ünï", "schlüssel")
        bus.publish([sent])
        (found,) = drain(bus.subscribe("g", [FACT]), 1)
        assert (found.event, found.problem, found.topic) == (sent, "", FACT)

    def test_the_order_of_a_key_is_kept(self, bus: Bus) -> None:
        sent = [event(f"{key}{n:02}", key) for n in range(20) for key in "abcdefgh"]
        for start in range(0, len(sent), 7):
            bus.publish(sent[start : start + 7])
        by_key = defaultdict(list)
        for delivery in drain(bus.subscribe("g", [FACT]), len(sent)):
            assert delivery.event is not None
            by_key[delivery.event.key].append(delivery.event.id)
        assert by_key == {key: [f"{key}{n:02}" for n in range(20)] for key in "abcdefgh"}

    def test_a_key_stays_in_its_partition_and_keys_spread(self, bus: Bus) -> None:
        bus.publish([event(n, f"key {n % 30}") for n in range(90)])
        places = defaultdict(set)
        for delivery in drain(bus.subscribe("g", [FACT]), 90):
            assert delivery.event is not None
            places[delivery.event.key].add(delivery.partition)
        assert all(len(found) == 1 for found in places.values())
        assert len(set.union(*places.values())) > 1

    def test_a_topic_gets_its_own_events_only(self, bus: Bus) -> None:
        bus.publish([event(1), event(2, type="asset.segmented"), event(3)])
        assert names(drain(bus.subscribe("g", [OTHER]), 1)) == ["2"]
        assert sorted(names(drain(bus.subscribe("h", [FACT, OTHER]), 3))) == ["1", "2", "3"]

    @pytest.mark.parametrize("type", ["asset.eaten", "work.segment.urgent"])
    def test_what_has_no_topic_is_refused_whole(self, bus: Bus, type: str) -> None:
        with pytest.raises(Invalid, match="topic"):
            bus.publish([event(1), event(2, type=type)])
        with pytest.raises(Invalid, match="topic"):
            bus.subscribe("g", [FACT, f"dataflux.{type}"])
        assert bus.subscribe("g", [FACT]).poll(10, 0) == []

    def test_groups_do_not_share(self, bus: Bus) -> None:
        bus.publish([event(n) for n in range(3)])
        for group in ("g", "h"):
            consumer = bus.subscribe(group, [FACT])
            for delivery in drain(consumer, 3):
                consumer.ack(delivery)
        assert bus.lag("g") == bus.lag("h") == {FACT: 0}

    def test_consumers_of_a_group_share(self, bus: Bus) -> None:
        consumers = [bus.subscribe("g", [FACT]) for _ in range(2)]
        bus.publish([event(n, str(n)) for n in range(60)])
        found: list[str] = []
        deadline = time.monotonic() + LONG_S
        while len(found) < 60 and time.monotonic() < deadline:
            for consumer in consumers:
                found += names(consumer.poll(7, 0.1))
        assert sorted(found, key=int) == [str(n) for n in range(60)]

    def test_a_poll_has_a_limit_and_an_end(self, bus: Bus) -> None:
        consumer = bus.subscribe("g", [FACT])
        bus.publish([event(n, str(n)) for n in range(10)])
        left = 10
        while left:
            found = len(consumer.poll(4, LONG_S))
            assert 0 < found <= 4
            left -= found
        assert consumer.poll(4, 0) == []

    def test_only_an_unbroken_row_of_acknowledgements_counts(self, bus: Bus) -> None:
        bus.publish([event(n) for n in range(5)])
        consumer = bus.subscribe("g", [FACT])
        found = drain(consumer, 5)
        for n in (4, 2, 0, 2, 0):
            consumer.ack(found[n])
        assert bus.lag("g") == {FACT: 4}
        for n in (1, 3):
            consumer.ack(found[n])
        assert bus.lag("g") == {FACT: 0}

    def test_lag_counts_what_was_never_read(self, bus: Bus) -> None:
        assert bus.lag("g") == {}
        consumer = bus.subscribe("g", [FACT, OTHER])
        assert bus.lag("g") == {FACT: 0, OTHER: 0}
        bus.publish([event(n, str(n)) for n in range(12)])
        assert bus.lag("g") == {FACT: 12, OTHER: 0}
        for delivery in drain(consumer, 1):
            consumer.ack(delivery)
        assert bus.lag("g") == {FACT: 11, OTHER: 0}

    def test_the_oldest_that_waits_is_told_by_its_time(self, bus: Bus) -> None:
        assert bus.oldest("g") == {}
        consumer = bus.subscribe("g", [FACT, OTHER])
        sent = [
            replace(event(n, str(n)), time=datetime(2026, 1, 1, 0, n, tzinfo=UTC))
            for n in range(12)
        ]
        bus.publish(sent)
        assert bus.oldest("g") == {FACT: sent[0].time}
        delivered = {d.event.id: d for d in drain(consumer, 12) if d.event is not None}
        for n in (1, 0, 3):
            consumer.ack(delivered[str(n)])
        assert bus.oldest("g") == {FACT: sent[2].time}
        for delivery in delivered.values():
            consumer.ack(delivery)
        assert bus.oldest("g") == {}

    def test_publishing_wakes_whoever_waits(self, bus: Bus) -> None:
        consumer = bus.subscribe("g", [FACT])
        polling = threading.Event()
        found: list[Delivery] = []

        def wait() -> None:
            polling.set()
            found.extend(consumer.poll(1, LONG_S))

        thread = threading.Thread(target=wait)
        thread.start()
        polling.wait(LONG_S)
        bus.publish([event(1)])
        thread.join(PROMPT_S)
        assert not thread.is_alive()
        assert names(found) == ["1"]

    def test_closing_ends_a_poll(self, bus: Bus) -> None:
        thread = threading.Thread(target=bus.subscribe("g", [FACT]).poll, args=(1, LONG_S))
        thread.start()
        bus.close()
        thread.join(PROMPT_S)
        assert not thread.is_alive()

    def test_a_closed_bus_takes_nothing_and_gives_nothing(self, bus: Bus) -> None:
        bus.publish([event(1)])
        consumer = bus.subscribe("g", [FACT])
        bus.close()
        with pytest.raises(DataFluxError):
            bus.publish([event(2)])
        assert consumer.poll(1, LONG_S) == []

    def test_concurrent_publishers_lose_nothing(self, bus: Bus) -> None:
        def send(name: str) -> None:
            for n in range(40):
                bus.publish([event(f"{name}{n:02}", name), event(f"{name}{n:02}+", f"{name}+")])

        threads = [threading.Thread(target=send, args=(name,)) for name in "abcd"]
        consumer = bus.subscribe("g", [FACT])
        for thread in threads:
            thread.start()
        found = names(drain(consumer, 320))
        for thread in threads:
            thread.join()
        for key in ("a", "b+", "d"):
            mine = [n for n in found if n[0] == key[0] and n.endswith("+") == key.endswith("+")]
            assert mine == sorted(mine)
        assert len(set(found)) == 320


class KeptBusContract(BusContract):
    """For a bus that outlives its process; `reopen` is as if that had ended and started again."""

    @pytest.fixture
    def reopen(self) -> Callable[[], Bus]:
        raise NotImplementedError("the adapter's test says how its bus is opened again")

    def test_what_was_not_acknowledged_comes_again(
        self, bus: Bus, reopen: Callable[[], Bus]
    ) -> None:
        bus.publish([event(n) for n in range(4)])
        consumer = bus.subscribe("g", [FACT])
        first, second, *_ = drain(consumer, 4)
        consumer.ack(first)
        consumer.ack(second)
        again = reopen()
        assert names(drain(again.subscribe("g", [FACT]), 2)) == ["2", "3"]

    def test_what_was_acknowledged_behind_a_gap_comes_again(
        self, bus: Bus, reopen: Callable[[], Bus]
    ) -> None:
        bus.publish([event(n) for n in range(5)])
        consumer = bus.subscribe("g", [FACT])
        found = drain(consumer, 5)
        for n in (4, 2, 0):
            consumer.ack(found[n])
        again = reopen()
        consumer = again.subscribe("g", [FACT])
        found = drain(consumer, 4)
        assert names(found) == ["1", "2", "3", "4"]
        for delivery in reversed(found):
            consumer.ack(delivery)
        assert again.lag("g") == {FACT: 0}

    def test_lag_is_kept(self, bus: Bus, reopen: Callable[[], Bus]) -> None:
        consumer = bus.subscribe("g", [FACT, OTHER])
        bus.publish([event(n, str(n)) for n in range(12)])
        for delivery in drain(consumer, 1):
            consumer.ack(delivery)
        assert reopen().lag("g") == {FACT: 11, OTHER: 0}
