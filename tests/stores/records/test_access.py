"""What the database lets a caller see is what the rules say."""

import random
from datetime import UTC, datetime
from uuid import UUID

import pytest
from psycopg import sql

from dataflux.errors import Denied, Invalid, NotFound
from dataflux.permissions import Caller
from stores.records import access, memberships, people
from tests.world import World

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
LATER = datetime(2100, 1, 1, tzinfo=UTC)


def _seen(world: World, caller: Caller) -> set[UUID]:
    may = access.visible(caller, "e.id")
    query = sql.SQL("SELECT e.id FROM entities e WHERE e.entity_type <> 'segment' AND {}")
    with world.app() as conn:
        return {row[0] for row in conn.execute(query.format(may.sql), may.params).fetchall()}


def _listed(world: World, caller: Caller) -> set[UUID]:
    with world.app() as conn:
        query = sql.SQL("SELECT lineage FROM ({}) seen").format(access.SEEN)
        return {row[0] for row in conn.execute(query, access.subjects(caller)).fetchall()}


def test_grants_flow_from_collections_to_assets_to_segments(world: World) -> None:
    outer = world.collection()
    inner = world.collection(outer)
    inside, outside = world.asset(inner), world.asset()
    segment = world.segment(inside)
    user = world.user()
    world.grant(user.user, outer, "editor")
    with world.app() as conn:
        for entity in (outer, inner, inside, segment):
            assert access.can(conn, user, entity, "edit")
            assert not access.can(conn, user, entity, "delete")
        assert not access.can(conn, user, outside, "view")
        assert not access.can(conn, user, world.make.lineage(), "view")
    assert _seen(world, user) == {outer, inner, inside}


def test_a_grant_on_a_version_is_one_on_its_lineage(world: World) -> None:
    user, asset = world.user(), world.asset()
    version = world.make.lineage()
    version = UUID(int=(asset.int >> 96 << 96) | (version.int & ((1 << 96) - 1)))
    world.run("UPDATE entities SET is_latest = false WHERE id = %s", asset)
    world.run(
        "INSERT INTO entities (id, tenant_id, entity_type, version, version_of)"
        " VALUES (%s, tenant(), 'asset', 2, %s)",
        version,
        asset,
    )
    world.grant(user.user, version)
    with world.app() as conn:
        assert access.can(conn, user, asset, "view")
        assert access.can(conn, user, version, "view")
        assert access.revoke(conn, user.user, version) == 1
        assert not access.can(conn, user, asset, "view")


def test_an_expired_grant_counts_for_nothing_and_can_be_renewed(world: World) -> None:
    user, asset = world.user(), world.asset()
    world.grant(user.user, asset, "viewer", LONG_AGO)
    assert _seen(world, user) == set()
    world.grant(user.user, asset, "viewer", LATER)
    assert _seen(world, user) == {asset}


def test_absent_and_invisible_look_alike_and_a_missing_right_is_named(world: World) -> None:
    user, asset = world.user(), world.asset()
    with world.app() as conn:
        for entity in (asset, world.make.lineage()):
            with pytest.raises(NotFound, match=f"nothing is known here as {entity}"):
                access.require(conn, user, entity, "view")
    world.grant(user.user, asset)
    with world.app() as conn:
        access.require(conn, user, asset, "view")
        with pytest.raises(Denied, match="may not delete"):
            access.require(conn, user, asset, "delete")


def test_a_right_alone_is_not_sight(world: World) -> None:
    user, asset = world.user(), world.asset()
    world.grant(user.user, asset, "export")
    assert _seen(world, user) == set()
    assert _listed(world, user) == set()


def test_other_tenants_can_neither_be_seen_nor_granted(world: World) -> None:
    other = world.neighbour()
    theirs, admin = other.asset(), world.user("admin")
    assert theirs not in _seen(world, admin)
    with world.app() as conn:
        assert not access.can(conn, admin, theirs, "view")
    with pytest.raises(NotFound):
        world.grant(admin.user, theirs)
    with pytest.raises(Invalid, match="no user or group"):
        world.grant(other.user().user, world.asset())


def test_a_bad_grant_is_refused(world: World) -> None:
    user, asset = world.user(), world.asset()
    with pytest.raises(Invalid, match="unknown permission 'king'"):
        world.grant(user.user, asset, "king")
    with pytest.raises(Invalid, match="a segment cannot be granted"):
        world.grant(user.user, world.segment(asset))


