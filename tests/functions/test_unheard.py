"""What a consumer of facts has never had is told once more: that, and nothing else."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from dataflux.clock import Clock
from events.event import PREFIX, Event
from functions.disposition import Disposition
from functions.hosts.given_up import GivenUp
from functions.targets import BY_NAME, TARGETS
from tests.fixtures.platform import Platform

NOTES = b"# Notes\n\nOtters sleep.\n\nGulls cry.\n\nThe keeper reads.\n"
FACTS = {
    "project": ("segment.embedded",),
    "relate": ("segment.indexed", "asset.processing_completed"),
}
AN_HOUR_AGO = Clock(lambda: Clock().time_ns() - 3600 * 10**9)


def tick() -> Event:
    now = datetime.now(UTC)
    return Event("tick", f"{PREFIX}timer.tick", "/test", now, {"timer": "reconcile"})


def reconcile_an_hour_later(platform: Platform) -> None:
    """Do so twice: the second time, all that was lost has been told a moment ago."""
    with platform.deps.engine.session(platform.caller.tenant) as conn:
        conn.execute(
            "UPDATE runs SET created_at = created_at - interval '1 hour',"
            " finished_at = finished_at - interval '1 hour',"
            " indexed_at = indexed_at - interval '1 hour'"
        )
    for _ in range(2):
        assert BY_NAME["reconcile"].run(platform.deps, [tick()]) == Disposition.DONE


def told(platform: Platform, consumer: str) -> list[str]:
    """Return the ids of what the consumer was told so far."""
    return [event.id for name in FACTS[consumer] for event in platform.facts(name)]


def pump_all_but(platform: Platform, consumer: str) -> None:
    others = [
        (target, platform.deps.bus.subscribe(target.name, target.topics))
        for target in TARGETS
        if target.topics and target.name != consumer
    ]
    idle = False
    while not idle:
        idle = True
        for target, member in others:
            for delivery in member.poll(50, 0):
                idle = False
                platform.run(target, [delivery])
                member.ack(delivery)


def lose_every_second(platform: Platform, consumer: str) -> list[str]:
    """Process a file, but lose every second message to one consumer; return what was lost."""
    pump_all_but(platform, consumer)
    member, lost = platform.deps.bus.subscribe(consumer, BY_NAME[consumer].topics), list[str]()
    for number, delivery in enumerate(member.poll(1000, 0)):
        assert delivery.event is not None
        if number % 2:
            platform.run(BY_NAME[consumer], [delivery])
        else:
            lost.append(delivery.event.id)
        member.ack(delivery)
    return lost


def counters(platform: Platform) -> tuple[int, int]:
    with platform.deps.engine.session(platform.caller.tenant) as conn:
        row = conn.execute("SELECT sum(to_index), sum(to_relate) FROM runs").fetchone()
    assert row is not None
    return row[0], row[1]


@pytest.mark.parametrize("consumer", FACTS)
def test_what_was_lost_is_told_once_more_and_nothing_else(
    platform: Platform, consumer: str
) -> None:
    platform.drop("notes.md", NOTES)
    lost = lose_every_second(platform, consumer)
    before = told(platform, consumer)
    assert lost
    assert set(lost) < set(before)
    reconcile_an_hour_later(platform)
    assert sorted(told(platform, consumer)) == sorted([*before, *lost])
    platform.pump()
    assert counters(platform) == (0, 0)


@pytest.mark.parametrize("consumer", FACTS)
def test_what_waits_is_not_told_again(platform: Platform, consumer: str) -> None:
    deps = platform.deps
    platform.deps = replace(deps, engine=replace(deps.engine, clock=AN_HOUR_AGO))
    platform.drop("notes.md", NOTES)
    pump_all_but(platform, consumer)
    deps.bus.subscribe(consumer, BY_NAME[consumer].topics)
    before = told(platform, consumer)
    reconcile_an_hour_later(platform)
    assert told(platform, consumer) == before
    platform.pump()
    assert counters(platform) == (0, 0)


@pytest.mark.parametrize("consumer", FACTS)
def test_what_was_given_up_is_not_lost(platform: Platform, consumer: str) -> None:
    """It is a dead letter: people decide about it."""
    platform.drop("notes.md", NOTES)
    pump_all_but(platform, consumer)
    before, now = told(platform, consumer), datetime.now(UTC)
    member = platform.deps.bus.subscribe(consumer, BY_NAME[consumer].topics)
    why = Disposition("failed", "a bug")
    for delivery in member.poll(1000, 0):
        platform.deps.engine.bury(GivenUp(consumer, delivery, why, 1, now, now).letter())
        member.ack(delivery)
    reconcile_an_hour_later(platform)
    assert told(platform, consumer) == before


def test_relating_twice_counts_once(platform: Platform) -> None:
    platform.drop("a.md", NOTES)
    platform.pump(times=3)
    platform.deps.bus.publish(platform.facts("segment.embedded"))
    platform.pump()
    assert counters(platform) == (0, 0)
