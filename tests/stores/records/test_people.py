"""Keys say who calls, without saying what they are."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from dataflux.errors import Invalid, Unauthenticated
from dataflux.permissions import Caller
from stores.records import people
from tests.world import World


def _key(world: World, caller: Caller, until: datetime | None = None) -> tuple[UUID, str]:
    key, token = world.make.token(), people.new_token(world.make.randomness)
    with world.app() as conn:
        people.add_key(conn, people.NewKey(key, caller.user, token, "laptop", until))
    return key, token


def _authenticated(world: World, token: str) -> Caller:
    """Ask as the API does: before any tenant is known."""
    with world.database.connection("app") as conn:
        return people.authenticate(conn, token)


def test_a_token_says_who_calls(world: World) -> None:
    user, group = world.user("operator"), world.group()
    with world.app() as conn:
        people.join(conn, group, user.user)
    world.neighbour().user()
    _, token = _key(world, user)
    assert _authenticated(world, token) == Caller(
        world.tenant, user.user, (user.user, group), frozenset({"operator"})
    )


@pytest.mark.parametrize("token", ["", "df_", "df_wrong", "\x00", "\ud800", "x" * 100_000])
def test_a_wrong_token_says_nothing(world: World, token: str) -> None:
    with pytest.raises(Unauthenticated, match="no valid API key"):
        _authenticated(world, token)


def test_keys_end(world: World) -> None:
    user = world.user()
    _, expired = _key(world, user, datetime(2020, 1, 1, tzinfo=UTC))
    key, revoked = _key(world, user)
    assert _authenticated(world, revoked).user == user.user
    with world.app() as conn:
        people.revoke_key(conn, key)
    for token in (expired, revoked):
        with pytest.raises(Unauthenticated):
            _authenticated(world, token)


def test_the_keys_of_a_disabled_user_are_void(world: World) -> None:
    user = world.user()
    _, token = _key(world, user)
    world.run("UPDATE users SET disabled_at = now() WHERE id = %s", user.user)
    with pytest.raises(Unauthenticated):
        _authenticated(world, token)


def test_only_the_hash_of_a_token_is_kept(world: World) -> None:
    _, token = _key(world, world.user())
    (row,) = world.run("SELECT k::text, length(hash) FROM api_keys k")
    assert token not in row[0]
    assert token.removeprefix("df_") not in row[0]
    assert row[1] == 32


def test_tokens_are_long_and_differ(world: World) -> None:
    tokens = {people.new_token(world.make.randomness) for _ in range(100)}
    assert len(tokens) == 100
    assert all(len(token) == 46 and token.startswith("df_") for token in tokens)


def test_people_of_another_tenant_are_unknown(world: World) -> None:
    other = world.neighbour()
    group, user, stranger = world.group(), world.user(), other.user()
    with world.app() as conn:
        with pytest.raises(Invalid, match="unknown user") as error:
            people.join(conn, group, stranger.user)
        assert list(error.value.fields) == ["user"]
        with pytest.raises(Invalid, match="unknown group"):
            people.join(conn, other.group(), user.user)
        with pytest.raises(Invalid, match="unknown user"):
            people.add_key(conn, people.NewKey(world.make.token(), stranger.user, "t"))


def test_roles_are_known_ones(world: World) -> None:
    with world.app() as conn:
        people.create_user(conn, world.make.token(), "a", ["admin"])
        people.create_group(conn, world.make.token(), "g")
        with pytest.raises(Invalid, match="unknown role king"):
            people.create_user(conn, world.make.token(), "b", ["king"])