def test_every_change_makes_cached_decisions_void(world: World) -> None:
    user, group, collection = world.user(), world.group(), world.collection()
    asset = world.asset()

    def changes(act: object) -> bool:
        with world.app() as conn:
            before = access.revision(conn)
            act(conn)  # type: ignore[operator]
            return access.revision(conn) > before

    new = access.NewGrant(world.make.token(), user.user, asset, "viewer")
    assert changes(lambda conn: access.grant(conn, new))
    assert changes(lambda conn: access.revoke(conn, user.user, asset))
    assert not changes(lambda conn: access.revoke(conn, user.user, asset))
    assert changes(lambda conn: memberships.add(conn, collection, asset))
    assert not changes(lambda conn: memberships.add(conn, collection, asset))
    assert changes(lambda conn: memberships.move(conn, collection, world.collection()))
    assert changes(lambda conn: memberships.remove(conn, collection, asset))
    assert changes(lambda conn: people.join(conn, group, user.user))
    assert changes(lambda conn: people.leave(conn, group, user.user))


def test_a_collection_cannot_lie_in_itself(world: World) -> None:
    outer = world.collection()
    inner = world.collection(outer)
    with world.app() as conn, pytest.raises(Invalid, match="in itself"):
        memberships.move(conn, outer, inner)


def test_only_collections_hold_assets(world: World) -> None:
    with world.app() as conn, pytest.raises(NotFound, match="no collection"):
        memberships.add(conn, world.asset(), world.asset())


def test_user_permissions_has_the_shape_of_the_spec(world: World) -> None:
    user, group, asset = world.user(), world.group(), world.asset()
    with world.app() as conn:
        people.join(conn, group, user.user)
    world.grant(user.user, asset, "viewer")
    world.grant(group, asset, "export")
    world.grant(group, asset, "delete", LONG_AGO)
    assert world.run("SELECT * FROM user_permissions") == [(user.user, asset, ["export", "viewer"])]


@pytest.mark.parametrize("seed", range(4))
def test_visibility_agrees_with_walking_the_collections(world: World, seed: int) -> None:
    """Random changes, then every user against an oracle that only knows parents and members."""
    draw = random.Random(seed)
    collections = [world.collection() for _ in range(6)]
    assets = [world.asset() for _ in range(8)]
    users, group = [world.user() for _ in range(3)], world.group()
    parents: dict[UUID, UUID | None] = dict.fromkeys(collections)
    members: set[tuple[UUID, UUID]] = set()
    with world.app() as conn:
        for _ in range(60):
            collection, asset = draw.choice(collections), draw.choice(assets)
            match draw.randrange(3):
                case 0:
                    memberships.add(conn, collection, asset)
                    members.add((collection, asset))
                case 1:
                    memberships.remove(conn, collection, asset)
                    members.discard((collection, asset))
                case 2:
                    parent = draw.choice([None, *collections])
                    if parent is None or collection not in _above({parent}, parents, members):
                        memberships.move(conn, collection, parent)
                        parents[collection] = parent
    grants: dict[UUID, set[UUID]] = {}
    for subject in (*(user.user for user in users), group):
        for entity in draw.sample([*collections, *assets], 2):
            until = draw.choice([None, LATER, LONG_AGO])
            world.grant(subject, entity, draw.choice(["viewer", "owner"]), until)
            if until != LONG_AGO:
                grants.setdefault(subject, set()).add(entity)
    for user in users:
        caller = Caller(world.tenant, user.user, (user.user, group))
        held = grants.get(user.user, set()) | grants.get(group, set())
        expected = {
            entity
            for entity in (*collections, *assets)
            if held & _above({entity}, parents, members)
        }
        assert _seen(world, caller) == expected
        assert _listed(world, caller) == expected
        with world.app() as conn:
            assert {each for each in assets if access.can(conn, caller, each, "view")} == (
                expected & set(assets)
            )


def _above(
    start: set[UUID], parents: dict[UUID, UUID | None], members: set[tuple[UUID, UUID]]
) -> set[UUID]:
    """Return these and every collection above them."""
    found, todo = set(start), list(start)
    while todo:
        at = todo.pop()
        over = {collection for collection, asset in members if asset == at} | {parents.get(at)}
        new = {each for each in over if each is not None} - found
        found |= new
        todo += new
    return found
