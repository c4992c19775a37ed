"""The events of the bus through the API: all that happened, for those who may know of it."""

import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from dataflux.permissions import Role
from events import codec
from events.event import PREFIX, Event
from events.samples import sample
from functions import engine, history
from stores.records import access, outbox, people
from tests.fixtures.platform import Platform
from tests.functions.api.asking import check_problem, client, stranger, upload


def events(http: TestClient, **asked: Any) -> list[Event]:
    """Return all pages of an answer."""
    found: list[Event] = []
    page: dict[str, Any] = {"at_end": False, "next_cursor": None}
    while not page["at_end"]:
        answer = http.get("/api/v1/events", params={**asked, "cursor": page["next_cursor"] or ""})
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += [codec.from_dict(item["event"]) for item in page["items"]]
    return found


def names(found: list[Event]) -> set[str]:
    return {event.name for event in found}


def test_what_happened_to_an_asset_is_told(http: TestClient, platform: Platform) -> None:
    asset = upload(http)["id"]
    other = upload(http, "other.md", b"# Other\n\nBadgers dig.\n")["id"]
    assert names(events(http, entity=asset)) == {"object.created"}  # its sender may ask at once
    platform.pump()
    found = events(http, entity=asset)
    assert names(found) >= {"object.created", "asset.uploaded", "asset.processing_completed"}
    assert not any(event.name.startswith("work.") for event in found)
    assert {event.extensions["entityid"] for event in found} == {asset}
    assert {e.extensions["entityid"] for e in events(http)} == {asset, other}
    (uploaded,) = events(http, entity=asset, type="asset.uploaded")
    assert "work.segment" in names(events(http, cause=uploaded.extensions["causationid"], work=1))


def test_pages_follow_each_other_and_miss_nothing(http: TestClient, platform: Platform) -> None:
    upload(http)
    platform.pump()
    whole = sorted(event.id for event in events(http, work=True))
    assert len(whole) > 5
    assert sorted(event.id for event in events(http, work=True, limit=2)) == whole


