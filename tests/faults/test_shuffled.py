"""Every message one to five times, in any order: the same state as once each, in order."""

import random
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from uuid import UUID

import pytest

from analyzers.registry import Registry
from analyzers.sandbox import Sandbox
from events.bus import Delivery
from functions.disposition import Disposition
from functions.targets import TARGETS, Target
from functions.work import Outcome, Work
from stores.records.database import Database
from stores.records.embedded import EmbeddedPostgres
from tests import canonical
from tests.faults.files import WORDS, make
from tests.faults.seeds import replayable, seed
from tests.faults.worker import event_of, make_engine, outcome_of
from tests.fixtures.platform import Platform, assembled
from tests.fixtures.postgres import add_tenant, fresh_database
from tests.stores.records.runs_in import add_run, session

WINDOW = 50
MOST = 5
RIVALS = 8

Installation = Callable[[str], AbstractContextManager[Platform]]


@pytest.fixture
def installation(
    pg_server: EmbeddedPostgres,
    migrated: str,
    tmp_path: Path,
    light_sandbox: tuple[Registry, Sandbox],
) -> Installation:
    """Return what makes an installation with a database of its own."""

    @contextmanager
    def make_one(name: str) -> Iterator[Platform]:
        with (
            fresh_database(pg_server, migrated) as database,
            assembled(database, add_tenant(database), tmp_path / name, light_sandbox) as made,
        ):
            yield made

    return make_one


def drop_all(platform: Platform, documents: int, paragraphs: int) -> None:
    """Bring in documents of many paragraphs, and small files of other kinds."""
    for number in range(documents):
        drawn = random.Random(number)
        texts = [f"# {number}", *(" ".join(drawn.choices(WORDS, k=6)) for _ in range(paragraphs))]
        platform.drop(f"long-{number}.md", "\n\n".join(texts).encode())
        small = make(documents, number, largest=100)
        platform.drop(small.name, small.data)


def pump_shuffled(platform: Platform, drawn: random.Random) -> None:
    """Deliver each message 1-5 times, in an order drawn within a window, until all are quiet."""
    consumers = [(t, platform.deps.bus.subscribe(t.name, t.topics)) for t in TARGETS if t.topics]
    window: list[tuple[Target, Sequence[Delivery]]] = []
    while True:
        found = False
        for target, consumer in consumers:
            deliveries = consumer.poll(drawn.randint(1, target.batch), 0)
            for delivery in deliveries:
                consumer.ack(delivery)
            if deliveries:
                found = True
                window += [(target, deliveries)] * drawn.randint(1, MOST)
        while len(window) > WINDOW or (window and not found):
            platform.run(*window.pop(drawn.randrange(len(window))))
            if not found:
                break
        if not found and not window:
            return


def compare(installation: Installation, *, shuffles: int, documents: int, paragraphs: int) -> int:
    """Compare shuffled deliveries to calm ones; return how many events each of them had."""
    with installation("calm") as calm:
        drop_all(calm, documents, paragraphs)
        calm.pump()
        expected = canonical.canonical(calm.deps.engine.database, calm.deps.objects)
        events = len({(name, event.id) for name, event in calm.seen})
    canonical.check_settled(expected)
    for drawn in range(seed(), seed() + shuffles):
        with replayable(drawn), installation(f"shuffled-{drawn}") as shaken:
            drop_all(shaken, documents, paragraphs)
            pump_shuffled(shaken, random.Random(drawn))
            found = canonical.canonical(shaken.deps.engine.database, shaken.deps.objects)
            canonical.check(found, expected, f"seed {drawn}")
            delivered = sum(1 for _ in shaken.seen)
            print(f"seed {drawn}: {events} events, {delivered} deliveries, the same state")
    return events


def test_shuffled_and_repeated_messages_change_nothing(
    installation: Installation,
) -> None:
    compare(installation, shuffles=1, documents=3, paragraphs=8)


@pytest.mark.faults
def test_2_000_messages_in_ten_orders_give_one_state(
    installation: Installation,
) -> None:
    assert compare(installation, shuffles=10, documents=16, paragraphs=60) >= 2_000


def rival(database: Database, tenant: UUID, folder: Path, times: int) -> None:
    """Give one message to eight workers at once, again and again: one of them does it."""
    engine = make_engine(database, folder, 60.0)
    with session(database, tenant) as conn:
        _, pieces = add_run(conn, tenant, times)
    ran: list[UUID] = []

    def handler(work: Work) -> Outcome:
        ran.append(work.piece)
        return outcome_of(work, "one")

    answers: list[Disposition] = []
    together = threading.Barrier(RIVALS)

    def work() -> None:
        for piece in pieces:
            together.wait()
            answers.append(engine.step(event_of(tenant, piece), handler))

    threads = [threading.Thread(target=work) for _ in range(RIVALS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [Disposition.DONE] * (RIVALS * times)
    assert sorted(ran) == sorted(pieces)


def test_one_of_eight_workers_has_the_effect(
    database: Database, tenant: UUID, tmp_path: Path
) -> None:
    rival(database, tenant, tmp_path, 20)


@pytest.mark.faults
def test_one_of_eight_workers_has_the_effect_500_times(
    database: Database, tenant: UUID, tmp_path: Path
) -> None:
    rival(database, tenant, tmp_path, 500)
