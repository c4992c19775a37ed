"""The states of pieces and stages: claim, commit, release, open, close.

Every transition is one statement whose row lock decides between rivals; none needs another lock.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, LiteralString
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from dataflux.errors import Conflict
from schemas import ids


class Refusal(StrEnum):
    """Why a piece could not be claimed."""

    DONE = "done"
    HELD = "held"
    EXHAUSTED = "exhausted"


@dataclass(frozen=True, slots=True)
class Claimed:
    """A piece under lease; `attempt` counts from 1."""

    piece: UUID
    run: UUID
    asset: UUID
    lineage: UUID
    stage: str
    lane: str
    index: int
    params: dict[str, Any]
    attempt: int


@dataclass(frozen=True, slots=True)
class StageState:
    """A stage after one of its pieces has ended; who sees `pending` = 0 closes it."""

    run: UUID
    asset: UUID
    lineage: UUID
    stage: str
    pending: int
    outbox: int | None = None


@dataclass(frozen=True, slots=True)
class StageTotals:
    """How the pieces of a stage ended, and the sum of what they counted."""

    pending: int
    done: int
    failed: int
    skipped: int
    counts: dict[str, int]


@dataclass(frozen=True, slots=True)
class Started:
    strategy: str
    pieces: int
    scope: str | None


@dataclass(frozen=True, slots=True)
class Ended:
    """How long a finished run took, and what failed first in it, if anything did."""

    ms: int
    stage: str | None
    reason: str | None
    detail: str
    scope: str | None


_CLAIM = """
WITH claimed AS (
    UPDATE pieces p SET state = 'leased', claim = %(claim)s::uuid, attempts = attempts + 1,
           lease_until = clock_timestamp() + make_interval(secs => %(lease_s)s)
    FROM runs r
    WHERE p.id = %(piece)s AND r.id = p.run_id AND attempts < max_attempts
      AND (p.state = 'ready' OR p.state = 'leased' AND lease_until < clock_timestamp())
    RETURNING p.*, r.asset_id, r.lineage
), lost AS (
    UPDATE attempts a SET ended_at = clock_timestamp(), outcome = 'lost' FROM claimed c
    WHERE a.piece_id = c.id AND a.ended_at IS NULL
), begun AS (
    INSERT INTO attempts (piece_id, n, tenant_id) SELECT id, attempts, tenant_id FROM claimed
)
SELECT id AS piece, run_id AS run, asset_id AS asset, lineage, stage, lane, index, params,
       attempts AS attempt
FROM claimed
"""

_REFUSED = """
SELECT CASE WHEN state IN ('done', 'failed', 'skipped') THEN 'done'
            WHEN state = 'leased' AND lease_until >= clock_timestamp() THEN 'held'
            WHEN attempts >= max_attempts THEN 'exhausted'
            ELSE 'held' END
FROM pieces WHERE id = %(piece)s
"""

# The fence, the piece, the counter and the outbox in one statement, last in its transaction.
_COMMIT = """
WITH ended AS (
    UPDATE pieces p SET state = %(to)s::text, lease_until = NULL, output = %(output)s,
           reason = {reason}, detail = %(detail)s, error = NULL, claim = %(claim)s::uuid,
           attempts = attempts + (p.state = 'ready')::int
    FROM runs r
    WHERE p.id = %(piece)s AND r.id = p.run_id AND {fence}
    RETURNING p.id, p.tenant_id, p.run_id, p.stage, p.attempts, p.reason, r.asset_id, r.lineage
), attempt AS (
    INSERT INTO attempts (piece_id, n, tenant_id, ended_at, outcome, error)
    SELECT id, attempts, tenant_id, clock_timestamp(), %(to)s::text, reason FROM ended
    ON CONFLICT (piece_id, n) DO UPDATE
        SET ended_at = excluded.ended_at, outcome = excluded.outcome, error = excluded.error
), counted AS (
    UPDATE run_stages s SET pending = pending - 1,
           done = done + (%(to)s::text = 'done')::int,
           failed = failed + (%(to)s::text = 'failed')::int,
           skipped = skipped + (%(to)s::text = 'skipped')::int,
           counts = add_counts(counts, %(counts)s)
    FROM ended e WHERE s.run_id = e.run_id AND s.stage = e.stage
    RETURNING s.pending
), sent AS (
    INSERT INTO outbox (tenant_id, run_id, events)
    SELECT tenant_id, run_id, %(events)s::jsonb FROM ended WHERE %(events)s::jsonb <> '[]'
    RETURNING id
)
SELECT e.run_id AS run, e.asset_id AS asset, e.lineage, e.stage, c.pending,
       (SELECT id FROM sent) AS outbox
