"""Brings a database to the schema of this code: numbered files, each in one transaction."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycopg import Connection

from dataflux.errors import Conflict

FOLDER = Path(__file__).parent / "migrations"
LOCK = 0x0DF1
"""Two installers at once: the second waits here, then finds nothing to do."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: `0001_core.sql` is number 1."""

    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrations(folder: Path = FOLDER) -> list[Migration]:
    """Return the files of a folder in order; their numbers run from 1 without a gap."""
    found = [_read(path) for path in sorted(folder.glob("*.sql"))]
    numbers = [migration.number for migration in found]
    if numbers != list(range(1, len(found) + 1)):
        raise Conflict(f"migrations are numbered {numbers}; number them from 1 without a gap")
    return found


def migrate(
    conn: Connection[Any], wanted: Sequence[Migration] | None = None, *, dry_run: bool = False
) -> list[Migration]:
    """Apply what is missing and return it; change nothing on a dry run.

    `conn` is in autocommit mode: the installer owns its transactions, one for each file.
    """
    known = migrations() if wanted is None else wanted
    conn.execute("SELECT pg_advisory_lock(%s)", [LOCK])
    try:
        missing = _missing(known, _applied(conn))
        if not dry_run:
            for migration in missing:
                _apply(conn, migration)
        return missing
    finally:
        conn.execute("SELECT pg_advisory_unlock(%s)", [LOCK])


def _read(path: Path) -> Migration:
    number, _, name = path.stem.partition("_")
    return Migration(int(number), name, path.read_text(encoding="utf-8"))


def _applied(conn: Connection[Any]) -> dict[int, str]:
    found = conn.execute("SELECT to_regclass('public.migrations')").fetchone()
    if found == (None,):
        return {}
    return dict(conn.execute("SELECT number, checksum FROM public.migrations").fetchall())


def _missing(known: Sequence[Migration], applied: Mapping[int, str]) -> list[Migration]:
    """Refuse a database that this code does not know, or whose past is not this code's."""
    newer = sorted(set(applied) - {migration.number for migration in known})
    if newer:
        raise Conflict(f"the database has migrations {newer}, newer than this code; update it")
    for migration in known:
        have = applied.get(migration.number)
        if have is not None and have != migration.checksum:
            raise Conflict(
                f"migration {migration.number:04} '{migration.name}' was changed after it was "
                f"applied; restore the file and put the change into a new one"
            )
    return [migration for migration in known if migration.number not in applied]


def _apply(conn: Connection[Any], migration: Migration) -> None:
    with conn.transaction():
        conn.execute(migration.sql.encode())
        conn.execute(
            "CREATE TABLE IF NOT EXISTS public.migrations (number int PRIMARY KEY,"
            " name text NOT NULL, checksum text NOT NULL, applied_at timestamptz NOT NULL"
            " DEFAULT now())"
        )
        conn.execute(
            "INSERT INTO public.migrations (number, name, checksum) VALUES (%s, %s, %s)",
            [migration.number, migration.name, migration.checksum],
        )
