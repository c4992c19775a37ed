from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from dataflux.errors import NotFound
from schemas import ids
from stores.ports import Scope
from stores.records import counts, moments, renditions, steps
from stores.records.database import Database
from stores.records.insert import insert
from stores.records.rows import FeatureRow, RenditionRow, Row, SegmentRow, TextRow
from stores.records.trace import trace
from tests.stores.records.runs_in import add_asset, add_run, session

RUN = uuid4()


def scene(asset: UUID, number: int) -> SegmentRow:
    identity = ids.derived(asset, "scene", number)
    start, end = {"time": float(number)}, {"time": number + 1.0}
    return SegmentRow(identity, asset, asset, RUN, asset, "scene", number, start, end)


def line(inside: SegmentRow, n: int) -> SegmentRow:
    return replace(
        inside,
        id=ids.derived(inside.id, "line", n),
        parent_id=inside.id,
        segment_type="line",
        numbered=False,
    )


@pytest.fixture
def film(database: Database, tenant: UUID) -> UUID:
    """An asset of three scenes; the second shows two lines, and has words, facts and a picture."""
    with session(database, tenant) as conn:
        asset = add_asset(conn)
        scenes = [scene(asset, n) for n in range(3)]
        of = scenes[1].id
        rows: list[Row] = [*scenes, line(scenes[1], 0), line(scenes[1], 1)]
        rows += [
            TextRow(ids.derived(of, "t"), of, RUN, "spoken", "hello", "en", 0.4),
            FeatureRow(ids.derived(of, "f"), of, RUN, "visual", "colours", ["red"], None, "c@1"),
            RenditionRow(
                ids.derived(of, "r"), of, RUN, "keyframe", "derived/k", "image/webp", 3, "0" * 64
            ),
        ]
        insert(conn, tenant, rows)
    return asset


def numbers(found: list[moments.Moment]) -> list[int]:
    return [moment.sequence_number for moment in found]


def test_segments_come_in_order_and_pages(database: Database, tenant: UUID, film: UUID) -> None:
    with session(database, tenant) as conn:
        assert numbers(moments.page(conn, film)) == [0, 1, 2]
        assert numbers(moments.page(conn, film, first=1, limit=1)) == [1]
        assert moments.page(conn, film, segment_type="page") == []


def test_a_segment_tells_how_many_lie_in_it(database: Database, tenant: UUID, film: UUID) -> None:
    with session(database, tenant) as conn:
        roots = moments.children(conn, film)
        inside = moments.children(conn, roots[1].id)
        assert moments.get(conn, roots[1].id) == roots[1]
    assert [moment.children for moment in roots] == [0, 2, 0]
    assert [(m.segment_type, m.sequence_number) for m in inside] == [("line", 1), ("line", 1)]


def test_what_was_found_in_segments_is_read_at_once(
    database: Database, tenant: UUID, film: UUID
) -> None:
    with session(database, tenant) as conn:
        found = [moment.id for moment in moments.page(conn, film)]
        (text,) = moments.texts(conn, film, found)
        (feature,) = moments.features(conn, film, found)
        (picture,) = renditions.of(conn, film, found)
        assert renditions.find(conn, found[1], "keyframe") == picture
        with pytest.raises(NotFound, match="'sprite'"):
            renditions.find(conn, found[1], "sprite")
    assert {text.segment_id, feature.segment_id, picture.entity_id} == {found[1]}
    assert (text.body, feature.feature_data, picture.object_key) == ("hello", ["red"], "derived/k")


def test_what_is_not_live_is_not_shown(database: Database, tenant: UUID, film: UUID) -> None:
    with session(database, tenant) as conn:
        found = [moment.id for moment in moments.page(conn, film)]
        for table in ("segments", "texts", "features", "renditions"):
            conn.execute(f"UPDATE {table} SET live = false".encode())
        assert moments.page(conn, film) == []
        assert moments.texts(conn, film, found) == []
        assert moments.features(conn, film, found) == []
        assert renditions.of(conn, film, found) == []
        with pytest.raises(NotFound):
            moments.get(conn, found[0])


