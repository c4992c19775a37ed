"""Rows of segments a second through `insert`, against a superuser's COPY into the same tables.

Usage: python -m bench.segment_rows [rows per step] [steps]
Both write the same rows (entities, segments, texts, features of one asset a step), one transaction
a step, in turns. Values are what a table takes: made from rows by `insert` itself, words and JSON
included. The direct COPY is timed with values at hand, so the strictest of the ratios compares it
with all that `insert` does; the others make values on both sides, or on neither.
"""

import platform
import shutil
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, ParamSpec
from uuid import UUID

import psycopg
from psycopg import Connection, sql

from dataflux.clock import Clock, IdFactory
from schemas import ids
from stores.records import insert as bulk
from stores.records.database import Database
from stores.records.embedded import EmbeddedPostgres
from stores.records.migrate import migrate
from stores.records.rows import FeatureRow, Row, SegmentRow, TextRow

P = ParamSpec("P")
TENANT = UUID(int=1)
IDS = IdFactory(Clock())
SENTENCE = "the quick brown fox jumps over the lazy dog near a river bank in the early morning"
WORDS = SENTENCE.split(" ")


def rows_of(asset: UUID, count: int) -> Iterator[Row]:
    """Yield `count` rows: a segment, a text and a feature in turn, as a film's scenes have them."""
    run = ids.derived(asset, "run")
    for n in range(count // 3):
        segment = ids.derived(asset, run, "segment", n)
        start, end = {"time": float(n)}, {"time": n + 1.0}
        yield SegmentRow(segment, asset, asset, run, asset, "scene", n, start, end)
        body = " ".join(WORDS[(n + k) % len(WORDS)] for k in range(12))
        yield TextRow(ids.derived(segment, "text"), segment, run, "spoken", body, "en", 0.9)
        data = {"colours": [{"name": "red", "share": 0.5}, {"name": "blue", "share": n % 7 / 10}]}
        feature = ids.derived(segment, "feature")
        yield FeatureRow(feature, segment, run, "visual", "colours", data, 0.8, "colours@1")


def add_assets(conn: Connection[Any], count: int) -> list[UUID]:
    assets = [IDS.lineage() for _ in range(count)]
    for asset in assets:
        conn.execute(
            "INSERT INTO entities (id, tenant_id, entity_type, version_of)"
            " VALUES (%s, %s, 'asset', %s)",
            [asset, TENANT, asset],
        )
        conn.execute(
            "INSERT INTO assets (id, tenant_id, lineage, filename, file_hash, file_size, mime_type,"
            " storage_path) VALUES (%s, %s, %s, 'a', %s, 1, 'video/mp4', 'a')",
            [asset, TENANT, asset, asset.hex],
        )
    return assets


def prepared(rows: Sequence[Row]) -> list[tuple[bulk.Target, list[tuple[Any, ...]]]]:
    """Return the values of each table, parents first, as `insert` would make them."""
    by_type: dict[type, list[Any]] = defaultdict(list)
    for row in rows:
        by_type[type(row)].append(row)
    return [
        (target, [target.values(row) for row in by_type[kind]])
        for kind, targets in bulk.TARGETS.items()
        for target in targets
        if by_type[kind]
    ]


def direct(conn: Connection[Any], tables: list[tuple[bulk.Target, list[tuple[Any, ...]]]]) -> None:
    with conn.transaction():
        for target, values in tables:
            names = sql.SQL(", ").join(map(sql.Identifier, target.columns))
            into = sql.SQL("COPY {} (tenant_id, {}) FROM STDIN").format(
                sql.Identifier(target.name), names
            )
            with conn.cursor() as cursor, cursor.copy(into) as copy:
                for each in values:
                    copy.write_row((TENANT, *each))


def ours(database: Database, rows: Sequence[Row]) -> None:
    with database.connection("worker") as conn, conn.transaction():
        conn.execute("SELECT set_config('dataflux.tenant', %s, true)", [str(TENANT)])
        bulk.insert(conn, TENANT, rows)


def timed(action: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> float:
    start = time.perf_counter()
    action(*args, **kwargs)
    return time.perf_counter() - start


def main(per_step: int = 3000, steps: int = 20) -> None:
    home = Path(tempfile.mkdtemp(prefix="dataflux-bench-"))
    with (
        EmbeddedPostgres(home) as server,
        Database(server.dsn) as database,
        database.installer() as conn,
    ):
        migrate(conn)
        conn.execute("INSERT INTO tenants (id, name) VALUES (%s, 'bench')", [TENANT])
        measure(conn, database, per_step, steps)
    shutil.rmtree(home)


def measure(conn: Connection[Any], database: Database, per_step: int, steps: int) -> None:
    times: dict[str, list[float]] = defaultdict(list)
    for _ in range(steps + 2):
        first, second = (list(rows_of(asset, per_step)) for asset in add_assets(conn, 2))
        tables = prepared(first)
        times["direct"].append(timed(direct, conn, tables))
        times["ours"].append(timed(ours, database, second))
        times["values"].append(timed(prepared, second))
    report(conn, times, per_step)


def report(conn: Connection[Any], times: dict[str, list[float]], per_step: int) -> None:
    # a segment is two rows: its own and its entity's
    written = per_step // 3 * 4
    mid = {name: statistics.median(each[2:]) for name, each in times.items()}
    version = conn.execute("SHOW server_version").fetchone()
    print(f"PostgreSQL {version and version[0]}, psycopg {psycopg.__version__}", end=", ")
    print(f"Python {platform.python_version()}, {written} rows a step, median of steps")
    direct, ours, values = mid["direct"], mid["ours"], mid["values"]
    for name, theirs, mine in (
        ("values at hand on both sides", direct, ours - values),
        ("values made on both sides", direct + values, ours),
        ("values made by insert, at hand for COPY", direct, ours),
    ):
        print(f"{name:40} COPY {written / theirs:9,.0f} rows/s", end="  ")
        print(f"insert {written / mine:9,.0f} rows/s  ratio {theirs / mine:.2f}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
