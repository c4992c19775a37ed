from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from dataflux.errors import Conflict, NotFound
from dataflux.permissions import Caller
from schemas import ids
from stores.records import access, assets, memberships, people, steps
from stores.records.assets import Listed, NewAsset
from stores.records.database import Database
from tests.stores.records.runs_in import IDS, add_run, session


def new(lineage: UUID | None = None, version: int = 1, **changes: Any) -> NewAsset:
    root = lineage or IDS.lineage()
    made = NewAsset(
        id=root if version == 1 else ids.derived(root, "version", version),
        lineage=root,
        version=version,
        kind="image",
        filename=f"picture {version}.png",
        file_hash=uuid4().hex,
        file_size=10,
        mime_type="image/png",
        storage_path=f"originals/{root}/{version}",
    )
    return replace(made, **changes)


def add(conn: Connection[Any], *made: NewAsset) -> None:
    for asset in made:
        assets.create(conn, asset)


def everything(tenant: UUID) -> Caller:
    return Caller(tenant, uuid4(), (), frozenset({"admin"}))


def listed(conn: Connection[Any], tenant: UUID, **chosen: Any) -> list[UUID]:
    return [a.id for a in assets.page(conn, everything(tenant), Listed(**chosen))]


def test_an_asset_is_found_by_the_id_of_its_lineage(database: Database, tenant: UUID) -> None:
    with session(database, tenant) as conn:
        first = new(metadata={"exif": {"make": "x"}}, priority=3)
        assert assets.latest_version(conn, first.lineage) == 0
        add(conn, first)
        found = assets.get(conn, first.lineage)
    assert (found.id, found.version, found.is_latest) == (first.id, 1, True)
    assert (found.metadata, found.processing_priority) == ({"exif": {"make": "x"}}, 3)
    assert (found.processing_status, found.filename) == ("uploaded", "picture 1.png")


def test_a_lineage_means_its_latest_version(database: Database, tenant: UUID) -> None:
    with session(database, tenant) as conn:
        first = new()
        second, third = (new(first.lineage, n) for n in (2, 3))
        add(conn, first, second, third)
        assert assets.latest_version(conn, first.lineage) == 3
        assert assets.get(conn, first.lineage).id == third.id
        assert assets.get(conn, second.id).id == second.id
        assert assets.get(conn, first.lineage, 1).id == first.id
        found = assets.versions(conn, first.lineage)
    assert [(a.version, a.is_latest) for a in found] == [(3, True), (2, False), (1, False)]


def test_a_version_cannot_be_added_twice(database: Database, tenant: UUID) -> None:
    with session(database, tenant) as conn:
        first = new()
        add(conn, first)
    with pytest.raises(Conflict), session(database, tenant) as conn:
        add(conn, replace(new(first.lineage), id=ids.derived(first.lineage, "other")))
    with session(database, tenant) as conn:
        assert assets.get(conn, first.lineage).id == first.id


@pytest.mark.parametrize("change", ["file_hash = 'x'", "storage_path = 'x'", "mime_type = 'x/y'"])
def test_the_content_of_a_version_cannot_change(
    database: Database, tenant: UUID, change: str
) -> None:
    with session(database, tenant) as conn:
        first = new()
        add(conn, first)
    with (
        pytest.raises(Conflict, match="make a new version"),
        session(database, tenant) as conn,
    ):
        conn.execute(f"UPDATE assets SET {change} WHERE id = %s".encode(), [first.id])


def test_a_status_tells_why(database: Database, tenant: UUID) -> None:
    with session(database, tenant) as conn:
        first = new()
        add(conn, first)
        assets.set_status(conn, first.id, "failed", "corrupt_media", "no header")
        found = assets.get(conn, first.id)
    assert (found.processing_status, found.reason, found.detail) == (
        "failed",
        "corrupt_media",
        "no header",
    )


