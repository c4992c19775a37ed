"""How much waits is measured, and told once when it is too much."""

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from prometheus_client import REGISTRY

from events.bus import Delivery
from events.samples import sample
from events.topics import fact_topic
from functions.hosts import lag
from functions.hosts.lag import LagWatch
from tests.fixtures.platform import Platform

WORK, TOLD = "dataflux.work.stitch.normal", fact_topic("queue.threshold_exceeded")
TOO_MUCH, ENOUGH = 20, 10


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lag, "TOO_MUCH", TOO_MUCH)
    monkeypatch.setattr(lag, "ENOUGH", ENOUGH)


def _pile(platform: Platform, count: int) -> None:
    work = sample("work.stitch")
    platform.deps.bus.publish([replace(work, id=str(uuid4())) for _ in range(count)])


def _told(platform: Platform) -> list[Any]:
    return [event.data for event in platform.facts("queue.threshold_exceeded")]


def _depth() -> float | None:
    return REGISTRY.get_sample_value("dataflux_queue_depth", {"function": "stitch", "topic": WORK})


def test_too_much_is_told_once_until_it_has_gone_down(few: None, platform: Platform) -> None:
    consumer = platform.deps.bus.subscribe("stitch", [WORK])
    watch = LagWatch(platform.deps, ["stitch"])
    _pile(platform, TOO_MUCH)
    watch.look()
    assert (_told(platform), _depth()) == ([], TOO_MUCH)
    _pile(platform, 5)
    for _ in range(3):
        watch.look()
    assert (_told(platform), _depth()) == ([{"topic": WORK, "waiting": 25}], 25)
    delivered = consumer.poll(100, 0)
    _done(consumer.ack, delivered[:10])  # 15 left: less, not little
    watch.look()
    _pile(platform, 10)
    watch.look()
    assert len(_told(platform)) == 1
    _done(consumer.ack, delivered[10:])
    _done(consumer.ack, consumer.poll(100, 0)[:5])  # 5 left
    watch.look()
    _pile(platform, TOO_MUCH)
    watch.look()
    assert [each["waiting"] for each in _told(platform)] == [25, 25]


def _done(ack: Any, deliveries: list[Delivery]) -> None:
    for delivery in deliveries:
        ack(delivery)
