from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from dataflux.errors import Conflict
from dataflux.permissions import Caller
from stores.records import access, arrivals, assets, memberships, people, tenants
from stores.records.arrivals import Arrival, Source
from stores.records.assets import NewAsset
from stores.records.database import Database
from tests.stores.records.runs_in import IDS, session


def new_source(conn: Connection[Any]) -> Source:
    owner = uuid4()
    people.create_user(conn, owner, str(owner))
    made = Source(uuid4(), str(uuid4()), owner, None, None)
    tenants.add_source(conn, made)
    return made


def arrival(source: Source, **changes: Any) -> Arrival:
    made = Arrival(
        source_id=source.id,
        key="a.png",
        etag=uuid4().hex,
        lineage=IDS.lineage(),
        object_key=f"originals/{uuid4()}",
        filename="a.png",
        declared=None,
        size=3,
        sha256=uuid4().hex,
        priority=None,
        bulk=False,
        owner_id=source.owner_id,
    )
    return replace(made, **changes)


def add_asset_of(conn: Connection[Any], came: Arrival) -> UUID:
    asset = NewAsset(
        came.lineage,
        came.lineage,
        1,
        "image",
        "a.png",
        came.sha256,
        3,
        "image/png",
        came.object_key,
    )
    assets.create(conn, asset)
    memberships.place(conn, came.lineage)
    return asset.id


def test_a_file_arrives_once(database: Database, tenant: UUID) -> None:
    with session(database, tenant, "app") as conn:
        came = arrival(new_source(conn), priority=3, bulk=True, declared="image/png")
        assert arrivals.lineage_of(conn, came.source_id, came.key) is None
        assert not arrivals.known(conn, came.source_id, came.key, came.etag)
        arrivals.record(conn, tenant, came)
        assert arrivals.known(conn, came.source_id, came.key, came.etag)
        assert arrivals.lineage_of(conn, came.source_id, came.key) == came.lineage
        assert arrivals.open_arrival(conn, came.object_key) == came
        with pytest.raises(Conflict, match="sent this file before"):
            arrivals.record(conn, tenant, replace(came, object_key="originals/other"))


def test_an_arrival_is_taken_in_once(database: Database, tenant: UUID) -> None:
    with session(database, tenant, "app") as conn:
        came = arrival(new_source(conn))
        arrivals.record(conn, tenant, came)
        arrivals.close(conn, came, came.lineage, None)
        assert arrivals.open_arrival(conn, came.object_key) is None
        with pytest.raises(Conflict, match="taken in already"):
            arrivals.close(conn, came, came.lineage, None)


def test_a_duplicate_is_recorded_closed(database: Database, tenant: UUID) -> None:
    with session(database, tenant, "app") as conn:
        came, twin = arrival(new_source(conn)), uuid4()
        arrivals.record(conn, tenant, came, twin)
        assert arrivals.open_arrival(conn, came.object_key) is None
        found = arrivals.latest(conn, came.lineage, came.owner_id)
        assert found is not None
        assert found.duplicate_of == twin
        assert arrivals.latest(conn, came.lineage, uuid4()) is None


def test_a_twin_is_another_asset_with_these_bytes_that_the_asker_sees(
    database: Database, tenant: UUID
) -> None:
    with session(database, tenant, "app") as conn:
        source = new_source(conn)
        came = arrival(source)
        asset = add_asset_of(conn, came)
        owner = Caller(tenant, source.owner_id, (source.owner_id,))
        admin = Caller(tenant, uuid4(), (), frozenset({"admin"}))
        again = IDS.lineage()
        assert arrivals.visible_twin(conn, owner, came.sha256, again) is None
        access.grant(conn, access.NewGrant(uuid4(), source.owner_id, asset, "owner"))
        assert arrivals.visible_twin(conn, owner, came.sha256, again) == asset
        assert arrivals.visible_twin(conn, admin, came.sha256, again) == asset
        assert arrivals.visible_twin(conn, admin, came.sha256, came.lineage) is None
        assert arrivals.visible_twin(conn, admin, uuid4().hex, again) is None
        assets.soft_delete(conn, came.lineage)
        assert arrivals.visible_twin(conn, admin, came.sha256, again) is None
    other = uuid4()
    with session(database, other, "app") as conn:
        stranger = replace(admin, tenant=other)
        assert arrivals.visible_twin(conn, stranger, came.sha256, again) is None
