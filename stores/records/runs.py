"""Runs: one processing of one version, from the plan to "searchable"."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from psycopg import Connection, sql
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from dataflux.errors import Conflict, NotFound
from schemas import ids
from schemas.names import Lane


class Plan(Protocol):
    """What a new run is made of."""

    @property
    def id(self) -> UUID: ...
    @property
    def asset(self) -> UUID: ...
    @property
    def lineage(self) -> UUID: ...
    @property
    def lane(self) -> str: ...
    @property
    def strategy(self) -> str: ...
    @property
    def analyzer(self) -> str: ...
    @property
    def config(self) -> Mapping[str, Any]: ...
    @property
    def pieces(self) -> Sequence[Mapping[str, Any]]: ...
    @property
    def scope(self) -> str | None: ...
    @property
    def base(self) -> UUID | None: ...


@dataclass(frozen=True, slots=True)
class Run:
    """A run with what its pieces need of its asset."""

    id: UUID
    asset_id: UUID
    lineage: UUID
    state: str
    lane: str
    strategy: str
    analyzer: str
    scope: str | None
    base: UUID | None
    config: dict[str, Any]
    to_index: int
    reason: str | None
    detail: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    indexed_at: datetime | None
    storage_path: str
    mime_type: str
    file_size: int
    filename: str

    @property
    def segmented_by(self) -> UUID:
        """The run whose segments it works on."""
        return self.base or self.id


_COLUMNS = (
    "r.id, r.asset_id, r.lineage, r.state, r.lane, r.strategy, r.analyzer, r.scope, r.base,"
    " r.config, r.to_index, r.reason, r.detail, r.created_at, r.started_at, r.finished_at,"
    " r.indexed_at, a.storage_path, a.mime_type, a.file_size, a.filename"
)


def create(conn: Connection[Any], tenant: UUID, plan: Plan) -> None:
    """Add a run whose first stage is about to be opened; without pieces it has failed already.

    Conflict while another run of the version is under way: each is to see what the other found.
    """
    conn.execute("SELECT FROM assets WHERE id = %s FOR UPDATE", [plan.asset])
    created = conn.execute(
        "INSERT INTO runs (id, tenant_id, asset_id, lineage, lane, strategy, analyzer, scope, base,"
        " config, state, open_stages, finished_at, reason, detail)"
        " SELECT %(id)s, %(tenant)s, a.id, a.lineage, %(lane)s, %(strategy)s, %(analyzer)s,"
        " %(scope)s, %(base)s,"
        " %(config)s, CASE WHEN %(open)s THEN 'planned' ELSE 'failed' END, %(open)s::int,"
        " CASE WHEN %(open)s THEN NULL ELSE now() END,"
        " CASE WHEN %(open)s THEN NULL ELSE a.reason END,"
        " CASE WHEN %(open)s THEN '' ELSE a.detail END"
        " FROM assets a WHERE a.id = %(asset)s AND NOT EXISTS (SELECT FROM runs o"
        " WHERE o.asset_id = a.id AND o.state IN ('planned', 'running'))",
        {
            "id": plan.id,
            "tenant": tenant,
            "asset": plan.asset,
            "lane": plan.lane,
            "strategy": plan.strategy,
            "analyzer": plan.analyzer,
            "scope": plan.scope,
            "base": plan.base,
            "config": Jsonb(dict(plan.config)),
            "open": bool(plan.pieces),
        },
    ).rowcount
    if not created:
        raise Conflict(f"asset {plan.asset} is being processed; wait until it has ended")
    if plan.scope is None:
        conn.execute("UPDATE assets SET run_id = %s WHERE id = %s", [plan.id, plan.asset])


def get(conn: Connection[Any], run: UUID) -> Run:
    """Return a run; NotFound if there is none."""
    with conn.cursor(row_factory=class_row(Run)) as cursor:
        found = cursor.execute(
            f"SELECT {_COLUMNS} FROM runs r JOIN assets a ON a.id = r.asset_id WHERE r.id = %s",
            [run],
        ).fetchone()
    if found is None:
        raise NotFound(f"no run {run}; check the id")
    return found


def of_asset(conn: Connection[Any], asset: UUID) -> list[Run]:
    """Return the runs of one version, newest first."""
    with conn.cursor(row_factory=class_row(Run)) as cursor:
        return cursor.execute(
            f"SELECT {_COLUMNS} FROM runs r JOIN assets a ON a.id = r.asset_id"
            " WHERE r.asset_id = %s ORDER BY r.created_at DESC, r.id",
            [asset],
        ).fetchall()


def under_way(conn: Connection[Any], source: UUID, most: int = 300) -> dict[Lane, int]:
    """Count the unfinished runs of a source by lane, of the newest of the tenant's."""
    rows = conn.execute(
        "SELECT lane, count(*) FROM (SELECT lane, (SELECT source_id FROM assets a"
        " WHERE a.id = r.asset_id) AS source FROM runs r WHERE state IN ('planned', 'running')"
        " ORDER BY created_at DESC LIMIT %s) newest WHERE source = %s GROUP BY lane",
        [most, source],
    ).fetchall()
    return {Lane(lane): count for lane, count in rows}


