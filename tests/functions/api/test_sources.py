"""Sources over HTTP: who may say whose a bucket is, and who may tell of its objects."""

import json
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from starlette.testclient import TestClient

from dataflux.permissions import Role
from dataflux.settings import Settings
from stores.records import people
from tests.fixtures.bucketed import Bucketed
from tests.functions.api.asking import check_problem, client, stranger
from tests.functions.api.test_contract import check, schema

__all__ = ["schema"]
PLACE = "/api/v1/sources"


@pytest.fixture
def http(bucketed: Bucketed) -> TestClient:
    """A client of who runs the installation."""
    return client(bucketed.platform, stranger(bucketed.platform, Role.SUPERADMIN))


def _asked(bucketed: Bucketed, **more: Any) -> dict[str, Any]:
    return {"name": "films", "bucket": bucketed.bucket, "prefix": "films/"} | more


def _message(*records: dict[str, Any]) -> bytes:
    return json.dumps({"Records": records}).encode()


def test_a_source_is_added_told_of_and_removed(
    bucketed: Bucketed, http: TestClient, schema: dict[str, Any]
) -> None:
    answer = http.post(PLACE, json=_asked(bucketed, lane="low"))
    added = check(schema, "sources_add", answer)
    assert answer.headers["location"] == f"{PLACE}/{added['id']}"
    told = _message(bucketed.put("films/a.md", b"# Otters\n"))
    teller = client(bucketed.platform, None)
    bearer = {"authorization": f"Bearer {added['secret']}"}
    counts = check(
        schema, "sources_notify", teller.post(added["notifications"], content=told, headers=bearer)
    )
    assert counts == {"taken": 1, "known": 0, "ignored": 0, "kept": 0}
    address = f"{added['notifications']}?token={added['secret']}"
    assert teller.post(address, content=told).json()["known"] == 1
    bucketed.platform.pump()
    listed = check(schema, "sources_list", http.get(PLACE))["items"]
    shown = {k: v for k, v in added.items() if k not in ("secret", "notifications")}
    assert shown in listed
    assert added["secret"] not in json.dumps(listed)
    assert http.delete(f"{PLACE}/{added['id']}").status_code == 204
    check_problem(http.delete(f"{PLACE}/{added['id']}"), 404)
    check_problem(teller.post(address, content=told), 401)
    assert len(http.get("/api/v1/assets").json()["items"]) == 1


@pytest.mark.parametrize("secret", ["", "wrong", "df_" + "x" * 43, "é\ud800"[:1]])
def test_only_who_knows_the_secret_may_tell(
    bucketed: Bucketed, http: TestClient, secret: str
) -> None:
    added = http.post(PLACE, json=_asked(bucketed)).json()
    told = _message(bucketed.put("films/a.md", b"# Otters\n"))
    for place in (added["notifications"], f"{PLACE}/{uuid4()}/notifications"):
        answer = client(bucketed.platform, None).post(f"{place}?token={secret}", content=told)
        check_problem(answer, 401)
    own = client(bucketed.platform, bucketed.platform.token)
    check_problem(own.post(added["notifications"], content=told), 401)


def test_a_secret_tells_of_one_source_only(bucketed: Bucketed, http: TestClient) -> None:
    films = http.post(PLACE, json=_asked(bucketed)).json()
    http.post(PLACE, json=_asked(bucketed, name="other", prefix="other/"))
    told = _message(bucketed.put("other/a.md", b"a"), bucketed.put("nobody/b.md", b"b"))
    answer = http.post(f"{films['notifications']}?token={films['secret']}", content=told)
    check_problem(answer, 401)  # the bearer token of the client comes first
    teller = client(bucketed.platform, None)
    answer = teller.post(f"{films['notifications']}?token={films['secret']}", content=told)
    assert answer.json() == {"taken": 0, "known": 0, "ignored": 1, "kept": 1}


