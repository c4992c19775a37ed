from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from dataflux.errors import NotFound
from stores.records import dead_letters, runs, steps
from stores.records.database import Database
from stores.records.dead_letters import DeadLetter, Selection
from tests.stores.records.runs_in import add_run, session, system

FIRST = datetime(2026, 11, 1, 12, tzinfo=UTC)
LAST = FIRST + timedelta(minutes=2)
DEAD = Selection()


def letter(tenant: UUID | None) -> DeadLetter:
    return DeadLetter(
        id=uuid4(),
        tenant=tenant,
        function="project",
        topic="dataflux.x",
        event=b"\x00{",
        reason="invalid_event",
        first_at=FIRST,
        last_at=LAST,
        attempts=2,
        origin={"topic": "dataflux.x", "offset": 7, "knativeerrorcode": "422"},
    )


def test_a_letter_is_kept_as_it_came(database: Database, tenant: UUID) -> None:
    sent = letter(tenant)
    again = replace(
        sent,
        reason="function_failed",
        event=b"other",
        first_at=LAST,
        last_at=LAST + timedelta(hours=1),
        origin={"topic": "dataflux.x", "offset": 99, "knativeerrorcode": "500"},
    )
    with session(database, tenant) as conn:
        dead_letters.add(conn, sent)
        dead_letters.add(conn, again)
        (kept,) = dead_letters.page(conn, DEAD)
        assert dead_letters.bytes_of(conn, sent.id) == b"\x00{"
    assert (kept.id, kept.reason, kept.attempts) == (sent.id, "function_failed", 4)
    assert (kept.first_at, kept.last_at) == (FIRST, again.last_at)
    assert (kept.origin["offset"], kept.origin["knativeerrorcode"]) == (7, "500")


def test_news_of_what_is_dead_already_changes_nothing(database: Database, tenant: UUID) -> None:
    sent = replace(letter(tenant), detail="a\0b", origin={"topic": "x\0"})
    again = replace(sent, reason="function_failed", detail="c", last_at=LAST + timedelta(hours=1))
    with session(database, tenant) as conn:
        assert dead_letters.add(conn, sent, once=True)
        before = dead_letters.get(conn, sent.id)
        assert (before.detail, before.origin) == ("a\ufffdb", {"topic": "x\ufffd"})
        assert not dead_letters.add(conn, again, once=True)
        assert dead_letters.get(conn, sent.id) == before
        assert dead_letters.settle(conn, sent.id, "retried")
        assert dead_letters.add(conn, again, once=True)
        (back,) = dead_letters.page(conn, DEAD)
    assert (back.reason, back.attempts, back.first_at) == ("function_failed", 4, FIRST)


def test_a_letter_is_settled_once(database: Database, tenant: UUID) -> None:
    sent = letter(tenant)
    with session(database, tenant) as conn:
        dead_letters.add(conn, sent)
        assert dead_letters.settle(conn, sent.id, "replayed")
        assert not dead_letters.settle(conn, sent.id, "discarded")
        assert dead_letters.page(conn, DEAD) == []
        replayed = dead_letters.page(conn, Selection(state="replayed"))
        assert [kept.id for kept in replayed] == [sent.id]
        assert dead_letters.get(conn, sent.id).state == "replayed"
        with pytest.raises(NotFound):
            dead_letters.get(conn, uuid4())


def test_a_letter_of_nobody_is_the_administrators(database: Database, tenant: UUID) -> None:
    sent = letter(None)
    with system(database, "admin") as conn:
        dead_letters.add(conn, sent)
        assert sent.id in [kept.id for kept in dead_letters.page(conn, DEAD, limit=500)]
    with session(database, tenant) as conn:
        assert dead_letters.page(conn, DEAD) == []


def test_pages_follow_each_other(database: Database, tenant: UUID) -> None:
    sent = [replace(letter(tenant), last_at=LAST + timedelta(hours=n // 2)) for n in range(5)]
    with session(database, tenant) as conn:
        for each in sent:
            dead_letters.add(conn, each)
        first = dead_letters.page(conn, DEAD, limit=3)
        place = first[-1].last_at, first[-1].id
        rest = dead_letters.page(conn, DEAD, after=place, limit=3)
    expected = sorted(sent, key=lambda each: (each.last_at, each.id), reverse=True)
    assert [kept.id for kept in first + rest] == [each.id for each in expected]


def test_a_failed_piece_is_given_up_until_its_asset_has_another_run(
    database: Database, tenant: UUID
) -> None:
    with session(database, tenant) as conn:
        plan, (piece, _) = add_run(conn, tenant, 2)
        token = uuid4()
        assert steps.claim(conn, piece, token, 60)
        steps.commit_piece(conn, piece, token, to="failed", reason="corrupt_media", detail="bad")
        (found,) = dead_letters.page(conn, DEAD)
        assert (found.id, found.kind, found.asset) == (piece, "piece", plan.asset)
        assert (found.function, found.reason, found.detail) == ("segment", "corrupt_media", "bad")
        assert found.topic == "dataflux.work.segment.normal"
        (group,) = dead_letters.groups(conn, DEAD)
        assert (group.group_id, group.count) == (found.group_id, 1)
        steps.finish_run(conn, plan.id, "failed")
        runs.create(conn, tenant, replace(plan, id=uuid4()))
        assert dead_letters.page(conn, DEAD) == []