def outputs(conn: Connection[Any], run: UUID, stage: str) -> list[dict[str, Any]]:
    """Return what the pieces of a stage have left, in their order; a failed one may have too."""
    rows = conn.execute(
        "SELECT output FROM pieces WHERE run_id = %s AND stage = %s"
        " AND state IN ('done', 'failed') AND output <> '{}' ORDER BY index",
        [run, stage],
    ).fetchall()
    return [output for (output,) in rows]


def add_to_index(conn: Connection[Any], run: UUID, count: int) -> None:
    """Count vectors that `project` has yet to index, and `relate` to compare."""
    conn.execute(
        "UPDATE runs SET to_index = to_index + %(count)s, to_relate = to_relate + %(count)s"
        " WHERE id = %(run)s",
        {"count": count, "run": run},
    )


def related(conn: Connection[Any], run: UUID, count: int) -> None:
    """Count facts about a run that `relate` has had now."""
    conn.execute(
        "UPDATE runs SET to_relate = greatest(to_relate - %s, 0) WHERE id = %s", [count, run]
    )


def known(conn: Connection[Any], runs: Sequence[UUID]) -> set[UUID]:
    """Return those of `runs` that are there: the others were deleted with their assets."""
    found = conn.execute("SELECT id FROM runs WHERE id = ANY(%s)", [list(runs)])
    return {run for (run,) in found}


def indexed(conn: Connection[Any], run: UUID, count: int) -> bool:
    """Count vectors that are indexed now; return whether the whole run is searchable."""
    row = conn.execute(
        "UPDATE runs SET to_index = greatest(to_index - %(count)s, 0),"
        " indexed_at = CASE WHEN to_index > %(count)s OR finished_at IS NULL THEN indexed_at"
        "                   ELSE coalesce(indexed_at, clock_timestamp()) END"
        " WHERE id = %(run)s RETURNING to_index = 0 AND indexed_at IS NOT NULL",
        {"run": run, "count": count},
    ).fetchone()
    return bool(row and row[0])


def is_first(conn: Connection[Any], run: UUID) -> bool:
    """Return whether no other run of the version has ended well: then it is live at once."""
    row = conn.execute(
        "SELECT NOT EXISTS (SELECT FROM runs o WHERE o.asset_id = r.asset_id AND o.id <> r.id"
        " AND o.state IN ('completed', 'degraded')) FROM runs r WHERE r.id = %s",
        [run],
    ).fetchone()
    return bool(row and row[0])


def fall_back(conn: Connection[Any], asset: UUID, failed: UUID) -> None:
    """Give an asset the state of its latest run that ended well, else that of the failed one.

    What the earlier run found is still live, and searchable.
    """
    conn.execute(
        "UPDATE assets a SET processing_status = r.state, reason = r.reason, detail = r.detail,"
        " run_id = r.id FROM"
        " (SELECT id, state, reason, detail FROM runs WHERE asset_id = %(asset)s"
        "  AND scope IS NULL AND (id = %(failed)s OR state IN ('completed', 'degraded'))"
        "  ORDER BY id = %(failed)s, finished_at DESC LIMIT 1) r WHERE a.id = %(asset)s",
        {"asset": asset, "failed": failed},
    )


_ALL = sql.SQL("true")
_BY_ANALYZER = sql.SQL("rests_on ? %(analyzer)s")
_OF_WORDS = sql.SQL("embedding_type = 'text'")
_OF_ITS_SPACES = sql.SQL(
    "space IN (SELECT space FROM embeddings WHERE run_id = %(run)s"
    " AND id BETWEEN %(low)s AND %(high)s)"
)
_LIVE = ("segments", "texts", "features", "embeddings", "renditions")


def promote(conn: Connection[Any], lineage: UUID, asset: UUID, run: UUID) -> None:
    """Let what a run found take the place of what earlier runs of the version found."""
    if is_first(conn, run):
        return
    for table in _LIVE:
        _take_the_place(conn, lineage, asset, run, table, _ALL)


def promote_one(
    conn: Connection[Any],
    lineage: UUID,
    asset: UUID,
    run: UUID,
    *,
    analyzer: str,
    new_words: bool,
) -> None:
    """Let what a run of one analyzer found take the place of what rests on that analyzer.

    With new words, its vectors of texts are those of all words that are live now.
    """
    for table in ("segments", "texts", "features"):
        _take_the_place(conn, lineage, asset, run, table, _BY_ANALYZER, analyzer)
    vectors = _OF_WORDS if new_words else _OF_ITS_SPACES
    _take_the_place(conn, lineage, asset, run, "embeddings", vectors)


def _take_the_place(
    conn: Connection[Any],
    lineage: UUID,
    asset: UUID,
    run: UUID,
    table: str,
    rows: sql.SQL,
    analyzer: str = "",
) -> None:
    """Let the rows of a run live, and no others of the version, of some rows of a table."""
    low, high = ids.bounds(lineage)
    conn.execute(
        sql.SQL(
            "UPDATE {} SET live = (run_id = %(run)s) WHERE id BETWEEN %(low)s AND %(high)s"
            " AND live <> (run_id = %(run)s) AND {}"
            " AND run_id IN (SELECT id FROM runs WHERE asset_id = %(asset)s)"
        ).format(sql.Identifier(table), rows),
        {"run": run, "low": low, "high": high, "asset": asset, "analyzer": analyzer},
    )