def test_what_cannot_be_read_is_kept_and_said(bucketed: Bucketed, http: TestClient) -> None:
    added = http.post(PLACE, json=_asked(bucketed)).json()
    teller = client(bucketed.platform, None)
    address = f"{added['notifications']}?token={added['secret']}"
    assert teller.post(address, content=b"{").json()["kept"] == 1
    check_problem(teller.post(address, content=b"x" * (1 << 20) + b"x"), 413)
    operator = client(bucketed.platform, stranger(bucketed.platform, Role.OPERATOR))
    (letter,) = operator.get("/api/v1/dead-letters").json()["items"]
    assert (letter["function"], letter["topic"]) == ("notify", "webhook/films")
    assert letter["detail"] == "a notification is no JSON"


@pytest.mark.parametrize(("role", "lists"), [(None, 403), (Role.OPERATOR, 403), (Role.ADMIN, 200)])
def test_whose_a_bucket_is_only_the_installation_says(
    bucketed: Bucketed, role: str | None, lists: int
) -> None:
    http = client(bucketed.platform, stranger(bucketed.platform, *([role] if role else [])))
    assert http.get(PLACE).status_code == lists
    check_problem(http.post(PLACE, json=_asked(bucketed)), 403)
    check_problem(http.delete(f"{PLACE}/{uuid4()}"), 403)


@pytest.mark.parametrize(
    ("wrong", "status", "problem"),
    [
        ({"bucket": "no-such-bucket"}, 422, "no bucket 'no-such-bucket'"),
        ({"bucket": "../x"}, 422, "bucket"),
        ({"name": "Films!"}, 422, "name"),
        ({"lane": "fast"}, 422, "lane"),
        ({"prefix": "x" * 1025}, 422, "prefix"),
        ({"colour": "red"}, 422, "colour"),
        ({"collection": str(uuid4())}, 404, "no collection"),
        ({"owner": str(uuid4())}, 422, "unknown user"),
        ({"tenant": str(uuid4())}, 422, "owner"),
        ({"name": "inbox"}, 409, "name is taken"),
    ],
)
def test_a_wrong_source_is_refused(
    bucketed: Bucketed, http: TestClient, wrong: dict[str, Any], status: int, problem: str
) -> None:
    answer = http.post(PLACE, json=_asked(bucketed, **wrong))
    check_problem(answer, status)
    assert problem in answer.text


def test_the_inbox_stays(bucketed: Bucketed, http: TestClient) -> None:
    tenant = str(bucketed.platform.caller.tenant)
    listed = http.get(PLACE).json()["items"]
    (inbox,) = [s for s in listed if s["name"] == "inbox" and s["tenant"] == tenant]
    assert inbox["bucket"] is None
    check_problem(http.delete(f"{PLACE}/{inbox['id']}"), 409)


def test_what_we_derive_never_comes_in(bucketed: Bucketed, moto: str) -> None:
    deps = bucketed.platform.deps
    ours = f"s3://{bucketed.bucket}/dataflux?endpoint={moto}&region=us-east-1"
    bucketed.platform.deps = replace(deps, settings=Settings(home=deps.settings.home, objects=ours))
    http = client(bucketed.platform, stranger(bucketed.platform, Role.SUPERADMIN))
    for prefix in ("", "data", "dataflux/", "dataflux/derived/"):
        answer = http.post(PLACE, json=_asked(bucketed, prefix=prefix))
        check_problem(answer, 422)
        assert "must lie apart" in answer.text
    assert http.post(PLACE, json=_asked(bucketed)).status_code == 201
    told = bucketed.tell(bucketed.put("dataflux/derived/x.png", b"x"))
    assert told == {"taken": 0, "known": 0, "ignored": 1, "kept": 0}


def test_a_source_of_another_tenant_has_its_owner(bucketed: Bucketed, http: TestClient) -> None:
    deps, other, owner = bucketed.platform.deps, uuid4(), uuid4()
    with deps.engine.session(other, "admin") as conn:
        conn.execute("INSERT INTO tenants (id, name) VALUES (%s, %s)", [other, str(other)])
        people.create_user(conn, owner, "owner")
    theirs = {"tenant": str(other), "owner": str(owner)}
    added = http.post(PLACE, json=_asked(bucketed, **theirs)).json()
    assert (added["tenant"], added["owner"]) == (str(other), str(owner))
    mine = http.post(PLACE, json=_asked(bucketed, name="mine", prefix=""))
    check_problem(mine, 409)
