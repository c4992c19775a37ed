"""The rules of who may do what."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from dataflux.permissions import GRANTS, Caller, Grant, Verb, allowed, granting

NOW = datetime(2026, 5, 1, tzinfo=UTC)
ID = UUID(int=1)


def _caller(*roles: str) -> Caller:
    return Caller(ID, ID, (ID,), frozenset(roles))


def _verbs(*grants: str, roles: tuple[str, ...] = ()) -> set[str]:
    held = [Grant(grant) for grant in grants]
    return {verb for verb in Verb if allowed(_caller(*roles), held, verb, NOW)}


@pytest.mark.parametrize(
    ("grants", "verbs"),
    [
        ((), set()),
        (("viewer",), {"view"}),
        (("editor",), {"view", "edit", "analyze"}),
        (("owner",), {"view", "edit", "analyze", "export", "delete", "share"}),
        (("viewer", "export"), {"view", "export"}),
        (("viewer", "api"), {"view", "api"}),
    ],
)
def test_a_grant_allows_its_verbs_and_no_other(grants: tuple[str, ...], verbs: set[str]) -> None:
    assert _verbs(*grants) == verbs


@pytest.mark.parametrize(
    ("role", "verbs"),
    [
        ("admin", set(Verb)),
        ("operator", {"view", "analyze", "api"}),
        ("viewer", {"view", "api"}),
        ("unknown", set()),
    ],
)
def test_a_role_of_the_system_holds_everywhere(role: str, verbs: set[str]) -> None:
    assert _verbs(roles=(role,)) == verbs


def test_each_level_includes_the_one_below() -> None:
    assert GRANTS["owner"] > GRANTS["editor"] > GRANTS["viewer"]


def test_a_right_alone_does_not_make_its_entity_visible() -> None:
    assert _verbs("export", "delete") == set()
    assert _verbs("export", roles=("viewer",)) == {"view", "api", "export"}


def test_a_grant_ends_at_its_time() -> None:
    second = timedelta(seconds=1)
    for until, may in ((NOW - second, False), (NOW, False), (NOW + second, True), (None, True)):
        assert allowed(_caller(), [Grant("viewer", until)], "view", NOW) is may


def test_only_levels_grant_sight() -> None:
    assert granting("view") == ("viewer", "editor", "owner")
    assert set(granting("export")) == {"owner", "export"}


def test_roles_of_the_system_see_all() -> None:
    assert all(_caller(role).sees_all for role in ("admin", "operator", "viewer"))
    assert not _caller().sees_all
    assert not _caller("nobody").sees_all
