from dataclasses import replace
from uuid import UUID, uuid4

from schemas import ids
from stores.records import assets, lineages, memberships, moments, runs, segments, steps
from stores.records.assets import NewAsset
from stores.records.database import Database
from stores.records.insert import insert
from stores.records.rows import RenditionRow, Row, SegmentRow, TextRow
from tests.stores.records.runs_in import IDS, Plan, add_asset, add_run, session


def scene(asset: UUID, run: UUID, number: int) -> SegmentRow:
    identity = ids.derived(asset, run, "scene", number)
    start, end = {"time": float(number)}, {"time": number + 1.0}
    return SegmentRow(identity, asset, asset, run, asset, "scene", number, start, end)


def words(of: SegmentRow, body: str) -> TextRow:
    return TextRow(ids.derived(of.id, body), of.id, of.run_id, "on_screen", body)


def test_a_window_has_its_numbered_segments_and_the_words_in_them(
    database: Database, tenant: UUID
) -> None:
    run = uuid4()
    with session(database, tenant) as conn:
        asset = add_asset(conn)
        scenes = [scene(asset, run, n) for n in range(4)]
        line = replace(
            scenes[2], id=ids.derived(asset, "line"), parent_id=scenes[2].id, numbered=False
        )
        other = scene(asset, uuid4(), 1)
        rows: list[Row] = [*scenes, line, other, words(scenes[1], "one"), words(line, "inside")]
        rows += [words(scenes[3], "outside"), words(other, "of another run")]
        insert(conn, tenant, rows)
        stored = segments.of_run(conn, asset, run, 1, 3)
        texts = segments.texts_of_run(conn, asset, run, 1, 3)
    assert [(s.id, s.sequence_number) for s in stored] == [(scenes[1].id, 1), (scenes[2].id, 2)]
    assert [(t.sequence_number, t.body) for t in texts] == [(1, "one"), (2, "inside")]


def test_derived_objects_are_found_by_entity_and_kind(database: Database, tenant: UUID) -> None:
    run = uuid4()
    with session(database, tenant) as conn:
        asset = add_asset(conn)
        first = scene(asset, run, 0)
        made = [
            RenditionRow(
                ids.derived(asset, kind), first.id, run, kind, kind, "image/webp", 1, "0" * 64
            )
            for kind in ("keyframe", "thumbnail")
        ]
        insert(conn, tenant, [first, *made])
        found = segments.renditions_of(conn, asset, [first.id, asset], ["keyframe", "sprite"])
    assert [(r.entity_id, r.kind) for r in found] == [(first.id, "keyframe")]


def test_a_later_run_takes_the_place_of_an_earlier_one(database: Database, tenant: UUID) -> None:
    with session(database, tenant) as conn:
        plan, _ = add_run(conn, tenant)
        later = Plan(ids.derived(plan.asset, "run", 2), plan.asset, plan.lineage)
        old, new = scene(plan.asset, plan.id, 0), scene(plan.asset, later.id, 0)
        assert runs.is_first(conn, plan.id)
        insert(conn, tenant, [old, words(old, "a")])
        steps.finish_run(conn, plan.id, "completed")
        runs.promote(conn, plan.lineage, plan.asset, plan.id)
        runs.create(conn, tenant, later)
        assert not runs.is_first(conn, later.id)
        insert(conn, tenant, [new, words(new, "b")], live=False)
        assert [m.id for m in moments.page(conn, plan.asset)] == [old.id]
        runs.promote(conn, plan.lineage, plan.asset, later.id)
        assert [m.id for m in moments.page(conn, plan.asset)] == [new.id]
        shown = moments.texts(conn, plan.lineage, [old.id, new.id])
    assert [text.body for text in shown] == ["b"]


def test_a_lineage_tells_what_contains_and_what_precedes(database: Database, tenant: UUID) -> None:
    run, collection, lineage = uuid4(), IDS.lineage(), IDS.lineage()
    second = ids.derived(lineage, "version", 2)
    with session(database, tenant, "app") as conn:
        for version, identity in ((1, lineage), (2, second)):
            assets.create(
                conn,
                NewAsset(
                    identity, lineage, version, "video", "a", uuid4().hex, 1, "video/mp4", "a"
                ),
            )
        memberships.create_collection(conn, collection, "inbox")
        memberships.place(conn, lineage, [collection])
        child = replace(scene(lineage, run, 0), asset_id=second, parent_id=second)
        insert(conn, tenant, [child])
        assert set(lineages.contained(conn, lineage, run)) == {
            (collection, lineage),
            (second, child.id),
        }
        assert lineages.derivations(conn, lineage) == [(second, lineage)]
