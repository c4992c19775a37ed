from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from dataflux.errors import DataFluxError, Denied
from schemas import ids
from stores.records.database import Database
from stores.records.insert import COPY_FROM, insert
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
from tests.stores.records.runs_in import IDS, add_asset, session

RUN = uuid4()
TABLES = ("segments", "texts", "features", "embeddings", "renditions")


def segment(asset: UUID, number: int = 0) -> SegmentRow:
    start, end = {"time": number + 0.5}, {"time": number + 1.5}
    identity = ids.derived(asset, "segment", number)
    return SegmentRow(identity, asset, asset, RUN, asset, "scene", number, start, end)


def text(of: UUID, body: str = "so it goes") -> TextRow:
    return TextRow(ids.derived(of, "text"), of, RUN, "spoken", body, "en", 0.5)


def feature(of: UUID, data: Any = None) -> FeatureRow:
    return FeatureRow(
        ids.derived(of, "feature"), of, RUN, "visual", "colours", data, None, "colours@1"
    )


def rows_of(asset: UUID, segments: int) -> list[Row]:
    made: list[Row] = []
    for number in range(segments):
        row = segment(asset, number)
        of = row.id
        key = f"derived/{of}#0"
        made += [
            row,
            text(of),
            feature(of, {"n": number}),
            EmbeddingRow(ids.derived(of, "e"), of, RUN, "text", "m", "text/m@1", key),
            RenditionRow(ids.derived(of, "r"), of, RUN, "keyframe", key, "image/webp", 3, "0" * 64),
        ]
    return made[::-1]  # in any order: parents are written first


def counts(conn: Connection[Any], asset: UUID) -> list[int]:
    bounds = ids.bounds(asset)
    found = []
    for table in TABLES:
        row = conn.execute(
            f"SELECT count(*) FROM {table} WHERE id BETWEEN %s AND %s", bounds
        ).fetchone()
        assert row is not None
        found.append(row[0])
    return found


@pytest.mark.parametrize("segments", [3, COPY_FROM])
def test_rows_are_written_once_however_often(
    database: Database, tenant: UUID, segments: int
) -> None:
    with session(database, tenant) as conn:
        asset = add_asset(conn)
    for _ in range(2):
        with session(database, tenant) as conn:
            insert(conn, tenant, rows_of(asset, segments))
    with session(database, tenant) as conn:
        assert counts(conn, asset) == [segments] * len(TABLES)


def test_two_copies_in_one_transaction_do_not_mix(database: Database, tenant: UUID) -> None:
    with session(database, tenant) as conn:
        first, second = add_asset(conn), add_asset(conn)
        insert(conn, tenant, rows_of(first, COPY_FROM))
        insert(conn, tenant, rows_of(second, COPY_FROM), live=False)
        shown = conn.execute(
            "SELECT asset_id, live, count(*) FROM segments GROUP BY 1, 2 ORDER BY 2"
        ).fetchall()
        left = conn.execute("SELECT count(*) FROM pg_temp.incoming_segments").fetchone()
    assert left == (COPY_FROM,)
    assert shown == [(second, False, COPY_FROM), (first, True, COPY_FROM)]


def test_both_ways_write_the_same(database: Database, tenant: UUID) -> None:
    with session(database, tenant, "app") as conn:
        asset = add_asset(conn)
        rows = rows_of(asset, COPY_FROM)
        insert(conn, tenant, rows)
        copied = contents(conn, asset)
        for table in reversed(TABLES):
            conn.execute(f"DELETE FROM {table}")
        parents = [row for row in rows if isinstance(row, SegmentRow)]
        for start in range(0, COPY_FROM, 500):
            insert(conn, tenant, parents[start : start + 500])
        for start in range(0, len(rows), 500):
            insert(conn, tenant, rows[start : start + 500])
        assert contents(conn, asset) == copied


def contents(conn: Connection[Any], asset: UUID) -> list[Any]:
    return [
        conn.execute(
            f"SELECT * FROM {table} WHERE id BETWEEN %s AND %s ORDER BY id", ids.bounds(asset)
        ).fetchall()
        for table in TABLES
    ]


def test_a_segment_is_an_entity_with_times(database: Database, tenant: UUID) -> None:
    with session(database, tenant) as conn:
        asset = add_asset(conn)
        row = segment(asset, 7)
        insert(conn, tenant, [row])
        stored = conn.execute(
            "SELECT e.entity_type, e.parent_id, s.t_start, s.t_end, s.start_marker, s.numbered"
            " FROM entities e JOIN segments s USING (id) WHERE e.id = %s",
            [row.id],
        ).fetchone()
    assert stored == ("segment", asset, 7.5, 8.5, {"time": 7.5}, True)