def test_an_asset_tells_when_it_became_searchable(database: Database, tenant: UUID) -> None:
    with session(database, tenant) as conn:
        plan, _ = add_run(conn, tenant)
        assert assets.get(conn, plan.asset).indexed_at is None
        steps.finish_run(conn, plan.id, "completed")
        found = assets.get(conn, plan.asset)
    assert found.run_id == plan.id
    assert found.indexed_at is not None


def test_what_is_deleted_is_gone_with_all_its_versions(database: Database, tenant: UUID) -> None:
    with session(database, tenant) as conn:
        first = new()
        second = new(first.lineage, 2)
        add(conn, first, second)
        assert assets.soft_delete(conn, first.lineage)
        assert not assets.soft_delete(conn, first.lineage)
        for gone in (first.lineage, second.id, uuid4()):
            with pytest.raises(NotFound):
                assets.get(conn, gone)
        assert assets.get(conn, first.lineage, deleted=True).id == second.id
        assert listed(conn, tenant) == []
        assert listed(conn, tenant, deleted=True) == [second.id]


def test_pages_are_newest_first_and_miss_nothing(database: Database, tenant: UUID) -> None:
    made = [new() for _ in range(5)]
    for asset in made:
        with session(database, tenant) as conn:
            add(conn, asset)
    with session(database, tenant) as conn:
        add(conn, *(later := [new() for _ in range(2)]))  # of one instant
        seen, after = list[UUID](), None
        while page := assets.page(conn, everything(tenant), Listed(), after=after, limit=3):
            seen += [asset.id for asset in page]
            after = (page[-1].created_at, page[-1].id)
    newest = sorted((a.id for a in later), reverse=True)
    assert seen == newest + [a.id for a in made[::-1]]


def test_a_page_lists_the_latest_versions_that_are_asked_for(
    database: Database, tenant: UUID
) -> None:
    with session(database, tenant) as conn:
        first = new(filename="Holiday.PNG")
        second = new(first.lineage, 2, filename="Holiday.PNG")
        film = new(kind="video", status="failed", reason="corrupt_media")
        add(conn, first, second, film)
        assert set(listed(conn, tenant)) == {second.id, film.id}
        assert listed(conn, tenant, kind="video") == [film.id]
        assert listed(conn, tenant, status="uploaded") == [second.id]
        assert listed(conn, tenant, filename="holiday") == [second.id]
        assert listed(conn, tenant, filename="%") == []


def test_a_page_lists_what_the_asker_may_see(database: Database, tenant: UUID) -> None:
    with session(database, tenant, "app") as conn:
        user, collection, inside, outside = IDS.token(), IDS.lineage(), new(), new()
        people.create_user(conn, user, "ann")
        memberships.create_collection(conn, collection, "inbox")
        add(conn, inside, outside)
        memberships.place(conn, inside.lineage, [collection])
        memberships.place(conn, outside.lineage)
        asker = Caller(tenant, user, (user,))
        assert assets.page(conn, asker, Listed()) == []
        access.grant(conn, access.NewGrant(IDS.token(), user, collection, "viewer"))
        assert [a.id for a in assets.page(conn, asker, Listed())] == [inside.id]
        assert listed(conn, tenant, collection=collection) == [inside.id]


def test_assets_of_another_tenant_are_not_there(database: Database, tenant: UUID) -> None:
    with session(database, tenant) as conn:
        first = new()
        add(conn, first)
    other = uuid4()
    with session(database, other) as conn:
        with pytest.raises(NotFound):
            assets.get(conn, first.id)
        assert not assets.soft_delete(conn, first.lineage)
        assert listed(conn, other) == []


def test_a_page_reads_an_index_not_the_table(database: Database, tenant: UUID) -> None:
    with session(database, tenant, "app") as conn:
        conn.execute("SET LOCAL enable_seqscan = off")
        plan = conn.execute(
            "EXPLAIN SELECT e.id FROM entities e WHERE e.entity_type <> 'segment' AND e.is_latest"
            " ORDER BY e.created_at DESC, e.id DESC LIMIT 10"
        ).fetchall()
    text = "\n".join(line for (line,) in plan)
    assert "tenant_id_created_at_id_idx" in text
    assert "Merge Append" in text
