"""Milliseconds of a hop over the embedded bus, and messages a second.

Run: python -m bench.bus [MESSAGES]
"""

import platform
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

from events.event import PREFIX, Event
from events.log_bus import LogBus
from functions.hosts.local import POLL_S

TOPIC = "dataflux.work.analyze.normal"
HOPS = 200
PUBLISHERS = 8
"""Threads that publish one event at a time, side by side: they share the syncs."""
BATCH = 16
"""Events a publish: what a closed stage announces at once."""

Measure = Callable[[LogBus], list[float]]


def main() -> None:
    messages = int(sys.argv[1]) if len(sys.argv) > 1 else 4_000
    print(f"python {platform.python_version()}, {platform.system()} {platform.release()}")
    print(f"{messages} messages in {tempfile.gettempdir()}")
    for durable in (True, False):
        hops = sorted(_measured(durable, _hops))
        (published,) = _measured(durable, lambda bus: [_published(bus, messages)])
        (together,) = _measured(durable, lambda bus: [_together(bus, messages)])
        (consumed,) = _measured(durable, lambda bus: [_consumed(bus, messages)])
        print(
            f"{'durable' if durable else 'not durable':12}"
            f" hop p50 {statistics.median(hops) * 1e3:6.2f} ms"
            f"  p95 {hops[int(len(hops) * 0.95)] * 1e3:6.2f} ms"
            f"  published {published:7.0f}/s in {BATCH}s  {together:7.0f}/s by {PUBLISHERS}"
            f"  consumed {consumed:7.0f}/s"
        )


def _measured(durable: bool, measure: Measure) -> list[float]:
    with tempfile.TemporaryDirectory() as folder:
        bus = LogBus(Path(folder), durable=durable)
        try:
            return measure(bus)
        finally:
            bus.close()


def _hops(bus: LogBus) -> list[float]:
    """Return the seconds from before each publish to when a waiting consumer has the event."""
    consumer = bus.subscribe("bench", [TOPIC])
    arrived: list[float] = []
    came = threading.Event()

    def consume() -> None:
        while len(arrived) < HOPS:
            for delivery in consumer.poll(1, POLL_S):
                arrived.append(time.perf_counter())
                consumer.ack(delivery)
                came.set()

    thread = threading.Thread(target=consume)
    thread.start()
    sent = []
    for _ in range(HOPS):
        came.clear()
        event = _event()
        sent.append(time.perf_counter())
        bus.publish([event])
        came.wait()
    thread.join()
    return [end - start for start, end in zip(sent, arrived, strict=True)]


def _published(bus: LogBus, messages: int) -> float:
    batches = [[_event() for _ in range(BATCH)] for _ in range(messages // BATCH)]
    began = time.perf_counter()
    for batch in batches:
        bus.publish(batch)
    return messages / (time.perf_counter() - began)


def _together(bus: LogBus, messages: int) -> float:
    def send() -> None:
        for _ in range(messages // PUBLISHERS):
            bus.publish([_event(UUID(int=2))])

    threads = [threading.Thread(target=send) for _ in range(PUBLISHERS)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return messages / (time.perf_counter() - began)


def _consumed(bus: LogBus, messages: int) -> float:
    bus.publish([_event() for _ in range(messages)])
    consumer, left = bus.subscribe("bench", [TOPIC]), messages
    began = time.perf_counter()
    while left:
        found = consumer.poll(BATCH, POLL_S)
        for delivery in found:
            consumer.ack(delivery)
        left -= len(found)
    return messages / (time.perf_counter() - began)


def _event(key: UUID | None = None) -> Event:
    """Return work on a piece; with a key, all of it goes to one partition."""
    piece = key or uuid4()
    return Event(
        id=str(uuid4()),
        type=f"{PREFIX}work.analyze",
        source="/dataflux/bench",
        time=datetime.now(UTC),
        data={"piece": str(piece), "run": str(UUID(int=0)), "stage": "analyze"},
        subject=str(piece),
        extensions={"tenantid": str(UUID(int=1)), "lane": "normal", "partitionkey": str(piece)},
    )


if __name__ == "__main__":
    main()
