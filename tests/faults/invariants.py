"""What must hold of an installation at rest, whatever happened to it: one list, one checker.

Each check returns what violates it, in words; nothing in them depends on which faults there were.
"""

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import Connection, sql

from dataflux.errors import NotFound
from events.log_bus import LogBus
from functions import vector_facts
from functions.deps import Deps
from functions.reconcile import orphans
from stores.records import access
from stores.records.access import NewGrant
from stores.records.database import Database
from tests.faults.workload import Told, Upload

PATIENCE_S = 30


@dataclass(frozen=True)
class Found:
    """An installation at rest, and what people were told of it."""

    deps: Deps
    tenant: UUID
    history: Sequence[Upload] = ()
    poison: Sequence[bytes] = ()
    lost: Collection[bytes] = ()
    """Poison that was dropped from the bus, perhaps only after it had been buried."""
    conn: Connection[Any] | None = None
    """Where to look, if not anew each time."""

    @property
    def database(self) -> Database:
        return self.deps.engine.database

    def rows(self, query: str, *params: object) -> list[tuple[Any, ...]]:
        """Read rows of whatever table, whoever may see them."""
        if self.conn is not None:
            return self.conn.execute(query.encode(), params).fetchall()
        with self.database.installer() as conn:
            return conn.execute(query.encode(), params).fetchall()

    def none(self, query: str) -> list[str]:
        """Return the rows that should not be there."""
        return [str(row) for row in self.rows(query)[:20]]


Check = Callable[[Found], Sequence[str]]


def check_all(found: Found) -> dict[str, Sequence[str]]:
    """Return what violates each invariant, of those that are violated."""
    results = {name: check(found) for name, check in INVARIANTS.items()}
    return {name: violations for name, violations in results.items() if violations}


def acknowledged_is_kept(found: Found) -> list[str]:
    """I1: what was acknowledged has its row and its bytes; the rest is whole or not there."""
    kept = {
        name: (lineage, sha256, path)
        for name, lineage, sha256, path in found.rows(
            "SELECT filename, lineage, file_hash, storage_path FROM assets"
        )
    }
    return [problem for upload in found.history for problem in _lost(found, upload, kept)]


def _lost(found: Found, upload: Upload, kept: Mapping[str, tuple[UUID, str, str]]) -> Iterator[str]:
    if upload.name not in kept:
        if upload.told is Told.OK:
            yield f"{upload.name} was acknowledged and is not there"
        return
    lineage, sha256, path = kept[upload.name]
    if upload.lineage is not None and str(lineage) != upload.lineage:
        yield f"{upload.name} is {lineage}, its sender was told {upload.lineage}"
    if sha256 != upload.sha256 or _hash(found, path) != upload.sha256:
        yield f"{upload.name} has other bytes than were sent"


def _hash(found: Found, path: str) -> str:
    try:
        with found.deps.objects.open(path) as kept:
            return hashlib.sha256(kept.read(0, kept.size)).hexdigest()
    except NotFound:
        return "none"


def stages_have_one_result(found: Found) -> list[str]:
    """I2: what is ready has every stage's pieces done, and no result twice."""
    return [
        *found.none(
            "SELECT r.id, s.stage, s.pending, s.done, s.failed FROM runs r JOIN run_stages s"
            " ON s.run_id = r.id WHERE r.state = 'completed' AND (s.pending > 0 OR s.failed > 0)"
        ),
        *found.none(
            "SELECT r.id, array_agg(s.stage) FROM runs r JOIN run_stages s ON s.run_id = r.id"
            " WHERE r.state IN ('completed', 'degraded') AND r.scope IS NULL GROUP BY r.id"
            " HAVING NOT array_agg(s.stage::text) @>"
            " ARRAY['segment', 'stitch', 'analyze', 'embed_text']"
        ),
        *found.none(
            "SELECT run_id, stage, index, count(*) FROM pieces GROUP BY 1, 2, 3 HAVING count(*) > 1"
        ),
        *found.none(
            "SELECT segment_id, feature_domain, feature_type, analyzer_version, count(*)"
            " FROM features WHERE live GROUP BY 1, 2, 3, 4 HAVING count(*) > 1"
        ),
        *found.none(
            "SELECT segment_id, source, body, count(*) FROM texts WHERE live"
            " GROUP BY 1, 2, 3 HAVING count(*) > 1"
        ),
        *found.none(
            "SELECT p.id, count(*) FROM pieces p JOIN attempts a ON a.piece_id = p.id"
            " AND a.outcome IN ('done', 'failed', 'skipped') GROUP BY p.id HAVING count(*) <> 1"
        ),
    ]


def outbox_is_empty(found: Found) -> list[str]:
    """I3: nothing that was committed waits to be published."""
    return found.none("SELECT id, created_at::text FROM outbox")


