"""A bus of another process: what is published there is on the bus here, and nobody else may."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from dataflux.errors import Unavailable, Unsupported
from events.http import to_binary
from events.http_bus import HttpBus
from events.log_bus import LogBus
from events.samples import sample
from events.topics import fact_topic
from local.ingress import ingress
from local.server import Server

TOPIC = fact_topic("asset.uploaded")


@pytest.fixture
def ours(tmp_path: Path) -> Iterator[LogBus]:
    bus = LogBus(tmp_path, in_memory=True)
    yield bus
    bus.close()


@pytest.fixture
def served(ours: LogBus) -> Iterator[Server]:
    with Server(ingress(ours, "secret"), "127.0.0.1", 0) as server:
        yield server


@pytest.fixture
def bus(served: Server) -> HttpBus:
    return HttpBus(f"{served.url}/secret")


def test_what_is_published_comes_to_its_consumers_and_counts(ours: LogBus, bus: HttpBus) -> None:
    events = [replace(sample("asset.uploaded"), id=f"e{n}") for n in range(450)]
    consumer = ours.subscribe("group", [TOPIC])
    bus.publish(events)
    assert bus.lag("group") == {TOPIC: 450}
    assert bus.oldest("group") == ours.oldest("group") == {TOPIC: events[0].time}
    got = [delivery for _ in range(5) for delivery in consumer.poll(100, 0)]
    assert {d.event.id for d in got if d.event} == {event.id for event in events}
    for delivery in got:
        consumer.ack(delivery)
    assert bus.oldest("group") == {}
    consumer.close()


def test_who_does_not_know_the_path_is_not_let_in(served: Server, ours: LogBus) -> None:
    headers, body = to_binary(sample("asset.uploaded"))
    for path in ("/events", "/wrong/events"):
        assert httpx.post(served.url + path, headers=headers, content=body).status_code == 404
    with pytest.raises(Unavailable, match="404"):
        HttpBus(f"{served.url}/wrong").publish([sample("asset.uploaded")])
    assert ours.bounds(TOPIC) == [(0, 0)] * len(ours.bounds(TOPIC))


def test_what_is_no_event_is_refused(served: Server) -> None:
    place = f"{served.url}/secret/events"
    assert httpx.post(place, content=b"nonsense").status_code == 422
    assert httpx.post(place, content=b"x" * ((1 << 20) + 1)).status_code == 413


def test_a_bus_that_is_closed_or_gone_is_unavailable(ours: LogBus, bus: HttpBus) -> None:
    ours.close()
    with pytest.raises(Unavailable, match="503"):
        bus.publish([sample("asset.uploaded")])
    with pytest.raises(Unavailable, match="nothing answers"):
        HttpBus("http://127.0.0.1:9/secret").publish([sample("asset.uploaded")])


def test_consuming_is_for_the_process_that_has_the_bus(bus: HttpBus) -> None:
    for consuming in (
        lambda: bus.subscribe("group", [TOPIC]),
        lambda: bus.bounds(TOPIC),
        lambda: bus.read(TOPIC, 0, 0, 1),
    ):
        with pytest.raises(Unsupported):
            consuming()
