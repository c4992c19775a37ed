"""Writes the rows of a step: table by table, in bulk, and harmless when repeated."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter
from typing import Any
from uuid import UUID

import orjson
from psycopg import Connection, sql

from stores.records.rows import (
    EmbeddingRow,
    EntityRow,
    FeatureRow,
    RelationshipRow,
    RenditionRow,
    Row,
    SegmentRow,
    TextRow,
)

COPY_FROM = 300
"""Below this many rows of a table, arrays in one statement are faster than a temporary table."""

Values = tuple[Any, ...]
NOTHING = "NOTHING"


@dataclass(frozen=True)
class Target:
    """A table to write: its columns with their types, and what happens to an id that is there."""

    name: str
    columns: Mapping[str, str]
    values: Callable[[Any], Values]
    conflict: str = NOTHING
    live: bool = True
    """Whether its rows belong to a run, and are shown only while that run is current."""

    @cached_property
    def by_arrays(self) -> sql.Composed:
        arrays = sql.SQL(", ").join(
            sql.SQL("%s::{}[]").format(sql.SQL(kind)) for kind in self.columns.values()
        )
        source = sql.SQL("unnest({}) AS x ({})").format(arrays, self._names)
        return self._insert(source)

    @cached_property
    def from_incoming(self) -> sql.Composed:
        return self._insert(sql.SQL("{} AS x").format(self._incoming))

    @cached_property
    def copy(self) -> sql.Composed:
        return sql.SQL("COPY {} ({}) FROM STDIN").format(self._incoming, self._names)

    @cached_property
    def make_incoming(self) -> sql.Composed:
        """The temporary table of this connection; every commit empties it."""
        return sql.SQL(
            "CREATE TEMP TABLE IF NOT EXISTS {} ON COMMIT DELETE ROWS AS"
            " SELECT {} FROM {} WITH NO DATA"
        ).format(sql.Identifier(f"incoming_{self.name}"), self._names, sql.Identifier(self.name))

    @cached_property
    def any_incoming(self) -> sql.Composed:
        return sql.SQL("SELECT EXISTS (SELECT FROM {})").format(self._incoming)

    @cached_property
    def empty_incoming(self) -> sql.Composed:
        return sql.SQL("DELETE FROM {}").format(self._incoming)

    @property
    def _incoming(self) -> sql.Identifier:
        return sql.Identifier("pg_temp", f"incoming_{self.name}")

    @property
    def _names(self) -> sql.Composed:
        return sql.SQL(", ").join(map(sql.Identifier, self.columns))

    def _insert(self, source: sql.Composed) -> sql.Composed:
        live = sql.SQL(", live" if self.live else "")
        return sql.SQL(
            "INSERT INTO {} (tenant_id{}, {}) SELECT %s{}, {} FROM {} ON CONFLICT (id) DO {}"
        ).format(
            sql.Identifier(self.name),
            live,
            self._names,
            sql.SQL(", %s" if self.live else ""),
            self._names,
            source,
            sql.SQL(self.conflict),
        )


def insert(conn: Connection[Any], tenant: UUID, rows: Sequence[Row], *, live: bool = True) -> None:
    """Write rows of any kinds, parents first. Rows whose id is there already are left as they are,
    but a relationship takes its new strength."""
    by_type: dict[type[Row], list[Any]] = defaultdict(list)
    for row in rows:
        by_type[type(row)].append(row)
    for kind, targets in TARGETS.items():
        for target in targets if by_type[kind] else ():
            _write(conn, target, by_type[kind], [tenant, live] if target.live else [tenant])


def _write(conn: Connection[Any], target: Target, rows: Sequence[Any], same: Sequence[Any]) -> None:
    """Write the rows of one table; `same` are the values that all of them share."""
    values = list({row.id: target.values(row) for row in rows}.values())
    if target.conflict != NOTHING:
        values.sort(key=itemgetter(0))  # rivals lock in one order: no deadlock
    if len(values) < COPY_FROM:
        conn.execute(target.by_arrays, [*same, *map(list, zip(*values, strict=True))])
        return
    _copy(conn, target, values)
    conn.execute(target.from_incoming, same)


def _copy(conn: Connection[Any], target: Target, values: Iterable[Values]) -> None:
    conn.execute(target.make_incoming)
    if conn.execute(target.any_incoming).fetchone() == (True,):  # twice in one transaction
        conn.execute(target.empty_incoming)
    with conn.cursor() as cursor, cursor.copy(target.copy) as copy:
        for each in values:
            copy.write_row(each)


# -- from rows to values ----------------------------------------------------------------------


def _entity(row: EntityRow) -> Values:
    return (
        row.id,
        row.entity_type,
        row.parent_id,
        row.version,
        row.version_of,
        _json(row.metadata),
    )


def _entity_of_segment(row: SegmentRow) -> Values:
    return row.id, "segment", row.parent_id


def _segment(row: SegmentRow) -> Values:
    return (
        row.id,
        row.asset_id,
        row.lineage,
        row.run_id,
        row.parent_id,
        row.segment_type,
        row.sequence_number,
        row.numbered,
        _json(row.start_marker),
        _json(row.end_marker),
        row.confidence_score,
        row.start_marker.get("time"),
        row.end_marker.get("time"),
        _names(row.rests_on),
    )


def _text(row: TextRow) -> Values:
    body = _storable(row.body)
    from stores.records.lexemes import lexemes  # stems of many languages: few steps write texts

    tsv, words = lexemes(body, row.language, row.source)
    return (
        row.id,
        row.segment_id,
        row.run_id,
        row.source,
        row.language,
        body,
        row.confidence,
        tsv,
        words,
        _names(row.rests_on),
    )


def _feature(row: FeatureRow) -> Values:
    return (
        row.id,
        row.segment_id,
        row.run_id,
        row.feature_domain,
        row.feature_type,
        _json(row.feature_data),
        row.confidence,
        row.analyzer_version,
        row.model,
        _names(row.rests_on),
    )


def _embedding(row: EmbeddingRow) -> Values:
    return (
        row.id,
        row.entity_id,
        row.run_id,
        row.embedding_type,
        row.model_name,
        row.space,
        row.vector_id,
    )


def _rendition(row: RenditionRow) -> Values:
    return (
        row.id,
        row.entity_id,
        row.run_id,
        row.kind,
        row.object_key,
        row.mime_type,
        row.size,
        row.sha256,
        _json(row.metadata),
    )


def _relationship(row: RelationshipRow) -> Values:
    return (
        row.id,
        row.source_id,
        row.target_id,
        row.relationship_type,
        row.strength,
        _json(row.metadata),
    )


def _names(names: Sequence[str]) -> str:
    return orjson.dumps(list(names)).decode() if names else "[]"


def _json(value: Any) -> str:
    """Return JSON that PostgreSQL takes: it has no place for NUL, nor for half a surrogate pair."""
    try:
        text = orjson.dumps(value).decode()
    except orjson.JSONEncodeError:
        return orjson.dumps(_clean(value)).decode()
    return orjson.dumps(_clean(value)).decode() if "\\u0000" in text else text


def _clean(value: Any) -> Any:
    match value:
        case str():
            return _storable(value)
        case Mapping():
            return {_storable(str(key)): _clean(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_clean(inner) for inner in value]
        case _:
            return value


def _storable(text: str) -> str:
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")


_ENTITY_COLUMNS = {"id": "uuid", "entity_type": "text", "parent_id": "uuid"}

TARGETS: Mapping[type[Row], Sequence[Target]] = {
    EntityRow: [
        Target(
            "entities",
            {**_ENTITY_COLUMNS, "version": "int", "version_of": "uuid", "metadata": "jsonb"},
            _entity,
            live=False,
        )
    ],
    SegmentRow: [
        Target("entities", _ENTITY_COLUMNS, _entity_of_segment, live=False),
        Target(
            "segments",
            {
                "id": "uuid",
                "asset_id": "uuid",
                "lineage": "uuid",
                "run_id": "uuid",
                "parent_id": "uuid",
                "segment_type": "text",
                "sequence_number": "int",
                "numbered": "boolean",
                "start_marker": "jsonb",
                "end_marker": "jsonb",
                "confidence_score": "real",
                "t_start": "float8",
                "t_end": "float8",
                "rests_on": "jsonb",
            },
            _segment,
        ),
    ],
    TextRow: [
        Target(
            "texts",
            {
                "id": "uuid",
                "segment_id": "uuid",
                "run_id": "uuid",
                "source": "text",
                "language": "text",
                "body": "text",
                "confidence": "real",
                "tsv": "tsvector",
                "dl": "int",
                "rests_on": "jsonb",
            },
            _text,
        )
    ],
    FeatureRow: [
        Target(
            "features",
            {
                "id": "uuid",
                "segment_id": "uuid",
                "run_id": "uuid",
                "feature_domain": "text",
                "feature_type": "text",
                "feature_data": "jsonb",
                "confidence": "real",
                "analyzer_version": "text",
                "model": "text",
                "rests_on": "jsonb",
            },
            _feature,
        )
    ],
    EmbeddingRow: [
        Target(
            "embeddings",
            {
                "id": "uuid",
                "entity_id": "uuid",
                "run_id": "uuid",
                "embedding_type": "text",
                "model_name": "text",
                "space": "text",
                "vector_id": "text",
            },
            _embedding,
        )
    ],
    RenditionRow: [
        Target(
            "renditions",
            {
                "id": "uuid",
                "entity_id": "uuid",
                "run_id": "uuid",
                "kind": "text",
                "object_key": "text",
                "mime_type": "text",
                "size": "bigint",
                "sha256": "text",
                "metadata": "jsonb",
            },
            _rendition,
        )
    ],
    RelationshipRow: [
        Target(
            "relationships",
            {
                "id": "uuid",
                "source_id": "uuid",
                "target_id": "uuid",
                "relationship_type": "text",
                "strength": "real",
                "metadata": "jsonb",
            },
            _relationship,
            conflict="UPDATE SET strength = excluded.strength, metadata = excluded.metadata",
            live=False,
        )
    ],
}
"""Parents before their children: foreign keys are checked at the end of each statement."""