def nothing_is_under_way(found: Found) -> list[str]:
    """I4: every asset, run, piece and arrival has ended."""
    return [
        *found.none(
            "SELECT id, stage, state, attempts, lease_until::text, error FROM pieces"
            " WHERE state IN ('ready', 'leased')"
        ),
        *found.none("SELECT id, state FROM runs WHERE state IN ('planned', 'running')"),
        *found.none(
            "SELECT filename, processing_status FROM assets"
            " WHERE processing_status IN ('uploaded', 'processing')"
        ),
        *found.none("SELECT filename, object_key FROM arrivals WHERE state = 'open'"),
        *found.none(
            "SELECT id, to_index FROM runs WHERE state IN ('completed', 'degraded')"
            " AND (to_index > 0 OR to_relate > 0 OR indexed_at IS NULL)"
        ),
    ]


def segments_are_in_order(found: Found) -> list[str]:
    """I5: the segments of a run are numbered without gaps; those with times are sorted in them."""
    return [
        *found.none(
            "SELECT run_id, count(*), max(sequence_number) FROM segments WHERE numbered"
            " AND rests_on = '[]' GROUP BY run_id HAVING count(*) <> max(sequence_number) + 1"
            " OR count(*) <> count(DISTINCT sequence_number)"
        ),
        *found.none("SELECT id, t_start, t_end FROM segments WHERE t_start > t_end OR t_start < 0"),
        *found.none(
            "SELECT id FROM (SELECT id, t_start, lag(t_end) OVER (PARTITION BY run_id"
            " ORDER BY sequence_number) AS before FROM segments WHERE segment_type = 'scene') s"
            " WHERE t_start < before"
        ),
    ]


def indexes_hold_what_records_hold(found: Found) -> list[str]:
    """I6: every vector that was made is indexed, no other is; all is related, to what is there."""
    spaces = found.rows("SELECT space, table_name FROM model_spaces")
    problems = []
    for space, table in spaces:
        for embedding, extra in found.rows(
            "SELECT coalesce(e.id, v.id), e.id IS NULL FROM (SELECT * FROM embeddings"
            f" WHERE space = %s) e FULL JOIN {table} v ON v.id = e.id"
            " WHERE e.id IS NULL OR v.id IS NULL AND e.live",
            space,
        ):
            problems.append(f"{space}: {embedding} is {'dead' if extra else 'missing'}")
    return [
        *problems,
        *_never_compared(found),
        *found.none(
            "SELECT s.parent_id, s.id FROM segments s WHERE s.live AND NOT EXISTS (SELECT"
            " FROM relationships r WHERE r.source_id = s.parent_id AND r.target_id = s.id"
            " AND r.relationship_type = 'contains')"
        ),
        *found.none(
            "SELECT r.id, r.relationship_type FROM relationships r"
            " WHERE NOT EXISTS (SELECT FROM entities e WHERE e.id = r.source_id)"
            " OR NOT EXISTS (SELECT FROM entities e WHERE e.id = r.target_id)"
        ),
    ]


def _never_compared(found: Found) -> Iterator[str]:
    had = {row[0] for row in found.rows("SELECT event_id FROM inbox WHERE consumer = 'relate'")}
    for run, segment, lineage, space in found.rows(
        "SELECT e.run_id, s.id, s.lineage, e.space FROM embeddings e"
        " JOIN segments s ON s.id = e.entity_id WHERE e.live"
    ):
        if str(vector_facts.indexed(run, segment, lineage, space).id) not in had:
            yield f"{space}: relate has never had {segment}"


def dead_letters_are_whole(found: Found) -> list[str]:
    """I7: every poison is a dead letter with its bytes, origin and reason; nothing else is."""
    letters = found.rows(
        "SELECT event, consumer, topic, reason, origin, attempts, first_at, last_at"
        " FROM dead_letters"
    )
    known = {bytes(letter[0]) for letter in letters}
    allowed = {*found.poison, *found.lost}
    problems = [f"no dead letter for {raw[:80]!r}" for raw in found.poison if raw not in known]
    for raw, *about, attempts, first, last in letters:
        if bytes(raw) not in allowed:
            problems.append(f"given up without a fault of its own: {bytes(raw)[:200]!r} {about}")
        if not all(about) or attempts < 1 or first > last:
            problems.append(f"a letter says too little: {about} {attempts}")
    return problems


def counters_equal_counts(found: Found) -> list[str]:
    """I8: every counter is what counting again gives."""
    return [
        *found.none(
            "SELECT s.run_id, s.stage, s.pending, s.done, s.failed, s.skipped FROM run_stages s"
            " JOIN pieces p ON p.run_id = s.run_id AND p.stage = s.stage"
            " GROUP BY s.run_id, s.stage HAVING"
            " s.pending <> count(*) FILTER (WHERE p.state IN ('ready', 'leased'))"
            " OR s.done <> count(*) FILTER (WHERE p.state = 'done')"
            " OR s.failed <> count(*) FILTER (WHERE p.state = 'failed')"
            " OR s.skipped <> count(*) FILTER (WHERE p.state = 'skipped')"
        ),
        *found.none(
            "SELECT id, open_stages FROM runs r WHERE open_stages <> (SELECT count(*)"
            " FROM run_stages s WHERE s.run_id = r.id AND s.pending > 0)"
        ),
        *found.none(
            "SELECT p.id, p.attempts, count(a.n) FROM pieces p LEFT JOIN attempts a"
            " ON a.piece_id = p.id GROUP BY p.id HAVING p.attempts <> count(a.n)"
        ),
    ]


