from dataclasses import replace
from uuid import UUID, uuid4

from stores.records import dead_letters
from stores.records.database import Database
from stores.records.dead_letters import DeadLetter
from tests.stores.records.runs_in import session, system


def letter(tenant: UUID | None) -> DeadLetter:
    return DeadLetter(uuid4(), tenant, "project", "dataflux.x", b"\x00{", "unknown type", 2)


def test_a_letter_is_kept_as_it_came(database: Database, tenant: UUID) -> None:
    sent = letter(tenant)
    with session(database, tenant) as conn:
        dead_letters.add(conn, sent)
        dead_letters.add(conn, replace(sent, reason="unknown still"))
        (kept,) = dead_letters.page(conn)
    assert (kept.id, kept.event, kept.reason, kept.attempts) == (
        sent.id,
        b"\x00{",
        "unknown still",
        4,
    )
    assert kept.first_at <= kept.last_at


def test_a_letter_is_settled_once(database: Database, tenant: UUID) -> None:
    sent = letter(tenant)
    with session(database, tenant) as conn:
        dead_letters.add(conn, sent)
        assert dead_letters.settle(conn, sent.id, "replayed")
        assert not dead_letters.settle(conn, sent.id, "dropped")
        assert dead_letters.page(conn) == []
        assert [kept.id for kept in dead_letters.page(conn, state="replayed")] == [sent.id]


def test_a_letter_of_nobody_is_the_administrators(database: Database, tenant: UUID) -> None:
    sent = letter(None)
    with system(database, "admin") as conn:
        dead_letters.add(conn, sent)
        assert sent.id in [kept.id for kept in dead_letters.page(conn)]
    with session(database, tenant) as conn:
        assert dead_letters.page(conn) == []
