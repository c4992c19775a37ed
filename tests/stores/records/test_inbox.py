import logging
import threading
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from dataflux.errors import Conflict
from events.event import Event
from stores.records import inbox
from stores.records.database import Database
from tests.stores.records.runs_in import session

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def event(identity: str | None = None, **data: Any) -> Event:
    return Event(identity or str(uuid4()), "io.dataflux.segment.indexed", "/dataflux/x", NOW, data)


def test_an_event_is_new_to_each_consumer_once(database: Database, tenant: UUID) -> None:
    one, two = event(), event()
    with session(database, tenant) as conn:
        assert inbox.unseen(conn, "project", [one, two, one]) == [one, two]
        inbox.record(conn, "project", [one])
        assert inbox.unseen(conn, "project", [one, two]) == [two]
        assert inbox.unseen(conn, "relate", [one]) == [one]


def test_an_event_of_one_tenant_hides_none_of_another(database: Database, tenant: UUID) -> None:
    one = event()
    for owner in (tenant, uuid4()):
        with session(database, owner) as conn:
            assert inbox.unseen(conn, "project", [one]) == [one]
            inbox.record(conn, "project", [one])


def test_an_id_that_comes_back_with_other_data_is_flagged(
    database: Database, tenant: UUID, caplog: pytest.LogCaptureFixture
) -> None:
    one = event(segment="a", row=1)
    with session(database, tenant) as conn, caplog.at_level(logging.WARNING):
        inbox.record(conn, "project", [one])
        same = event(one.id, row=1, segment="a")
        assert inbox.unseen(conn, "project", [same]) == []
        assert not caplog.records
        assert inbox.unseen(conn, "project", [event(one.id, segment="b")]) == []
    assert "came again with other data" in caplog.text


def test_of_two_rivals_one_has_the_effect(database: Database, tenant: UUID) -> None:
    batch = [event() for _ in range(20)]
    start, outcomes = threading.Barrier(2), list[str]()

    def rival(events: list[Event]) -> None:
        with session(database, tenant) as conn:
            assert len(inbox.unseen(conn, "project", events)) == len(events)
        start.wait()
        try:
            with session(database, tenant) as conn:
                inbox.record(conn, "project", events)
        except Conflict:
            outcomes.append("late")
        else:
            outcomes.append("had")

    rivals = [threading.Thread(target=rival, args=[each]) for each in (batch, batch[::-1])]
    for each in rivals:
        each.start()
    for each in rivals:
        each.join()
    assert sorted(outcomes) == ["had", "late"]


def test_what_is_old_is_forgotten(database: Database, tenant: UUID) -> None:
    one = event()
    with session(database, tenant, "app") as conn:
        inbox.record(conn, "project", [one])
        now = datetime.now(UTC)
        assert inbox.forget(conn, now - timedelta(days=1)) == 0
        assert inbox.forget(conn, now + timedelta(days=1)) == 1
        assert inbox.unseen(conn, "project", [one]) == [one]