def test_a_scan_that_is_cut_short_goes_on(
    http: TestClient, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload(http)
    platform.pump()
    whole = events(http, type="asset.processing_completed")
    monkeypatch.setattr(history, "SCANNED", 1)
    assert events(http, type="asset.processing_completed") == whole != []


def test_what_is_published_late_is_waited_for(
    http: TestClient, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is committed is told, though a crash or a busy machine comes before it is published."""
    asset = upload(http)["id"]
    platform.pump()
    lost = sample("asset.processing_completed")
    said = {"tenantid": str(platform.caller.tenant), "entityid": asset}
    lost = replace(lost, id="late", extensions={**lost.extensions, **said})
    with platform.deps.engine.session(platform.caller.tenant, "app") as conn:
        outbox.add(conn, platform.caller.tenant, [codec.to_dict(lost)])
    page = http.get("/api/v1/events", params={"entity": asset}).json()
    assert page["items"]
    assert not page["at_end"]
    other = upload(http, "other.md", b"# Other\n\nBadgers dig.\n")["id"]
    assert http.get("/api/v1/events", params={"entity": other}).json()["at_end"]
    monkeypatch.setattr(engine, "RELAY_AFTER_S", 0.0)
    platform.deps.engine.relay(10)
    asked = {"entity": asset, "cursor": page["next_cursor"]}
    page = http.get("/api/v1/events", params=asked).json()
    assert [item["event"]["id"] for item in page["items"]] == ["late"]
    assert page["at_end"]


def test_what_is_older_than_a_question_is_not_looked_at(
    http: TestClient, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = datetime.now(UTC)
    first = upload(http, "first.md", b"# First\n\nBadgers dig.\n")["id"]
    said = {"tenantid": str(platform.caller.tenant), "entityid": first}
    week = moment - timedelta(days=6)
    old = Event("e", PREFIX + "error.critical", "/t", week, {}, None, {})
    before = [
        replace(old, id=f"e{n}", extensions={**said, "partitionkey": f"{n}"}) for n in range(500)
    ]
    monkeypatch.setattr(time, "time", week.timestamp)
    platform.deps.bus.publish(before)
    monkeypatch.undo()
    asset = upload(http)["id"]
    platform.pump()
    monkeypatch.setattr(history, "SCANNED", 400)
    for asked in ({"entity": asset}, {"since": (moment - timedelta(hours=1)).isoformat()}):
        page = http.get("/api/v1/events", params={**asked, "limit": 500}).json()
        assert page["at_end"]
        found = [codec.from_dict(item["event"]) for item in page["items"]]
        assert {"object.created", "asset.processing_completed"} <= names(found)
        assert "error.critical" not in names(found)
    page = http.get("/api/v1/events", params={"limit": 500}).json()
    assert not page["at_end"]
    assert len(events(http, since=(week - timedelta(days=1)).isoformat())) > 500


def test_a_tail_begins_at_the_end_and_waits_for_what_comes(
    http: TestClient, platform: Platform
) -> None:
    upload(http)
    first = http.get("/api/v1/events", params={"from": "end"}).json()
    assert (first["items"], first["at_end"]) == ([], True)
    late = threading.Timer(0.3, platform.pump)
    late.start()
    began = time.monotonic()
    asked = {"cursor": first["next_cursor"], "wait": 15}
    page = http.get("/api/v1/events", params=asked).json()
    late.join()
    assert page["items"]
    assert time.monotonic() - began < 10


def test_others_hear_of_what_they_may_see_and_of_nothing_else(
    http: TestClient, platform: Platform
) -> None:
    asset = upload(http)["id"]
    platform.pump()
    with client(platform, stranger(platform)) as other:
        assert events(other, work=True) == []
        check_problem(other.get("/api/v1/events", params={"entity": asset}), 404)
    with client(platform, stranger(platform, Role.VIEWER)) as viewer:
        assert len(events(viewer, work=True)) == len(events(http, work=True))
    with client(platform, None) as nobody:
        check_problem(nobody.get("/api/v1/events"), 401)


def test_a_relation_is_told_to_those_who_may_see_both_ends(
    http: TestClient, platform: Platform
) -> None:
    mine, theirs = (platform.drop(n, f"# {n}\n".encode()).lineage for n in ("mine.md", "theirs.md"))
    platform.pump()
    ids = platform.deps.ids
    data = {
        "relationship": str(ids.token()),
        "source": str(mine),
        "target": str(theirs),
        "type": "similar_to",
        "strength": 0.9,
    }
    said = {"tenantid": str(platform.caller.tenant), "entityid": str(mine)}
    moment = datetime.now(UTC)
    event = Event("r1", PREFIX + "relationship.created", "/t", moment, data, None, said)
    platform.deps.bus.publish([event])
    assert [e.id for e in events(http, type="relationship.created") if e.id == "r1"] == ["r1"]
    tenant = platform.caller.tenant
    token = stranger(platform)
    with platform.deps.engine.system("app") as conn:
        other = people.authenticate(conn, token)
    with platform.deps.engine.session(tenant, "admin") as conn:
        access.grant(conn, access.NewGrant(ids.token(), other.user, mine, "viewer"))
    with client(platform, token) as reader:
        found = events(reader)
        assert found
        assert {e.extensions["entityid"] for e in found} == {str(mine)}
        assert "relationship.created" not in names(found)


def test_another_tenant_s_events_are_never_told(http: TestClient, platform: Platform) -> None:
    moment = datetime.now(UTC)
    for tenant in (str(platform.deps.ids.token()), "nonsense", None):
        said = {"entityid": str(platform.deps.ids.lineage())}
        said |= {"tenantid": tenant} if tenant else {}
        event = Event(f"e-{tenant}", PREFIX + "error.critical", "/t", moment, {}, None, said)
        platform.deps.bus.publish([event])
    with client(platform, stranger(platform, Role.ADMIN)) as admin:
        assert events(admin, work=True) == []


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"type": "no.such"}, "type"),
        ({"cursor": "!!"}, "cursor"),
        ({"cursor": "eJyrBQAAdQB5"}, "cursor"),
        ({"wait": 1000}, "wait"),
        ({"from": "middle"}, "from"),
        ({"since": "yesterday"}, "since"),
        ({"since": "2026-11-24T12:00:00"}, "since"),
    ],
)
def test_what_cannot_be_asked_is_named(http: TestClient, asked: dict[str, Any], field: str) -> None:
    body = check_problem(http.get("/api/v1/events", params=asked), 422)
    assert body["errors"][0]["field"] == field


def test_a_cursor_of_another_question_is_refused(http: TestClient) -> None:
    cursor = http.get("/api/v1/events", params={"type": "asset.uploaded"}).json()["next_cursor"]
    answer = http.get("/api/v1/events", params={"type": "object.created", "cursor": cursor})
    assert check_problem(answer, 422)["errors"][0]["field"] == "cursor"
