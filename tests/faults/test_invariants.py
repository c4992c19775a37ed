"""The checker finds nothing where nothing is wrong, and each fault under its own name."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from psycopg import sql

from analyzers.registry import Registry
from analyzers.sandbox import Sandbox
from stores.records import access
from stores.records.embedded import EmbeddedPostgres
from stores.records.filters import Condition
from tests.faults.files import make
from tests.faults.invariants import INVARIANTS, Found, check_all
from tests.faults.workload import Told, Upload
from tests.fixtures.platform import Platform, assembled
from tests.fixtures.postgres import add_tenant, fresh_database

FILES = 4


@pytest.fixture(scope="module")
def settled(
    pg_server: EmbeddedPostgres,
    migrated: str,
    tmp_path_factory: pytest.TempPathFactory,
    light_sandbox: tuple[Registry, Sandbox],
) -> Iterator[tuple[Platform, Found]]:
    """An installation in which everything has ended well."""
    folder = tmp_path_factory.mktemp("settled")
    with (
        fresh_database(pg_server, migrated) as database,
        assembled(database, add_tenant(database), folder, light_sandbox) as platform,
    ):
        history = []
        for number in range(FILES):
            file = make(1, number, largest=100)
            sha256 = hashlib.sha256(file.data).hexdigest()
            lineage = str(platform.drop(file.name, file.data).lineage)
            history.append(Upload(number, file.name, sha256, len(file.data), Told.OK, lineage))
        platform.pump()
        yield platform, Found(platform.deps, platform.caller.tenant, history)


def test_nothing_is_found_where_nothing_is_wrong(settled: tuple[Platform, Found]) -> None:
    _, found = settled
    assert check_all(found) == {}
    assert list(INVARIANTS) == [f"I{n}" for n in range(1, 12)]


BROKEN = (
    ("I2", "UPDATE run_stages SET failed = 1 WHERE stage = 'analyze'"),
    ("I3", "INSERT INTO outbox (tenant_id, events) SELECT id, '[]' FROM tenants"),
    ("I4", "UPDATE pieces SET state = 'ready' WHERE stage = 'embed_text'"),
    ("I5", "UPDATE segments SET sequence_number = 7 WHERE sequence_number = 1"),
    ("I6", "DELETE FROM embeddings WHERE id = (SELECT id FROM embeddings LIMIT 1)"),
    ("I6", "DELETE FROM inbox WHERE consumer = 'relate'"),
    ("I6", "DELETE FROM relationships WHERE relationship_type = 'contains'"),
    (
        "I7",
        "INSERT INTO dead_letters (id, consumer, topic, event, reason)"
        " VALUES (gen_random_uuid(), 'relate', 't', 'good', 'tired')",
    ),
    ("I8", "UPDATE runs SET open_stages = 1"),
    ("I9", "UPDATE runs SET state = 'failed' WHERE state = 'completed'"),
)


@pytest.mark.parametrize(("name", "change"), BROKEN)
def test_what_is_broken_is_found(settled: tuple[Platform, Found], name: str, change: str) -> None:
    """In a transaction that is rolled back: it is the only one who sees it."""
    _, found = settled
    with found.database.installer() as conn, conn.transaction(force_rollback=True):
        conn.execute(change.encode())
        broken = replace(found, conn=conn)
        assert INVARIANTS[name](broken)
    assert not INVARIANTS[name](found)


def test_lost_bytes_are_found(settled: tuple[Platform, Found]) -> None:
    platform, found = settled
    absent = replace(found.history[0], name="never.md")
    other = replace(found.history[0], sha256="0" * 64)
    unknown = replace(absent, told=Told.UNKNOWN)
    check = INVARIANTS["I1"]
    assert check(replace(found, history=[absent]))
    assert check(replace(found, history=[other]))
    assert not check(replace(found, history=[unknown]))
    received = platform.drop("gone.md", b"# Gone\n")
    platform.pump()
    (path,) = found.rows("SELECT storage_path FROM assets WHERE lineage = %s", received.lineage)[0]
    kept = replace(
        found.history[0],
        name="gone.md",
        sha256=hashlib.sha256(b"# Gone\n").hexdigest(),
        lineage=str(received.lineage),
    )
    assert not check(replace(found, history=[kept]))
    platform.deps.objects.delete(path)
    assert check(replace(found, history=[kept]))


def test_missing_letters_are_found(settled: tuple[Platform, Found]) -> None:
    _, found = settled
    assert INVARIANTS["I7"](replace(found, poison=[b"never buried"]))


def test_a_half_written_object_is_found(settled: tuple[Platform, Found]) -> None:
    _, found = settled
    left = Path(found.deps.settings.home) / f"objects/.incoming/1-{uuid4()}.tmp"
    left.write_bytes(b"half")
    assert INVARIANTS["I10"](found)
    left.unlink()
    assert not INVARIANTS["I10"](found)


def test_who_sees_too_much_is_found(
    settled: tuple[Platform, Found], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, found = settled
    everything: Callable[..., Condition] = lambda *_: Condition(sql.SQL("true"), {})  # noqa: E731
    monkeypatch.setattr(access, "visible", everything)
    assert INVARIANTS["I11"](found)
