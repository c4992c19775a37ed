"""Replay: the same deliveries under new ids, from any function on; no row is doubled."""

from collections import Counter
from typing import Any

import pytest
from starlette.testclient import TestClient

from dataflux.permissions import Role
from stores.records import dead_letters
from tests.canonical import ROWS
from tests.fixtures.platform import Platform
from tests.functions.api.asking import NOTES, check_problem, client, stranger
from tests.functions.test_flow import picture


@pytest.fixture
def http(platform: Platform) -> Any:
    with client(platform, platform.token) as made:
        yield made


def kept(platform: Platform) -> dict[str, Counter[Any]]:
    """Return every row of the tenant, by content."""
    found = {}
    with platform.deps.engine.session(platform.caller.tenant, "worker") as conn:
        for name in ("assets", "segments", "texts", "features", "embeddings", "relationships"):
            found[name] = Counter(conn.execute(ROWS[name].encode()).fetchall())
    return found


def replayed(http: TestClient, asset: object, **asked: Any) -> dict[str, Any]:
    answer = http.post(f"/api/v1/assets/{asset}/replay", json=asked)
    assert answer.status_code == 202, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_replay_goes_through_every_function_and_changes_nothing(
    http: TestClient, platform: Platform
) -> None:
    asset = platform.drop("notes.md", NOTES).lineage
    platform.drop("red.png", picture((200, 20, 20)))
    platform.pump()
    before, delivered = kept(platform), list(platform.seen)
    platform.seen.clear()
    told = replayed(http, asset)
    platform.pump()
    again = [event for _, event in platform.seen if "replayof" in event.extensions]
    own = {e.id for _, e in delivered if e.extensions["entityid"] == str(asset)}
    assert {event.extensions["replayof"] for event in again} == own
    assert {event.id for event in again}.isdisjoint(own)
    assert {event.extensions["entityid"] for event in again} == {str(asset)}
    assert told["deliveries"] == len(own) == sum(told["types"].values())
    assert kept(platform) == before
    assert not platform.deps.engine.read(
        platform.caller.tenant, dead_letters.page, dead_letters.Selection()
    )


def test_a_replay_of_a_replay_sends_the_originals_once(
    http: TestClient, platform: Platform
) -> None:
    asset = platform.drop("notes.md", NOTES).lineage
    platform.pump()
    first = replayed(http, asset)
    platform.pump()
    again = replayed(http, asset)
    platform.pump()
    assert first["types"] == again["types"] == replayed(http, asset, dry_run=True)["types"]
    late = replayed(http, asset, **{"from": "relate"})["types"]
    assert late == {name: first["types"][name] for name in late}


def test_it_begins_where_it_is_told_to(http: TestClient, platform: Platform) -> None:
    asset = platform.drop("notes.md", NOTES).lineage
    platform.pump()
    platform.seen.clear()
    told = replayed(http, asset, **{"from": "project"})
    platform.pump()
    assert set(told["types"]) == {
        "segment.embedded",
        "segment.indexed",
        "asset.processing_completed",
    }
    assert {name for name, _ in platform.seen} == {"project", "relate"}


def test_a_lost_index_is_rebuilt_by_a_replay_from_project(
    http: TestClient, platform: Platform
) -> None:
    asset = platform.drop("notes.md", NOTES).lineage
    platform.pump()
    (event, *_) = platform.facts("segment.embedded")
    space, segment = event.data["spaces"][0], event.data["segment"]
    platform.deps.vectors.delete(space, platform.caller.tenant, asset)
    assert platform.deps.vectors.vector(space, segment, platform.caller.tenant) is None
    replayed(http, asset, **{"from": "project"})
    platform.pump()
    assert platform.deps.vectors.vector(space, segment, platform.caller.tenant) is not None


def test_only_the_version_that_is_named_is_replayed(http: TestClient, platform: Platform) -> None:
    first = platform.drop("notes.md", NOTES, name="notes.md").lineage
    platform.pump()
    platform.drop("notes.md", NOTES + b"\nMore.\n", name="notes.md")
    platform.pump()
    told = replayed(http, first, dry_run=True)
    assert told["id"] != str(first)
    assert told["types"]["object.created"] == 1
    assert told["types"]["work.segment"] == 1


def test_a_dry_run_sends_nothing(http: TestClient, platform: Platform) -> None:
    asset = platform.drop("notes.md", NOTES).lineage
    platform.pump()
    platform.seen.clear()
    assert replayed(http, asset, dry_run=True)["deliveries"] > 0
    platform.pump()
    assert platform.seen == []


def test_who_may_not_process_may_not_replay(http: TestClient, platform: Platform) -> None:
    asset = platform.drop("notes.md", NOTES).lineage
    place = f"/api/v1/assets/{asset}/replay"
    check_problem(http.post(place, json={}), 404)
    platform.pump()
    for role, status in ((None, 404), (Role.VIEWER, 403), (Role.OPERATOR, 202)):
        with client(platform, stranger(platform, *([role] if role else []))) as other:
            assert other.post(place, json={"dry_run": True}).status_code == status
    check_problem(http.post(place, json={"from": "nowhere"}), 422)
    check_problem(http.post(place, json={"form": "ingest"}), 422)
