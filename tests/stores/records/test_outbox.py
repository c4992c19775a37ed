import random
import threading
from uuid import UUID

from stores.records import outbox
from stores.records.database import Database
from tests.stores.records.runs_in import session, system

WRITERS, EACH = 6, 25


def ids_of(rows: list[outbox.OutboxRow]) -> list[int]:
    return [row.id for row in rows]


def test_what_was_added_is_taken_until_it_is_deleted(database: Database, tenant: UUID) -> None:
    with session(database, tenant) as conn:
        added = outbox.add(conn, tenant, [{"id": "a"}, {"id": "b"}])
    for _ in range(2):
        with system(database) as conn:
            rows = outbox.take(conn, 10)
            assert [row.events for row in rows if row.id == added] == [[{"id": "a"}, {"id": "b"}]]
    with system(database) as conn:
        outbox.delete(conn, [added])
        assert added not in ids_of(outbox.take(conn, 10))


def test_a_row_is_left_to_its_writer_for_a_while(database: Database, tenant: UUID) -> None:
    with session(database, tenant) as conn:
        added = outbox.add(conn, tenant, [{"id": "a"}])
    with system(database) as conn:
        assert added not in ids_of(outbox.take(conn, 10, older_than_s=60))
        assert added in ids_of(outbox.take(conn, 10))
        outbox.delete(conn, [added])


def test_two_relays_take_different_rows(database: Database, tenant: UUID) -> None:
    with session(database, tenant) as conn:
        added = {outbox.add(conn, tenant, [{"id": str(n)}]) for n in range(4)}
    with system(database) as one, system(database) as two:
        two.execute("SET LOCAL lock_timeout = '2s'")
        first, second = outbox.take(one, 2), outbox.take(two, 2)
        outbox.delete(one, ids_of(first))
        outbox.delete(two, ids_of(second))
    assert {*ids_of(first), *ids_of(second)} == added


def test_relays_miss_nothing_however_late_it_is_committed(database: Database, tenant: UUID) -> None:
    """Rows appear in another order than that of their ids: no id can be a mark."""
    sent, seen = set[str](), list[str]()
    written = threading.Event()

    def write(seed: int) -> None:
        drawn, pause = random.Random(seed), threading.Event()
        for n in range(EACH):
            with session(database, tenant) as conn:
                outbox.add(conn, tenant, [{"id": f"{seed}.{n}"}])
                pause.wait(drawn.expovariate(500))
            sent.add(f"{seed}.{n}")

    def relay() -> None:
        last = False
        while not last:
            last = written.is_set()  # whatever is committed before this is seen below
            with system(database) as conn:
                rows = outbox.take(conn, 7)
                seen.extend(event["id"] for row in rows for event in row.events)
                outbox.delete(conn, ids_of(rows))
            last = last and not rows

    writers = [threading.Thread(target=write, args=[seed]) for seed in range(WRITERS)]
    relays = [threading.Thread(target=relay) for _ in range(2)]
    for thread in (*writers, *relays):
        thread.start()
    for thread in writers:
        thread.join()
    written.set()
    for thread in relays:
        thread.join()
    assert len(sent) == WRITERS * EACH
    assert sorted(seen) == sorted(sent)
