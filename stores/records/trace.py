"""What happened to an asset: runs, stages, pieces, and every attempt with its times."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from psycopg import Connection
from psycopg.rows import dict_row

from stores.records import runs

Db = Connection[Any]


@dataclass(frozen=True, slots=True)
class TracedAttempt:
    n: int
    claimed_at: datetime
    ended_at: datetime | None
    outcome: str | None
    error: str | None
    cold_s: float | None = None
    """How long it had waited for its process to start."""


@dataclass(frozen=True, slots=True)
class TracedPiece:
    id: UUID
    index: int
    params: dict[str, Any]
    state: str
    reason: str | None
    detail: str
    error: str | None
    attempts: tuple[TracedAttempt, ...]


@dataclass(frozen=True, slots=True)
class TracedStage:
    """A stage: its pieces waited from `opened_at` to their first attempt."""

    stage: str
    opened_at: datetime
    pending: int
    done: int
    failed: int
    skipped: int
    counts: dict[str, int]
    pieces: tuple[TracedPiece, ...]


@dataclass(frozen=True, slots=True)
class TracedRun:
    run: runs.Run
    stages: tuple[TracedStage, ...]


def trace(conn: Db, asset: UUID) -> list[TracedRun]:
    """Return the runs of one version with all that happened in them, newest first."""
    found = runs.of_asset(conn, asset)
    return [TracedRun(run, _stages(conn, run.id)) for run in found]


def _stages(conn: Db, run: UUID) -> tuple[TracedStage, ...]:
    pieces = _pieces(conn, run)
    rows = _rows(
        conn,
        "SELECT stage, opened_at, pending, done, failed, skipped, counts FROM run_stages"
        " WHERE run_id = %s ORDER BY opened_at, stage",
        run,
    )
    return tuple(TracedStage(**row, pieces=tuple(pieces[row["stage"]])) for row in rows)


def _pieces(conn: Db, run: UUID) -> dict[str, list[TracedPiece]]:
    attempts = _attempts(conn, run)
    rows = _rows(
        conn,
        "SELECT stage, id, index, params, state, reason, detail, error FROM pieces"
        " WHERE run_id = %s ORDER BY stage, index",
        run,
    )
    pieces: dict[str, list[TracedPiece]] = defaultdict(list)
    for row in rows:
        stage = row.pop("stage")
        pieces[stage].append(TracedPiece(**row, attempts=tuple(attempts[row["id"]])))
    return pieces


def _attempts(conn: Db, run: UUID) -> dict[UUID, list[TracedAttempt]]:
    rows = _rows(
        conn,
        "SELECT a.piece_id, a.n, a.claimed_at, a.ended_at, a.outcome, a.error, a.cold_s"
        " FROM attempts a JOIN pieces p ON p.id = a.piece_id WHERE p.run_id = %s ORDER BY a.n",
        run,
    )
    attempts: dict[UUID, list[TracedAttempt]] = defaultdict(list)
    for row in rows:
        attempts[row.pop("piece_id")].append(TracedAttempt(**row))
    return attempts


def _rows(conn: Db, query: LiteralString, run: UUID) -> list[dict[str, Any]]:
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, [run]).fetchall()