def facts_equal_rows(found: Found) -> list[str]:
    """I9: each change that was committed was announced, and nothing that was not committed."""
    assets = {str(row[0]) for row in found.rows("SELECT id FROM assets")}
    ended = {str(row[0]): row[1] for row in found.rows("SELECT id, state FROM runs")}
    vectors = {str(row[0]) for row in found.rows("SELECT entity_id FROM embeddings")}
    uploaded = _told(found, "asset.uploaded", "asset")
    completed = _told(found, "asset.processing_completed", "run")
    failed = _told(found, "asset.processing_failed", "run")
    embedded = _told(found, "segment.embedded", "segment")
    well = {run for run, state in ended.items() if state in ("completed", "degraded")}
    return [
        *_differences("asset.uploaded", uploaded, assets),
        *_differences("asset.processing_completed", completed, well),
        *_differences("asset.processing_failed", failed, set(ended) - well),
        *_differences("segment.embedded", embedded, vectors),
    ]


def _told(found: Found, name: str, what: str) -> set[str]:
    assert isinstance(found.deps.bus, LogBus)
    deliveries = found.deps.bus.tail(f"dataflux.{name}")
    return {d.event.data[what] for d in deliveries if d.event and what in d.event.data}


def _differences(name: str, told: set[str], committed: set[str]) -> Iterator[str]:
    if committed - told:
        yield f"{name} was never said of {sorted(committed - told)[:5]}"
    if told - committed:
        yield f"{name} was said of {sorted(told - committed)[:5]}, which is not so"


def nothing_is_left_behind(found: Found) -> list[str]:
    """I10: no object without a row (once swept), no half-written one, no session that sleeps."""
    orphans.sweep(found.deps, older_than_s=0)
    named = {
        row[0]
        for row in found.rows(
            "SELECT object_key FROM arrivals UNION SELECT storage_path FROM assets"
        )
    }
    claims = {str(row[0]) for row in found.rows("SELECT claim FROM pieces")}
    problems = [
        f"object {info.key} belongs to nothing"
        for info in found.deps.objects.list("")
        if info.key not in named and not any(claim in info.key for claim in claims)
    ]
    incoming = found.deps.settings.home / "objects/.incoming"
    problems += [f"{path.name} is half written" for path in incoming.iterdir()]
    problems += [
        f"object {key} is missing"
        for (key,) in found.rows("SELECT object_key FROM renditions")
        if _hash(found, key) == "none"
    ]
    with found.database.installer() as conn:
        sleeping = conn.execute(
            "SELECT application_name, query FROM pg_stat_activity"
            " WHERE state LIKE 'idle in transaction%%' AND xact_start < now() - interval '10 s'"
        ).fetchall()
    return problems + [f"a session sleeps in a transaction: {row}" for row in sleeping]


def permissions_equal_an_oracle(found: Found) -> list[str]:
    """I11: what a stranger is shown equals a loop over the grants and memberships."""
    stranger, kept = found.deps.ids.token(), found.rows("SELECT lineage FROM assets ORDER BY id")
    granted = {lineage for (lineage,) in kept[::3]}
    with found.deps.engine.session(found.tenant, "admin") as conn:
        conn.execute(
            "INSERT INTO users (id, tenant_id, name) VALUES (%s, tenant(), %s)",
            [stranger, str(stranger)],
        )
        for lineage in granted:
            access.grant(conn, NewGrant(found.deps.ids.token(), stranger, lineage, "viewer"))
    may = access.visible(_Asker((stranger,)), "a.lineage")
    with found.deps.engine.session(found.tenant, "app") as conn:
        query = sql.SQL("SELECT a.lineage FROM assets a WHERE {}").format(may.sql)
        shown = {row[0] for row in conn.execute(query, may.params).fetchall()}
    members = found.rows("SELECT collection_id, lineage FROM memberships")
    grants = {
        row[0]
        for row in found.rows("SELECT entity_id FROM permissions WHERE subject_id = %s", stranger)
    }
    expected = {
        lineage
        for (lineage,) in kept
        if lineage in grants or any(c in grants for c, member in members if member == lineage)
    }
    return [f"{lineage} is shown or hidden wrongly" for lineage in shown ^ expected]


@dataclass(frozen=True)
class _Asker:
    subjects: tuple[UUID, ...]
    sees_all: bool = False


INVARIANTS: Mapping[str, Check] = {
    "I1": acknowledged_is_kept,
    "I2": stages_have_one_result,
    "I3": outbox_is_empty,
    "I4": nothing_is_under_way,
    "I5": segments_are_in_order,
    "I6": indexes_hold_what_records_hold,
    "I7": dead_letters_are_whole,
    "I8": counters_equal_counts,
    "I9": facts_equal_rows,
    "I10": nothing_is_left_behind,
    "I11": permissions_equal_an_oracle,
}
