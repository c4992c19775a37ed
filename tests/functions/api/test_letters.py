"""Dead letters over HTTP: for operators, each tenant its own, and nothing done by accident."""

import base64
from typing import Any
from uuid import uuid4

import pytest
from starlette.testclient import TestClient

from dataflux.permissions import Role
from events import codec
from events.bus import Delivery
from events.event import Event
from functions.disposition import Disposition
from functions.hosts.given_up import GivenUp
from tests.fixtures.platform import Platform
from tests.functions.api.asking import NOTES, check_problem, client, stranger, upload

PLACE = "/api/v1/dead-letters"


def bury(platform: Platform, event: Event | None, raw: bytes = b"\xff{") -> str:
    value = codec.dumps(event) if event else raw
    delivery = Delivery("dataflux.segment.indexed", 1, 5, value, event, "no JSON")
    why = Disposition("failed", "KeyError: x") if event else Disposition("unreadable", "no JSON")
    now = platform.deps.clock.now()
    letter = GivenUp("relate", delivery, why, 3, now, now).letter()
    platform.deps.engine.bury(letter)
    return str(letter.id)


@pytest.fixture
def letters(platform: Platform, http: TestClient) -> list[str]:
    """Bury some events of notes that are in; return the ids of the letters."""
    upload(http, "notes.md", NOTES)
    platform.pump()
    return [bury(platform, event) for event in platform.facts("segment.indexed")]


@pytest.fixture
def operator(platform: Platform) -> TestClient:
    return client(platform, stranger(platform, Role.OPERATOR))


def post(http: TestClient, action: str, **asked: Any) -> dict[str, Any]:
    answer = http.post(f"{PLACE}/{action}", json=asked)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_letter_shows_its_message_as_it_came(
    platform: Platform, operator: TestClient, letters: list[str]
) -> None:
    shown = operator.get(f"{PLACE}/{letters[0]}").json()
    event = platform.facts("segment.indexed")[0]
    assert base64.b64decode(shown["message"]) == codec.dumps(event)
    assert shown["event"]["id"] == shown["event_id"] == event.id
    assert (shown["function"], shown["reason"], shown["attempts"]) == (
        "relate",
        "function_failed",
        3,
    )
    assert shown["origin"]["partition"] == 1
    assert base64.b64decode(shown["origin"]["knativeerrordata"]) == b"KeyError: x"


def test_nothing_is_done_unless_it_is_said(operator: TestClient, letters: list[str]) -> None:
    looked = post(operator, "retry", all=True)
    assert (looked["dry_run"], looked["matched"], looked["done"]) == (
        True,
        len(letters),
        len(letters),
    )
    assert len(operator.get(PLACE).json()["items"]) == len(letters)
    done = post(operator, "retry", all=True, dry_run=False)
    assert (done["dry_run"], done["done"]) == (False, len(letters))
    assert operator.get(PLACE).json()["items"] == []
    assert post(operator, "retry", all=True, dry_run=False)["matched"] == 0
    retried = operator.get(PLACE, params={"state": "retried"}).json()["items"]
    assert {x["id"] for x in retried} == set(letters)


def test_letters_are_chosen_by_id_by_group_and_by_filter(
    operator: TestClient, letters: list[str]
) -> None:
    (group,) = operator.get(f"{PLACE}/groups").json()["items"]
    assert (group["count"], group["reason"]) == (len(letters), "function_failed")
    assert post(operator, "retry", ids=letters[:1])["matched"] == 1
    assert post(operator, "replay", group=group["group"])["matched"] == len(letters)
    assert post(operator, "discard", older_than_s=3600)["matched"] == 0
    assert post(operator, "discard", newer_than_s=3600, function="relate")["done"] == len(letters)
    assert post(operator, "retry", kind="piece")["matched"] == 0


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({}, "body"),
        ({"dry_run": False}, "body"),
        ({"ids": []}, "ids"),
        ({"ids": ["x"]}, "ids.0"),
        ({"everything": True}, "everything"),
        ({"older_than_s": -1, "all": True}, "older_than_s"),
    ],
)
def test_a_bad_choice_is_refused(operator: TestClient, asked: dict[str, Any], field: str) -> None:
    told = check_problem(operator.post(f"{PLACE}/discard", json=asked), 422)
    assert [error["field"] for error in told["errors"]] == [field]


def test_pages_of_letters_end(operator: TestClient, letters: list[str]) -> None:
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = operator.get(PLACE, params={"limit": 2, "cursor": cursor}).json()
        seen += [x["id"] for x in page["items"]]
        cursor = page["next_cursor"]
    assert sorted(seen) == sorted(letters)


def test_operators_see_their_tenants_letters_and_only_the_installations_admin_all(
    platform: Platform, http: TestClient, operator: TestClient, letters: list[str]
) -> None:
    nobodys = bury(platform, None, uuid4().bytes)
    event = platform.facts("segment.indexed")[0]
    strange = Event(
        "strange",
        event.type,
        event.source,
        event.time,
        event.data,
        None,
        {**event.extensions, "tenantid": str(uuid4())},
    )
    others = bury(platform, strange)
    assert {x["id"] for x in operator.get(PLACE).json()["items"]} == set(letters)
    for hidden in (nobodys, others, str(uuid4())):
        check_problem(operator.get(f"{PLACE}/{hidden}"), 404)
        assert post(operator, "discard", ids=[hidden], dry_run=False)["matched"] == 0
    with client(platform, stranger(platform, Role.SUPERADMIN)) as runner:
        found = {x["id"]: x for x in runner.get(PLACE, params={"limit": 500}).json()["items"]}
        assert {*letters, nobodys, others} <= set(found)
        assert found[nobodys]["tenant"] is None
        assert runner.get(f"{PLACE}/{nobodys}").json()["event"] is None
        mine = runner.get(PLACE, params={"tenant": str(platform.caller.tenant)}).json()["items"]
        assert {x["id"] for x in mine} == set(letters)
        assert post(runner, "discard", ids=[nobodys, others], dry_run=False)["done"] == 2
    for path in (PLACE, f"{PLACE}/groups", f"{PLACE}/{letters[0]}"):
        check_problem(http.get(path), 403)
    check_problem(http.post(f"{PLACE}/retry", json={"all": True}), 403)


def test_what_cannot_be_delivered_is_refused_and_says_why(platform: Platform) -> None:
    nobodys = bury(platform, None, uuid4().bytes)
    with client(platform, stranger(platform, Role.SUPERADMIN)) as runner:
        found = post(runner, "retry", ids=[nobodys], dry_run=False)
        assert (found["done"], found["refused"]) == (0, 1)
        assert "no JSON" in found["items"][0]["refused"]
