import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from dataflux.errors import Conflict
from stores.records.embedded import EmbeddedPostgres
from stores.records.migrate import Migration, migrate, migrations
from tests.fixtures.postgres import dsn_of

ONE = Migration(1, "one", "CREATE TABLE one (id int)")
TWO = Migration(2, "two", "CREATE TABLE two (id int)")


@pytest.fixture
def empty(pg_server: EmbeddedPostgres) -> Iterator[Connection[Any]]:
    name = f"empty_{uuid.uuid4().hex}"
    with psycopg.connect(pg_server.dsn, autocommit=True) as conn:
        conn.execute(f"CREATE DATABASE {name}".encode())
        with psycopg.connect(dsn_of(pg_server, name), autocommit=True) as made:
            yield made
        conn.execute(f"DROP DATABASE {name}".encode())


def tables(conn: Connection[Any]) -> set[str]:
    found = conn.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    return {name for (name,) in found}


def test_what_is_missing_is_applied_once(empty: Connection[Any]) -> None:
    assert migrate(empty, [ONE]) == [ONE]
    assert migrate(empty, [ONE, TWO]) == [TWO]
    assert migrate(empty, [ONE, TWO]) == []
    assert tables(empty) == {"one", "two", "migrations"}


def test_a_dry_run_changes_nothing(empty: Connection[Any]) -> None:
    assert migrate(empty, [ONE], dry_run=True) == [ONE]
    assert tables(empty) == set()


def test_a_file_that_fails_leaves_nothing_and_those_before_it_stay(empty: Connection[Any]) -> None:
    bad = replace(TWO, sql="CREATE TABLE two (id int); SELECT 1 / 0")
    with pytest.raises(psycopg.DataError):
        migrate(empty, [ONE, bad])
    assert tables(empty) == {"one", "migrations"}
    assert migrate(empty, [ONE, TWO]) == [TWO]


def test_a_changed_file_is_refused(empty: Connection[Any]) -> None:
    migrate(empty, [ONE])
    with pytest.raises(Conflict, match="0001 'one' was changed"):
        migrate(empty, [replace(ONE, sql=ONE.sql + " "), TWO])
    assert tables(empty) == {"one", "migrations"}


def test_a_database_of_newer_code_is_refused(empty: Connection[Any]) -> None:
    migrate(empty, [ONE, TWO])
    with pytest.raises(Conflict, match=r"\[2\], newer than this code"):
        migrate(empty, [ONE])


def test_files_are_numbered_without_a_gap(tmp_path: Path) -> None:
    (tmp_path / "0001_one.sql").write_text("SELECT 1")
    (tmp_path / "0003_three.sql").write_text("SELECT 1")
    with pytest.raises(Conflict, match=r"\[1, 3\]"):
        migrations(tmp_path)


def test_the_migrations_of_this_code_are_in_order() -> None:
    assert [migration.name for migration in migrations()][:1] == ["core"]


def test_a_second_installer_waits_for_the_first(
    empty: Connection[Any], pg_server: EmbeddedPostgres
) -> None:
    with psycopg.connect(empty.info.dsn, autocommit=True) as rival:
        rival.execute("SET lock_timeout = '20ms'")
        empty.execute("SELECT pg_advisory_lock(%s)", [0x0DF1])
        with pytest.raises(psycopg.errors.LockNotAvailable):
            migrate(rival, [ONE])
        empty.execute("SELECT pg_advisory_unlock(%s)", [0x0DF1])
        rival.execute("RESET lock_timeout")
        assert migrate(rival, [ONE]) == [ONE]
