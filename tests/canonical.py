"""One form in which two installations can be compared: what they hold, and not how it came in.

Rows are keyed by content, objects by their hashes, vectors by their exact nearest neighbours. The
names that are drawn by chance stay out, unless `ids` asks for them: of installations that drew
theirs from the same seed. So do `similar_to` edges: their strength depends on what else was there
when they were drawn.
"""

import hashlib
from collections import Counter
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import orjson
from psycopg import sql

from stores.objects.disk import DiskObjects
from stores.ports import ObjectStore
from stores.records.database import Database
from stores.records.embedded import EmbeddedPostgres

Canonical = dict[str, Counter[Any]]
NEAREST = 5
DIGITS = 3
"""Of a cosine: vectors are kept as half floats."""

ROWS = {
    "assets": "SELECT a.filename, a.file_hash, a.mime_type, a.kind, a.processing_status, a.reason,"
    " e.version, e.is_latest, e.deleted_at IS NOT NULL, e.metadata::text, r.state, r.lane,"
    " r.indexed_at IS NOT NULL, r.to_index"
    " FROM assets a JOIN entities e USING (id) LEFT JOIN runs r ON r.id = a.run_id",
    "arrivals": "SELECT s.name, v.filename, v.sha256, v.state FROM arrivals v"
    " JOIN sources s ON s.id = v.source_id",
    "segments": "SELECT a.filename, s.segment_type, s.sequence_number, s.numbered, s.live,"
    " s.start_marker::text, s.end_marker::text FROM segments s JOIN assets a ON a.id = s.asset_id",
    "texts": "SELECT a.filename, t.source, t.body, t.language, t.live FROM texts t"
    " JOIN segments s ON s.id = t.segment_id JOIN assets a ON a.id = s.asset_id",
    "features": "SELECT a.filename, s.segment_type, f.feature_domain, f.feature_type,"
    " f.feature_data::text, f.analyzer_version, f.live FROM features f"
    " JOIN segments s ON s.id = f.segment_id JOIN assets a ON a.id = s.asset_id",
    "embeddings": "SELECT a.filename, s.segment_type, s.sequence_number, e.space, e.live"
    " FROM embeddings e JOIN segments s ON s.id = e.entity_id JOIN assets a ON a.id = s.asset_id",
    "renditions": "SELECT a.filename, s.segment_type, s.sequence_number, r.kind, r.sha256, r.size,"
    " r.live FROM renditions r LEFT JOIN segments s ON s.id = r.entity_id"
    " JOIN assets a ON a.id = coalesce(s.asset_id, r.entity_id)",
    "relationships": "SELECT relationship_type, count(*) FROM relationships"
    " WHERE relationship_type <> 'similar_to' GROUP BY 1",
    "rights": "SELECT u.name, u.roles, p.permission_type, a.filename FROM permissions p"
    " JOIN users u ON u.id = p.subject_id LEFT JOIN assets a ON a.lineage = p.entity_id",
    "open": "SELECT state, stage FROM pieces WHERE state NOT IN ('done', 'failed', 'skipped')",
    "failed": "SELECT stage, reason FROM pieces WHERE state = 'failed'",
    "outbox": "SELECT events::text FROM outbox",
    "dead": "SELECT consumer, reason FROM dead_letters WHERE state = 'dead'",
}
IDS = (
    *("entities", "assets", "segments", "texts", "features", "embeddings", "renditions"),
    *("runs", "pieces"),
)
OBJECTS = (
    "SELECT 'original', storage_path FROM assets"
    " UNION ALL SELECT kind, object_key FROM renditions"
    " UNION ALL SELECT DISTINCT space, split_part(vector_id, '#', 1) FROM embeddings"
)
_VECTORS = sql.SQL(
    "SELECT v.tenant_id, a.filename, s.segment_type, s.sequence_number, s.numbered,"
    " s.start_marker::text, s.end_marker::text, v.v::text FROM {table} v"
    " JOIN segments s ON s.id = v.segment_id JOIN assets a ON a.id = s.asset_id"
)


def canonical(
    database: Database, objects: ObjectStore, *, tenant: UUID | None = None, ids: bool = False
) -> Canonical:
    """Return what an installation, or one tenant of it, holds.

    Every object that a row names is read and hashed.
    """

    def rows(query: str) -> Counter[Any]:
        return _rows(database, query, tenant)

    found = {name: rows(query) for name, query in ROWS.items()}
    found["objects"] = Counter((w, _sha256(objects, key)) for w, key in rows(OBJECTS).elements())
    found["neighbours"] = _neighbours(database, tenant)
    if ids:
        found["ids"] = Counter((t, row) for t in IDS for row in rows(f"SELECT id::text FROM {t}"))
    return found


def of_home(home: Path, *, ids: bool = False) -> Canonical:
    """Return what the laptop installation of a home holds; it must not run."""
    with EmbeddedPostgres(home / "postgres") as server, Database(server.dsn) as database:
        return canonical(database, DiskObjects(home / "objects"), ids=ids)


def check(found: Canonical, expected: Canonical, note: str = "") -> None:
    """Fail naming the first part that differs, and how."""
    assert found.keys() == expected.keys()
    for name in expected:
        missing, added = expected[name] - found[name], found[name] - expected[name]
        assert not missing + added, f"{name} differ; {note}\nmissing: {missing}\nadded: {added}"


def check_settled(found: Canonical) -> None:
    """Fail if anything is under way or was given up."""
    assert not found["open"] + found["outbox"] + found["dead"]


def _rows(database: Database, query: str, tenant: UUID | None) -> Counter[Any]:
    role = "admin" if tenant is None else "app"
    with database.connection(role) as conn, conn.transaction():
        conn.execute("SELECT set_config('dataflux.tenant', %s, true)", [str(tenant)])
        rows = conn.execute(query.encode()).fetchall()
    return Counter(tuple(str(v) if isinstance(v, list) else v for v in row) for row in rows)


def _sha256(objects: ObjectStore, key: str) -> str:
    with objects.open(key) as kept:
        return hashlib.sha256(kept.read(0, kept.size)).hexdigest()


def _neighbours(database: Database, only: UUID | None) -> Counter[Any]:
    """Compare every vector with every other of its tenant and space, without an index."""
    found: Counter[Any] = Counter()
    with database.installer() as conn:
        spaces = conn.execute("SELECT space, table_name FROM model_spaces").fetchall()
        for space, table in spaces:
            rows = conn.execute(_VECTORS.format(table=sql.Identifier(table))).fetchall()
            for tenant in {row[0] for row in rows if only in (None, row[0])}:
                found += _nearest(space, [row[1:] for row in rows if row[0] == tenant])
    return found


def _nearest(space: str, rows: list[tuple[Any, ...]]) -> Counter[Any]:
    names = [row[:-1] for row in rows]
    vectors = np.asarray([orjson.loads(row[-1]) for row in rows], np.float64)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = np.round(vectors @ vectors.T, DIGITS)
    found: Counter[Any] = Counter()
    for number, name in enumerate(names):
        others = [
            (-float(cosine), other)
            for place, (cosine, other) in enumerate(zip(cosines[number], names, strict=True))
            if place != number
        ]
        found[space, name, tuple(sorted(others)[:NEAREST])] += 1
    return found