def test_a_segment_without_time_has_none(database: Database, tenant: UUID) -> None:
    with session(database, tenant) as conn:
        asset = add_asset(conn)
        page = SegmentRow(
            ids.derived(asset, "p"), asset, asset, RUN, asset, "page", 0, {"page": 1}, {"page": 1}
        )
        insert(conn, tenant, [page])
        found = conn.execute("SELECT t_start, t_end FROM segments WHERE id = %s", [page.id])
        assert found.fetchone() == (None, None)


def test_a_text_can_be_searched(database: Database, tenant: UUID) -> None:
    with session(database, tenant) as conn:
        asset = add_asset(conn)
        row = segment(asset)
        insert(conn, tenant, [row, text(row.id, "So it goes")])
        found = conn.execute(
            "SELECT dl FROM texts WHERE segment_id = %s AND tsv @@ '''=goes'''::tsquery", [row.id]
        ).fetchall()
    assert found == [(3,)]


@pytest.mark.parametrize("segments", [1, COPY_FROM])
@pytest.mark.parametrize(
    ("hostile", "kept"),
    [
        ("a\0b", "a\ufffdb"),
        ("a\ud800b", "a?b"),
        ("\\u0000 \\N", "\\u0000 \\N"),
        ("'q' \"d\" \t\n {x,y} é漢", "'q' \"d\" \t\n {x,y} é漢"),
    ],
)
def test_any_text_can_be_kept(
    database: Database, tenant: UUID, segments: int, hostile: str, kept: str
) -> None:
    with session(database, tenant) as conn:
        asset = add_asset(conn)
        rows: list[Row] = []
        for number in range(segments):
            row = segment(asset, number)
            rows += [row, text(row.id, hostile), feature(row.id, {hostile: [hostile, 1, None]})]
        insert(conn, tenant, rows)
        bodies = conn.execute("SELECT DISTINCT body FROM texts").fetchall()
        data = conn.execute("SELECT DISTINCT feature_data FROM features").fetchall()
    assert bodies == [(kept,)]
    assert data == [({kept: [kept, 1, None]},)]


def test_numbers_that_json_lacks_become_null(database: Database, tenant: UUID) -> None:
    with session(database, tenant) as conn:
        asset = add_asset(conn)
        row = segment(asset)
        insert(conn, tenant, [row, feature(row.id, {"sharpness": float("nan")})])
        assert conn.execute("SELECT feature_data FROM features").fetchall() == [
            ({"sharpness": None},)
        ]


def test_a_relationship_takes_its_new_strength(database: Database, tenant: UUID) -> None:
    with session(database, tenant) as conn:
        one, two = add_asset(conn), add_asset(conn)
        identity = ids.derived(one, "similar_to", two)
        for strength in (0.8, 0.9):
            edge = RelationshipRow(identity, one, two, "similar_to", strength, {"s": strength})
            insert(conn, tenant, [edge, edge])  # found from both sides
        found = conn.execute("SELECT strength::text, metadata FROM relationships").fetchall()
    assert found == [("0.9", {"s": 0.9})]


def test_a_collection_can_be_written(database: Database, tenant: UUID) -> None:
    with session(database, tenant) as conn:
        made = IDS.lineage()
        insert(conn, tenant, [EntityRow(made, "collection", metadata={"name": "inbox"})])
        found = conn.execute("SELECT metadata FROM entities WHERE id = %s", [made]).fetchone()
    assert found == ({"name": "inbox"},)


def test_a_row_in_another_shard_than_its_segment_is_refused(
    database: Database, tenant: UUID
) -> None:
    with session(database, tenant) as conn:
        row = segment(add_asset(conn))
        insert(conn, tenant, [row])
    elsewhere = FeatureRow(
        ids.derived(ids.edge(2001), "f"), row.id, RUN, "visual", "x", 1, None, "a@1"
    )
    with pytest.raises(DataFluxError), session(database, tenant) as conn:
        insert(conn, tenant, [elsewhere])


def test_rows_of_another_tenant_are_neither_seen_nor_written(
    database: Database, tenant: UUID
) -> None:
    other = uuid4()
    with session(database, tenant) as conn:
        asset = add_asset(conn)
        insert(conn, tenant, rows_of(asset, 2))
    with session(database, other) as conn:
        assert counts(conn, asset) == [0] * len(TABLES)
    with pytest.raises(Denied), session(database, other) as conn:
        conn.execute(
            "INSERT INTO entities (id, tenant_id, entity_type) VALUES (%s, %s, 'asset')",
            [IDS.lineage(), tenant],
        )