FROM ended e, counted c
"""
_GIVEN: LiteralString = "%(reason)s::text"
_OF_LAST_ATTEMPT: LiteralString = "coalesce(p.reason, %(reason)s::text)"
_CLAIMED: LiteralString = "p.state = 'leased' AND p.claim = %(claim)s::uuid"
_UNCLAIMED: LiteralString = "p.state = 'ready'"
OUT_OF_ATTEMPTS: LiteralString = (
    "p.attempts >= p.max_attempts AND"
    " (p.state = 'ready' OR p.state = 'leased' AND p.lease_until < clock_timestamp())"
)


def claim(conn: Connection[Any], piece: UUID, token: UUID, lease_s: float) -> Claimed | Refusal:
    """Take a piece for `lease_s` seconds under a fresh random token, or say why not.

    A piece that is unknown is done: its run has been deleted.
    """
    params = {"piece": piece, "claim": token, "lease_s": lease_s}
    with conn.cursor(row_factory=class_row(Claimed)) as cursor:
        claimed = cursor.execute(_CLAIM, params).fetchone()
    if claimed is not None:
        return claimed
    row = conn.execute(_REFUSED, params).fetchone()
    return Refusal(row[0]) if row else Refusal.DONE


def note_cold(conn: Connection[Any], piece: UUID, attempt: int, cold_s: float) -> None:
    """Keep how long an attempt has waited for its process to start."""
    conn.execute(
        "UPDATE attempts SET cold_s = %s WHERE piece_id = %s AND n = %s", [cold_s, piece, attempt]
    )


def extend_lease(conn: Connection[Any], piece: UUID, token: UUID, lease_s: float) -> bool:
    """Renew a lease; False if the claim has been lost."""
    renewed = conn.execute(
        "UPDATE pieces SET lease_until = clock_timestamp() + make_interval(secs => %s)"
        " WHERE id = %s AND state = 'leased' AND claim = %s",
        [lease_s, piece, token],
    )
    return renewed.rowcount == 1


def release(
    conn: Connection[Any], piece: UUID, token: UUID, error: str, reason: str | None = None
) -> bool:
    """Give a piece back after a failure that may pass; False if the claim has been lost.

    `reason` is what it fails with if this was its last attempt.
    """
    released = conn.execute(
        "WITH freed AS (UPDATE pieces SET state = 'ready', lease_until = NULL, error = %(error)s,"
        " reason = %(reason)s"
        " WHERE id = %(piece)s AND state = 'leased' AND claim = %(claim)s RETURNING id, attempts)"
        " UPDATE attempts a SET ended_at = clock_timestamp(), outcome = 'released',"
        " error = %(error)s FROM freed f WHERE a.piece_id = f.id AND a.n = f.attempts",
        {"piece": piece, "claim": token, "error": error, "reason": reason},
    )
    return released.rowcount == 1


def commit_piece(
    conn: Connection[Any],
    piece: UUID,
    token: UUID,
    *,
    to: str = "done",
    output: Mapping[str, Any] | None = None,
    reason: str | None = None,
    detail: str = "",
    counts: Mapping[str, int] | None = None,
    events: Sequence[Mapping[str, Any]] = (),
    claimed: bool = True,
) -> StageState | None:
    """End a piece with its counter and its outbox row; None if another holds it: roll back then.

    With `claimed` false the row lock of this one transaction is the claim: for work of a few
    milliseconds without effects outside.
    """
    params = {
        "piece": piece,
        "claim": token,
        "to": to,
        "output": Jsonb(output or {}),
        "reason": reason,
        "detail": detail,
        "counts": Jsonb(counts or {}),
        "events": Jsonb(list(events)),
    }
    return _end(conn, _CLAIMED if claimed else _UNCLAIMED, _GIVEN, params)


def exhaust(conn: Connection[Any], piece: UUID) -> StageState | None:
    """Fail a piece that has no attempts left; None if it has, or if somebody holds it.

    The reason is that of its last attempt, if that had one.
    """
    params = {
        "piece": piece,
        "claim": None,
        "to": "failed",
        "output": Jsonb({}),
        "reason": "attempts_exhausted",
        "detail": "",
        "counts": Jsonb({}),
        "events": Jsonb([]),
    }
    return _end(conn, OUT_OF_ATTEMPTS, _OF_LAST_ATTEMPT, params)


def _end(
    conn: Connection[Any], fence: LiteralString, reason: LiteralString, params: Mapping[str, Any]
) -> StageState | None:
    with conn.cursor(row_factory=class_row(StageState)) as cursor:
        return cursor.execute(_COMMIT.format(fence=fence, reason=reason), params).fetchone()


def totals(conn: Connection[Any], run: UUID) -> dict[str, StageTotals]:
    """Return every stage of a run that has been opened, by name."""
    rows = conn.execute(
        "SELECT stage, pending, done, failed, skipped, counts FROM run_stages WHERE run_id = %s"
        " ORDER BY opened_at, stage",
        [run],
    ).fetchall()
    return {stage: StageTotals(*numbers) for stage, *numbers in rows}


def plan_stage(
    conn: Connection[Any],
    run: UUID,
    lineage: UUID,
    stage: str,
    pieces: Sequence[Mapping[str, Any]],
    *,
    max_attempts: int = 5,
) -> list[UUID]:
    """Open a stage with one piece for each set of parameters; return their ids, in order."""
    planned = [ids.derived(lineage, run, stage, index) for index in range(len(pieces))]
    conn.execute(
        "INSERT INTO run_stages (run_id, stage, tenant_id, pending, opened_at)"
        " SELECT id, %s, tenant_id, %s, clock_timestamp() FROM runs WHERE id = %s",
        [stage, len(pieces), run],
    )
    conn.execute(
        "INSERT INTO pieces (id, tenant_id, run_id, stage, lane, index, params, max_attempts)"
        " SELECT p.id, r.tenant_id, r.id, %s, r.lane, p.n - 1, p.params, %s"
        " FROM runs r, unnest(%s::uuid[], %s::jsonb[]) WITH ORDINALITY p(id, params, n)"
        " WHERE r.id = %s",
        [stage, max_attempts, planned, [Jsonb(params) for params in pieces], run],
    )
    return planned


def close_stage(conn: Connection[Any], run: UUID, opened: int) -> int:
    """Count one stage closed and `opened` ones opened; who is told 0 completes the run."""
    row = conn.execute(
        "UPDATE runs SET open_stages = open_stages - 1 + %s WHERE id = %s RETURNING open_stages",
        [opened, run],
    ).fetchone()
    if row is None:
        raise Conflict(f"run {run} is gone; nothing to close")
    return int(row[0])


def start_run(conn: Connection[Any], run: UUID) -> Started | None:
    """Turn a planned run to running; exactly one caller is told so."""
    with conn.cursor(row_factory=class_row(Started)) as cursor:
        return cursor.execute(
            "UPDATE runs SET state = 'running', started_at = clock_timestamp()"
            " WHERE id = %s AND state = 'planned'"
            " RETURNING strategy, (SELECT count(*) FROM pieces WHERE run_id = runs.id) AS pieces,"
            " scope",
            [run],
        ).fetchone()


def finish_run(conn: Connection[Any], run: UUID, state: str) -> Ended:
    """Give a run its final state. What has been indexed by now counts: it may all be."""
    with conn.cursor(row_factory=class_row(Ended)) as cursor:
        ended = cursor.execute(
            "WITH first AS ("
            "    SELECT p.stage, coalesce(p.reason, f.part ->> 'reason') AS reason,"
            "    coalesce(f.part ->> 'detail', p.detail) AS detail FROM pieces p"
            "    JOIN run_stages s ON s.run_id = p.run_id AND s.stage = p.stage,"
            "    LATERAL (SELECT p.output -> 'failures' -> 0 AS part) f"
            "    WHERE p.run_id = %(run)s AND (p.state = 'failed' OR f.part IS NOT NULL)"
            "    ORDER BY p.state <> 'failed', s.opened_at, p.index LIMIT 1"
            ") UPDATE runs r SET state = %(state)s::text, finished_at = clock_timestamp(),"
            " degraded = %(state)s::text = 'degraded',"
            " to_relate = to_relate + (%(state)s::text <> 'failed')::int,"
            " reason = (SELECT reason FROM first),"
            " detail = coalesce((SELECT detail FROM first), ''),"
            " indexed_at = CASE WHEN to_index = 0 AND %(state)s::text <> 'failed'"
            "                   THEN clock_timestamp() END"
            " WHERE id = %(run)s AND state IN ('planned', 'running')"
            " RETURNING (extract(epoch FROM clock_timestamp() - created_at) * 1000)::int AS ms,"
            " (SELECT stage FROM first) AS stage, reason, detail, scope",
            {"run": run, "state": state},
        ).fetchone()
    if ended is None:
        raise Conflict(f"run {run} has ended already; nothing to finish")
    return ended
