"""A backlog is not multiplied by whoever looks for lost work; what is lost is found again."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

from psycopg import Connection

from dataflux.clock import Clock
from events.bus import Delivery
from events.event import Event
from events.log_bus import LogBus
from events.topics import work_topic
from functions.facts import About, Announcer
from functions.reconcile import handler, waiting
from functions.targets import BY_NAME
from schemas.names import Lane, Stage
from tests.fixtures.platform import Platform
from tests.stores.records.runs_in import add_run

RUNS, EACH = 50, 100
HOUR_S = 3600.0
TICKS = 12
"""Of up to 1,000 pieces each, so that all would be found."""
THEN = Clock(lambda: Clock().time_ns() - int(HOUR_S * 1e9))


def plan_an_hour_ago(platform: Platform) -> list[UUID]:
    """Plan 5,000 pieces and publish their messages, all of it an hour ago."""
    tenant, planned = platform.caller.tenant, list[UUID]()
    announcer = Announcer(THEN, platform.deps.ids)
    with platform.deps.engine.session(tenant) as conn:
        for _ in range(RUNS):
            plan, pieces = add_run(conn, tenant, EACH)
            about = About("test", tenant, plan.lineage, plan.asset, Lane.NORMAL)
            platform.deps.bus.publish(
                [announcer.work(about, plan.id, Stage.SEGMENT, piece) for piece in pieces]
            )
            planned += pieces
        age(conn, HOUR_S)
    return planned


def age(conn: Connection[object], by_s: float) -> None:
    conn.execute("UPDATE pieces SET emitted_at = emitted_at - %s", [timedelta(seconds=by_s)])


def messages(platform: Platform) -> int:
    """Count the messages of this tenant's pieces, in every lane."""
    bus, tenant = platform.deps.bus, str(platform.caller.tenant)
    assert isinstance(bus, LogBus)
    deliveries = [d for lane in Lane for d in bus.tail(work_topic(Stage.SEGMENT, lane))]
    return sum(1 for d in deliveries if d.event and d.event.extensions["tenantid"] == tenant)


def reconcile(platform: Platform) -> int:
    """Look for lost pieces again and again; return how many messages that has made."""
    before, engine = messages(platform), platform.deps.engine
    for _ in range(TICKS):
        engine.emit_lost(handler.LOST_AFTER_S, waiting.pieces(platform.deps))
    return messages(platform) - before


def take_all(platform: Platform, *, but: int) -> list[Delivery]:
    """Acknowledge what waits, without any effect, but so many; return those."""
    consumer = platform.deps.bus.subscribe("segment", BY_NAME["segment"].topics)
    taken = list[Delivery]()
    while found := consumer.poll(1000, 0):
        taken += found
    for delivery in taken[: len(taken) - but]:
        consumer.ack(delivery)
    return taken[len(taken) - but :]


def test_a_backlog_of_5_000_pieces_is_not_multiplied(platform: Platform) -> None:
    planned = plan_an_hour_ago(platform)
    assert len(planned) == messages(platform) == RUNS * EACH
    platform.deps.bus.subscribe("segment", BY_NAME["segment"].topics)
    assert reconcile(platform) == 0
    left = take_all(platform, but=1)
    assert reconcile(platform) == 0  # one of the same age waits: the others may be behind it
    platform.deps.bus.subscribe("segment", BY_NAME["segment"].topics).ack(left[0])
    assert reconcile(platform) == len(planned)  # all are gone, and are announced once
    assert messages(platform) == 2 * len(planned)
    assert reconcile(platform) == 0


def test_lost_work_is_found_behind_a_backlog_of_another_lane(platform: Platform) -> None:
    """A lane that is full keeps nobody from finding what another one has lost."""
    plan_an_hour_ago(platform)
    platform.deps.bus.subscribe("segment", BY_NAME["segment"].topics)
    with platform.deps.engine.session(platform.caller.tenant) as conn:
        conn.execute("UPDATE pieces SET lane = 'high' WHERE index < 3")  # of these no message is
    assert reconcile(platform) == 3 * RUNS


def test_arrivals_that_wait_are_not_announced_again(platform: Platform) -> None:
    tenant, deps = platform.caller.tenant, platform.deps
    platform.deps = replace(deps, engine=replace(deps.engine, clock=THEN))
    platform.drop("notes.md", b"# Notes\n\nOtters.\n")
    deps.bus.subscribe("ingest", BY_NAME["ingest"].topics)
    for lost, expected in ((False, 1), (True, 2)):
        if lost:
            consumer = deps.bus.subscribe("ingest", BY_NAME["ingest"].topics)
            for delivery in consumer.poll(10, 0):
                consumer.ack(delivery)
        with deps.engine.session(tenant) as conn:
            conn.execute("UPDATE arrivals SET announced_at = announced_at - interval '1 hour'")
        for _ in range(3):
            BY_NAME["reconcile"].run(deps, [tick(platform)])
        assert len(platform.facts("object.created")) == expected


def tick(platform: Platform) -> Event:
    now = platform.deps.clock.now()
    return Event(str(uuid4()), "io.dataflux.timer.tick", "/test", now, {"timer": "reconcile"})
