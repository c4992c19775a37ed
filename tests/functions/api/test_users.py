"""Who is here, who may do what, and how an admin sees what another user sees."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from dataflux.permissions import Role
from functions.api.callers import AS_USER
from tests.fixtures.platform import Platform
from tests.functions.api.asking import check_problem, client, stranger, upload

WORDS = {"query": "otters kelp"}


@pytest.fixture
def admin(platform: Platform) -> TestClient:
    return client(platform, stranger(platform, Role.ADMIN))


def add(admin: TestClient, name: str, *roles: str) -> str:
    answer = admin.post("/api/v1/users", json={"name": name, "roles": list(roles)})
    assert answer.status_code == 201, answer.text
    token: str = answer.json()["token"]
    return token


def give(http: TestClient, asset: str, user: str, permission: str = "viewer", **more: Any) -> Any:
    asked = {"user": user, "permission": permission, **more}
    return http.post(f"/api/v1/assets/{asset}/grants", json=asked)


def seen(http: TestClient, asset: str, **headers: str) -> list[Any]:
    """Return all that is shown to somebody, whichever way they look."""
    asked: dict[str, Any] = {"headers": headers}
    found = http.post("/api/v1/search", json=WORDS, **asked).json()
    return [
        [hit["address"] for hit in found["hits"]],
        http.get("/api/v1/assets", **asked).json()["items"],
        http.get(f"/api/v1/assets/{asset}", **asked).status_code,
        len(http.get("/api/v1/events", **asked).json()["items"]),
    ]


def test_an_admin_sees_what_another_user_sees(
    http: TestClient, platform: Platform, admin: TestClient
) -> None:
    asset = upload(http)["id"]
    platform.pump()
    alice = client(platform, add(admin, "alice"))
    assert seen(admin, asset, **{AS_USER: "alice"}) == seen(alice, asset) == [[], [], 404, 0]
    assert seen(admin, asset)[0] != []
    assert give(http, asset, "alice").status_code == 204
    assert seen(admin, asset, **{AS_USER: "alice"}) == seen(alice, asset)
    assert seen(alice, asset)[0] != []
    assert http.delete(f"/api/v1/assets/{asset}/grants/alice").status_code == 204
    assert seen(admin, asset, **{AS_USER: "alice"}) == [[], [], 404, 0]


def test_as_another_user_one_only_looks(http: TestClient, admin: TestClient) -> None:
    add(admin, "alice", "admin")
    asset = upload(http)["id"]
    for method, place in (
        ("POST", "/api/v1/assets"),
        ("DELETE", f"/api/v1/assets/{asset}"),
        ("POST", f"/api/v1/assets/{asset}/retry"),
        ("POST", "/api/v1/users"),
        ("PUT", f"/api/v1/assets/{asset}"),
    ):
        body = check_problem(admin.request(method, place, headers={AS_USER: "alice"}), 403)
        assert "one only looks" in body["detail"]


@pytest.mark.parametrize("role", [None, Role.VIEWER, Role.OPERATOR])
def test_only_an_admin_looks_as_another(
    platform: Platform, admin: TestClient, role: Role | None
) -> None:
    add(admin, "alice")
    someone = client(platform, stranger(platform, *([role] if role else [])))
    check_problem(someone.get("/api/v1/assets", headers={AS_USER: "alice"}), 403)
    check_problem(someone.get("/api/v1/users"), 403)
    check_problem(someone.post("/api/v1/users", json={"name": "eve"}), 403)


def test_who_is_not_here_is_named(admin: TestClient) -> None:
    body = check_problem(admin.get("/api/v1/assets", headers={AS_USER: "nobody"}), 404)
    assert "dataflux users list" in body["detail"] + body["mend"]


def test_a_superadmin_s_rights_are_not_lent(platform: Platform, admin: TestClient) -> None:
    with platform.deps.engine.system("admin") as conn:
        conn.execute(
            "UPDATE users SET roles = roles || '{superadmin}'::text[] WHERE id = %s",
            [platform.caller.user],
        )
        (name,) = conn.execute(
            "SELECT name FROM users WHERE id = %s", [platform.caller.user]
        ).fetchone() or ("",)
    mine = client(platform, platform.token)
    assert mine.get("/api/v1/sources").status_code == 200
    check_problem(admin.post("/api/v1/sources", json={}, headers={AS_USER: name}), 403)
    assert admin.get("/api/v1/assets", headers={AS_USER: name}).status_code == 200
    as_owner = admin.get("/api/v1/dead-letters", headers={AS_USER: name})
    check_problem(as_owner, 403)


def test_nobody_gives_more_than_they_hold(
    http: TestClient, platform: Platform, admin: TestClient
) -> None:
    asset = upload(http)["id"]
    platform.pump()
    sharer = client(platform, add(admin, "sharer"))
    add(admin, "alice")
    check_problem(give(sharer, asset, "alice"), 404)
    assert give(http, asset, "sharer").status_code == 204
    check_problem(give(sharer, asset, "alice"), 403)
    assert give(http, asset, "sharer", "share").status_code == 204
    assert give(sharer, asset, "alice").status_code == 204
    check_problem(give(sharer, asset, "sharer", "owner"), 403)
    check_problem(give(sharer, asset, "alice", "editor"), 403)
    check_problem(sharer.delete(f"/api/v1/assets/{asset}/grants/alice"), 403)


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "a b"}, "name"),
        ({"name": "eve", "roles": ["superadmin"]}, "roles.0"),
        ({"name": "eve", "token": "x"}, "token"),
    ],
)
def test_a_wrong_user_is_refused(admin: TestClient, asked: dict[str, Any], field: str) -> None:
    body = check_problem(admin.post("/api/v1/users", json=asked), 422)
    assert body["errors"][0]["field"] == field


def test_a_name_is_given_once_and_a_token_told_once(platform: Platform, admin: TestClient) -> None:
    token = add(admin, "alice", "viewer")
    check_problem(admin.post("/api/v1/users", json={"name": "alice"}), 409)
    found = admin.get("/api/v1/users").json()["items"]
    (alice,) = [user for user in found if user["name"] == "alice"]
    assert alice["roles"] == ["viewer"]
    assert token not in str(found)
    assert client(platform, token).get("/api/v1/assets").status_code == 200