def scans(conn: Connection[Any], query: str, params: list[Any]) -> int:
    plan = conn.execute(f"EXPLAIN {query}".encode(), params).fetchall()
    return sum("Scan" in line for (line,) in plan)


def test_a_query_with_the_range_of_a_lineage_reads_one_shard(
    database: Database, tenant: UUID, film: UUID
) -> None:
    query = "SELECT * FROM segments WHERE parent_id = %s"
    with session(database, tenant) as conn:
        everywhere = scans(conn, query, [film])
        bounded = scans(conn, f"{query} AND id BETWEEN %s AND %s", [film, *ids.bounds(film)])
    assert bounded == 1 < everywhere


def test_a_trace_tells_every_attempt(database: Database, tenant: UUID) -> None:
    with session(database, tenant) as conn:
        plan, (piece, other) = add_run(conn, tenant, 2)
        token = uuid4()
        steps.claim(conn, piece, token, 60)
        steps.release(conn, piece, token, "Unavailable: down")
        steps.claim(conn, piece, token, 60)
        steps.commit_piece(conn, piece, token, to="failed", reason="decode_timeout")
        (run,) = trace(conn, plan.asset)
    (stage,) = run.stages
    assert (run.run.id, stage.stage, stage.pending, stage.failed) == (plan.id, "segment", 1, 1)
    first, second = stage.pieces
    assert (first.id, first.reason, second.id, second.attempts) == (
        piece,
        "decode_timeout",
        other,
        (),
    )
    assert [(a.n, a.outcome, a.error) for a in first.attempts] == [
        (1, "released", "Unavailable: down"),
        (2, "failed", "decode_timeout"),
    ]
    assert all(a.ended_at and a.claimed_at <= a.ended_at for a in first.attempts)


def test_counts_tell_what_there_is_and_what_waits(
    database: Database, tenant: UUID, film: UUID
) -> None:
    with session(database, tenant) as conn:
        _, pieces = add_run(conn, tenant, 3)
        steps.claim(conn, pieces[0], uuid4(), 60)
        conn.execute("UPDATE assets SET reason = 'empty_media' WHERE id = %s", [film])
        everybody, nobody = Scope(tenant, (), sees_all=True), Scope(tenant, (uuid4(),))
        assert counts.by_status(conn, nobody) == counts.of_segments(conn, nobody) == {}
        assert counts.by_status(conn, everybody) == {"uploaded": 2}
        assert counts.by_kind(conn, everybody) == {"video": 2}
        assert counts.by_reason(conn, everybody) == {"empty_media": 1}
        assert counts.of_segments(conn, everybody) == {"line": 2, "scene": 3}
        (waiting,) = counts.waiting(conn)
        assert counts.dead_letters(conn) == 0
    assert (waiting.stage, waiting.lane, waiting.ready, waiting.leased) == (
        "segment",
        "normal",
        2,
        1,
    )


def test_sheets_come_in_the_order_of_the_pieces(
    database: Database, tenant: UUID, film: UUID
) -> None:
    sheets = [
        RenditionRow(
            ids.derived(film, "sheet", n),
            *(film, RUN, "sprite", f"derived/{n}", "image/jpeg", 3, "0" * 64),
            metadata={"number": n},
        )
        for n in range(12)
    ]
    assert sheets != sorted(sheets, key=lambda row: row.id)
    with session(database, tenant) as conn:
        insert(conn, tenant, sheets)
        found = [renditions.find(conn, film, "sprite", n).object_key for n in range(12)]
        assert renditions.find(conn, film, "sprite").object_key == "derived/0"
        with pytest.raises(NotFound, match="'sprite' of number 12"):
            renditions.find(conn, film, "sprite", 12)
    assert found == [f"derived/{n}" for n in range(12)]
