"""Runs to test with, and transactions as the engine opens them."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from psycopg import Connection

from dataflux.clock import Clock, IdFactory
from schemas import ids
from stores.records import runs, steps
from stores.records.database import Database

IDS = IdFactory(Clock())


@contextlib.contextmanager
def session(database: Database, tenant: UUID, role: str = "worker") -> Iterator[Connection[Any]]:
    with database.connection(role) as conn, conn.transaction():
        conn.execute("SELECT set_config('dataflux.tenant', %s, true)", [str(tenant)])
        yield conn


@contextlib.contextmanager
def system(database: Database, role: str = "relay") -> Iterator[Connection[Any]]:
    with database.connection(role) as conn, conn.transaction():
        yield conn


@dataclass(frozen=True)
class Plan:
    id: UUID
    asset: UUID
    lineage: UUID
    lane: str = "normal"
    strategy: str = "BATCH"
    analyzer: str = "video@1"
    config: Mapping[str, Any] = field(default_factory=dict)
    pieces: Sequence[Mapping[str, Any]] = ({},)
    scope: str | None = None
    base: UUID | None = None


def add_asset(conn: Connection[Any], lineage: UUID | None = None) -> UUID:
    """Add the first version of a new lineage, with bare SQL; return its id."""
    asset = lineage or IDS.lineage()
    conn.execute(
        "INSERT INTO entities (id, tenant_id, entity_type, version_of)"
        " VALUES (%s, tenant(), 'asset', %s)",
        [asset, asset],
    )
    conn.execute(
        "INSERT INTO assets (id, tenant_id, lineage, kind, filename, file_hash, file_size,"
        " mime_type, storage_path) VALUES (%s, tenant(), %s, 'video', 'a.mp4', %s, 1, 'video/mp4',"
        " 'originals/a')",
        [asset, asset, uuid4().hex],
    )
    return asset


def add_run(
    conn: Connection[Any], tenant: UUID, pieces: int = 1, *, max_attempts: int = 5
) -> tuple[Plan, list[UUID]]:
    """Add an asset with a run whose first stage is open; return the ids of its pieces."""
    asset = add_asset(conn)
    plan = Plan(ids.derived(asset, "run"), asset, asset, pieces=[{}] * pieces)
    runs.create(conn, tenant, plan)
    planned = steps.plan_stage(
        conn, plan.id, asset, "segment", plan.pieces, max_attempts=max_attempts
    )
    return plan, planned
