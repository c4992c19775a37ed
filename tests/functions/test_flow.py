"""From a dropped file to a found moment, through every function, without threads."""

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any
from uuid import UUID

import pytest
from PIL import Image

from dataflux.errors import MediaFailed, StorageFull, Unavailable
from events import codec
from events.event import PREFIX, Event
from events.topics import topic_of
from events.types import validate
from functions.disposition import Disposition
from functions.intake import created
from functions.rerun import rerun
from functions.search.handler import search, similar
from functions.search.request import LikeSegment, SearchRequest, SimilarRequest
from functions.targets import BY_NAME
from functions.work import Outcome
from schemas.names import Lane, Reason
from stores.records import arrivals, assets, moments, renditions, runs, trace
from stores.records.assets import Asset
from stores.records.insert import insert
from tests.fixtures.platform import Platform

NOTES = "# Notes\n\nThe lighthouse keeper counts gulls.\n\nOtters sleep in kelp.\n"


def picture(color: tuple[int, int, int]) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (64, 48), color).save(out, "PNG")
    return out.getvalue()


def asset_of(platform: Platform, lineage: UUID) -> Asset:
    return platform.deps.engine.read(platform.caller.tenant, assets.get, lineage)


def found(platform: Platform, query: str, **asked: object) -> list[dict[str, object]]:
    request = SearchRequest.model_validate({"query": query, **asked})
    hits: list[dict[str, object]] = search(platform.deps, platform.caller, request)["hits"]
    return hits


def test_a_dropped_file_becomes_findable(platform: Platform) -> None:
    received = platform.drop("notes.md", NOTES.encode())
    platform.pump()
    asset = asset_of(platform, received.lineage)
    assert (asset.processing_status, asset.kind) == ("completed", "document")
    assert asset.indexed_at is not None
    (hit, *_) = found(platform, "otters")
    assert hit["filename"] == "notes.md"
    assert str(hit["address"]).startswith(f"asset:{received.lineage}@1#char=")
    assert hit["score"] == 1.0
    assert found(platform, "submarine xylophone") == []


def test_the_name_of_a_file_finds_it_at_its_beginning(platform: Platform) -> None:
    platform.drop("Herring_gull-2019 (final).md", NOTES.encode())
    platform.pump()
    (hit,) = found(platform, "herring gull final", group_by="asset")
    assert str(hit["address"]).endswith("@1#char=0,5")
    assert isinstance(hit["signals"], list)
    (words,) = [each for each in hit["signals"] if each["signal"] == "words"]
    assert (words["source"], words["snippet"]) == ("name", "Herring_gull-2019 (final).md")


def test_every_event_is_valid_and_says_nothing_of_the_content(platform: Platform) -> None:
    platform.drop("lighthouse-secret.md", NOTES.encode())
    platform.drop("red.png", picture((200, 20, 20)))
    platform.pump()
    assert {name for name, _ in platform.seen} >= {"ingest", "segment", "stitch", "analyze"}
    for _, event in platform.seen:
        validate(event)
        wire = codec.dumps(event).lower()
        for word in (b"keeper", b"gulls", b"otters", b"secret", b"red.png"):
            assert word not in wire


def test_events_name_their_cause_and_share_a_trace(platform: Platform) -> None:
    received = platform.drop("notes.md", NOTES.encode())
    platform.pump()
    (uploaded,) = platform.facts("asset.uploaded")
    (completed,) = platform.facts("asset.processing_completed")
    assert uploaded.extensions["entityid"] == str(received.lineage)
    assert uploaded.subject == f"assets/{received.lineage}"
    trace_id = uploaded.extensions["traceparent"].split("-")[1]
    assert completed.extensions["traceparent"].split("-")[1] == trace_id
    assert int(completed.extensions["hops"]) > int(uploaded.extensions["hops"])
    assert completed.extensions["causationid"]


def test_everything_may_come_twice(platform: Platform) -> None:
    received = platform.drop("notes.md", NOTES.encode())
    platform.pump(times=3)
    tenant = platform.caller.tenant
    asset = asset_of(platform, received.lineage)
    (run,) = platform.deps.engine.read(tenant, trace.trace, asset.id)
    assert run.run.to_index == 0
    for stage in run.stages:
        assert [p.state for p in stage.pieces] == ["done"] * len(stage.pieces)
        assert all(len(p.attempts) == 1 for p in stage.pieces)
    keys = [m.id for m in platform.deps.engine.read(tenant, moments.page, asset.id)]
    texts = platform.deps.engine.read(tenant, moments.texts, asset.lineage, keys)
    assert len(texts) == len({t.body for t in texts}) == 3
    assert len(platform.facts("asset.processing_completed")) == 1


def test_the_same_bytes_make_no_second_asset(platform: Platform) -> None:
    first = platform.drop("a.md", NOTES.encode())
    platform.pump()
    second = platform.drop("b.md", NOTES.encode())
    platform.pump()
    assert second.duplicate_of == first.lineage
    assert len(platform.facts("asset.uploaded")) == 1


def test_a_changed_file_is_the_next_version(platform: Platform) -> None:
    first = platform.drop("n.md", NOTES.encode(), name="n.md")
    platform.pump()
    second = platform.drop("n.md", b"# Notes\n\nBadgers dig at night.\n", name="n.md")
    platform.pump()
    assert second.lineage == first.lineage
    asset = asset_of(platform, first.lineage)
    assert (asset.version, asset.is_latest) == (2, True)
    assert [e.data["version"] for e in platform.facts("version.created")] == [2]
    assert found(platform, "badgers")
    assert found(platform, "otters") == []
    again = platform.drop("n.md", b"# Notes\n\nBadgers dig at night.\n", name="n.md")
    platform.pump()
    assert again.lineage == first.lineage
    assert asset_of(platform, first.lineage).version == 2


@pytest.mark.parametrize(
    ("filename", "data", "reason"),
    [
        ("empty.txt", b"", Reason.EMPTY_FILE),
        ("program", b"\x7fELF" + bytes(100), Reason.UNSUPPORTED_MEDIA_TYPE),
        ("broken.png", b"\x89PNG\r\n\x1a\n" + bytes(30), Reason.CORRUPT_MEDIA),
        ("list.mp4", b"#EXTM3U\nhttp://localhost/x\n", Reason.ACTIVE_CONTENT),
    ],
)
def test_what_cannot_be_processed_says_why(
    platform: Platform, filename: str, data: bytes, reason: Reason
) -> None:
    received = platform.drop(filename, data)
    platform.pump()
    asset = asset_of(platform, received.lineage)
    assert (asset.processing_status, asset.reason) == ("failed", reason)
    (failed,) = platform.facts("asset.processing_failed")
    assert failed.data["reason"] == reason


def test_a_piece_that_fails_leaves_a_reason(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> Outcome:
        raise MediaFailed(Reason.DECODER_CRASHED, "SIGSEGV")

    received = platform.drop("notes.md", NOTES.encode())
    monkeypatch.setattr("functions.segment.handler.handle", refuse)
    platform.pump()
    asset = asset_of(platform, received.lineage)
    assert (asset.processing_status, asset.reason) == ("failed", "decoder_crashed")


def test_a_part_that_fails_degrades(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> Outcome:
        raise MediaFailed(Reason.EMBEDDING_INVALID)

    received = platform.drop("notes.md", NOTES.encode())
    monkeypatch.setattr("functions.embed.handler.handle", refuse)
    platform.pump()
    asset = asset_of(platform, received.lineage)
    assert (asset.processing_status, asset.reason) == ("degraded", "embedding_invalid")
    assert asset.indexed_at is not None
    assert found(platform, "otters")


def test_what_was_found_before_a_failure_stays(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    extract = platform.deps.sandbox.extract

    def breaks_off(*args: Any) -> Iterator[Any]:
        yield from islice(extract(*args), 2)
        raise MediaFailed(Reason.CORRUPT_MEDIA, "the rest cannot be read")

    received = platform.drop("notes.md", NOTES.encode())
    monkeypatch.setattr(platform.deps.sandbox, "extract", breaks_off)
    platform.pump()
    asset = asset_of(platform, received.lineage)
    assert (asset.processing_status, asset.reason) == ("degraded", "corrupt_media")
    assert found(platform, "keeper")
    assert not found(platform, "kelp")


def test_an_original_that_is_gone_says_so(platform: Platform) -> None:
    received = platform.drop("notes.md", NOTES.encode())
    platform.pump(only="ingest")
    platform.deps.objects.delete(asset_of(platform, received.lineage).storage_path)
    platform.pump()
    asset = asset_of(platform, received.lineage)
    assert (asset.processing_status, asset.reason) == ("failed", "object_missing")


def test_a_full_store_is_tried_again_and_then_says_so(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> Outcome:
        raise StorageFull("no room")

    received = platform.drop("notes.md", NOTES.encode())
    with monkeypatch.context() as patched:
        patched.setattr("functions.segment.handler.handle", full)
        platform.pump()
    asset = asset_of(platform, received.lineage)
    assert (asset.processing_status, asset.reason) == ("failed", "insufficient_storage")


def test_a_bug_is_retried_and_then_given_up(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def bug(*_: object) -> Outcome:
        calls.append(1)
        raise RuntimeError("a bug")

    received = platform.drop("notes.md", NOTES.encode())
    monkeypatch.setattr("functions.stitch.handler.handle", bug)
    platform.pump()
    asset = asset_of(platform, received.lineage)
    assert len(calls) == platform.deps.engine.max_attempts
    assert (asset.processing_status, asset.reason) == ("failed", "attempts_exhausted")


def test_a_worker_that_wakes_up_late_changes_nothing(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the first worker sleeps past its lease, a second one does the piece."""
    import functions.segment.handler as handler

    platform.drop("notes.md", NOTES.encode())
    original = handler.handle
    nested: list[int] = []

    def slow(work, deps):  # type: ignore[no-untyped-def]
        outcome = original(work, deps)
        if not nested:
            nested.append(1)
            with deps.engine.session(work.tenant) as conn:
                conn.execute(
                    "UPDATE pieces SET lease_until = now() - interval '1 s' WHERE id = %s",
                    [work.piece],
                )
            BY_NAME["segment"].run(deps, [work.event])
        return outcome

    monkeypatch.setattr(handler, "handle", slow)
    platform.pump()
    (run,) = _runs(platform)
    (piece,) = run.stages[0].pieces
    assert [a.outcome for a in piece.attempts] == ["lost", "done"]
    assert run.run.state == "completed"
    segmented = platform.facts("asset.segmented")
    assert len(segmented) == 1


def _runs(platform: Platform) -> list[trace.TracedRun]:
    (uploaded,) = platform.facts("asset.uploaded")
    asset = UUID(uploaded.data["asset"])
    return platform.deps.engine.read(platform.caller.tenant, trace.trace, asset)


def test_a_rerun_takes_the_place_of_the_first(platform: Platform) -> None:
    received = platform.drop("notes.md", NOTES.encode())
    platform.pump()
    tenant = platform.caller.tenant
    asset = asset_of(platform, received.lineage)
    before = platform.deps.engine.read(tenant, moments.page, asset.id)
    run = rerun(platform.deps, tenant, asset)
    platform.pump()
    after = platform.deps.engine.read(tenant, moments.page, asset.id)
    assert len(after) == len(before)
    assert {m.run_id for m in after} == {run}
    assert {m.run_id for m in before} != {run}
    hits = found(platform, "otters")
    assert len({h["segment"] for h in hits}) == len(hits)
    assert platform.deps.engine.read(tenant, runs.get, run).state == "completed"


def test_a_rerun_that_fails_leaves_what_was_found(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> Outcome:
        raise MediaFailed(Reason.DECODER_CRASHED, "SIGSEGV")

    received = platform.drop("notes.md", NOTES.encode())
    platform.pump()
    before = asset_of(platform, received.lineage)
    monkeypatch.setattr("functions.segment.handler.handle", refuse)
    rerun(platform.deps, platform.caller.tenant, before)
    platform.pump()
    after = asset_of(platform, received.lineage)
    assert replace(after, updated_at=before.updated_at) == before
    (failed,) = platform.facts("asset.processing_failed")
    assert failed.data["reason"] == "decoder_crashed"
    assert found(platform, "otters")


def test_pictures_are_found_by_example_and_related(platform: Platform) -> None:
    red, reddish = (
        platform.drop("red.png", picture((200, 20, 20))),
        platform.drop("reddish.png", picture((205, 25, 22))),
    )
    platform.drop("blue.png", picture((10, 30, 180)))
    platform.pump()
    asset = asset_of(platform, red.lineage)
    tenant = platform.caller.tenant
    (segment,) = platform.deps.engine.read(tenant, moments.page, asset.id)
    request = SearchRequest(query=LikeSegment(segment=segment.id))
    hits = search(platform.deps, platform.caller, request)["hits"]
    assert [h["filename"] for h in hits] == ["reddish.png"]
    assert hits[0]["thumbnail"]
    answer = similar(platform.deps, platform.caller, SimilarRequest(entity_id=red.lineage))
    assert [h["lineage"] for h in answer["hits"]] == [str(reddish.lineage)]
    edges = [e.data for e in platform.facts("relationship.created")]
    assert [e["type"] for e in edges] == ["similar_to"]
    by_image = search(
        platform.deps, platform.caller, SearchRequest(query="x"), picture((202, 22, 20))
    )
    assert {h["filename"] for h in by_image["hits"]} == {"red.png", "reddish.png"}


def test_derived_objects_are_there(platform: Platform) -> None:
    received = platform.drop("red.png", picture((200, 20, 20)))
    platform.pump()
    tenant = platform.caller.tenant
    asset = asset_of(platform, received.lineage)
    (segment,) = platform.deps.engine.read(tenant, moments.page, asset.id)
    kept = platform.deps.engine.read(tenant, renditions.of, asset.lineage, [segment.id])
    assert {r.kind for r in kept} == {"keyframe", "thumbnail"}
    for rendition in kept:
        assert platform.deps.objects.head(rendition.object_key).sha256 == rendition.sha256


def test_the_relay_publishes_what_a_crash_left(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    from functions import engine

    received = platform.drop("notes.md", NOTES.encode())
    monkeypatch.setattr(engine.Engine, "_publish", lambda *_: None)  # dies after each commit
    monkeypatch.setattr(engine, "RELAY_AFTER_S", 0.0)
    for _ in range(20):
        platform.pump()
        if not platform.deps.engine.relay(100):
            break
    asset = asset_of(platform, received.lineage)
    assert asset.processing_status == "completed"


def test_reconcile_announces_lost_work_and_fails_the_exhausted(platform: Platform) -> None:
    platform.drop("notes.md", NOTES.encode())
    ingest = BY_NAME["ingest"]
    consumer = platform.deps.bus.subscribe("ingest", ingest.topics)
    platform.run(ingest, consumer.poll(1, 0))
    with platform.deps.engine.session(platform.caller.tenant) as conn:
        conn.execute("UPDATE pieces SET emitted_at = now() - interval '1 hour'")
    before = len(list(platform.deps.bus.tail("dataflux.work.segment.high")))  # type: ignore[attr-defined]
    assert platform.deps.engine.emit_lost(60) == 1
    assert platform.deps.engine.emit_lost(60) == 0
    after = len(list(platform.deps.bus.tail("dataflux.work.segment.high")))  # type: ignore[attr-defined]
    assert after == before + 1
    with platform.deps.engine.session(platform.caller.tenant) as conn:
        conn.execute("UPDATE pieces SET attempts = max_attempts")
    assert platform.deps.engine.fail_exhausted() == 1
    (failed,) = platform.facts("asset.processing_failed")
    assert failed.data == json.loads(json.dumps(failed.data)) | {"reason": "attempts_exhausted"}


def test_reconcile_announces_an_arrival_that_nobody_took(platform: Platform) -> None:
    received = platform.drop("notes.md", NOTES.encode())
    consumer = platform.deps.bus.subscribe("ingest", BY_NAME["ingest"].topics)
    for delivery in consumer.poll(10, 0):
        consumer.ack(delivery)  # given up, or lost
    platform.pump()
    assert platform.facts("asset.uploaded") == []
    with platform.deps.engine.session(platform.caller.tenant) as conn:
        conn.execute("UPDATE arrivals SET announced_at = now() - interval '1 hour'")
    for _ in range(2):  # the second finds it announced just now
        BY_NAME["reconcile"].run(platform.deps, [tick()])
    assert len(platform.facts("object.created")) == 2
    platform.pump()
    assert asset_of(platform, received.lineage).processing_status == "completed"


def tick() -> Event:
    now = datetime.now(UTC)
    return Event("tick", f"{PREFIX}timer.tick", "/test", now, {"timer": "reconcile"})


def test_an_analyzer_that_fails_degrades_and_says_why(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox, original = platform.deps.sandbox, platform.deps.sandbox.analyze

    def one_fails(segments, *given):  # type: ignore[no-untyped-def]
        yield from original(segments, *given)
        for segment in segments[:1]:  # what is read in the second round may be nothing
            yield segment.key, "language@1", MediaFailed(Reason.DECODER_CRASHED, "SIGSEGV")

    received = platform.drop("notes.md", NOTES.encode())
    monkeypatch.setattr(sandbox, "analyze", one_fails)
    platform.pump()
    asset = asset_of(platform, received.lineage)
    assert (asset.processing_status, asset.reason) == ("degraded", "decoder_crashed")
    assert found(platform, "otters")


def test_a_commit_that_fails_gives_the_piece_back(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []

    def down_once(conn, tenant, rows, **named):  # type: ignore[no-untyped-def]
        if rows and not calls:
            calls.append(1)
            raise Unavailable("postgres: is down; try again")
        return insert(conn, tenant, rows, **named)

    monkeypatch.setattr("functions.engine.insert", down_once)
    received = platform.drop("notes.md", NOTES.encode())
    platform.pump()
    assert asset_of(platform, received.lineage).processing_status == "completed"
    (run,) = _runs(platform)
    attempts = [a.outcome for s in run.stages if s.stage == "stitch" for a in s.pieces[0].attempts]
    assert attempts == ["released", "done"]


def test_a_batch_over_one_function_drops_nothing(platform: Platform) -> None:
    first = platform.drop("a.md", NOTES.encode())
    second = platform.drop("b.md", b"# Other\n\nBadgers dig at night.\n")
    events = platform.facts("object.created")
    assert BY_NAME["ingest"].run(platform.deps, events) == Disposition.DONE
    for received in (first, second):
        assert asset_of(platform, received.lineage).processing_status == "uploaded"


def test_an_event_without_a_proper_tenant_is_refused(platform: Platform) -> None:
    platform.drop("a.md", NOTES.encode())
    (event,) = platform.facts("object.created")
    bad = replace(event, extensions={**event.extensions, "tenantid": "nobody"})
    assert BY_NAME["ingest"].run(platform.deps, [bad]) == Disposition.INVALID


def test_a_source_that_floods_a_lane_is_demoted(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dataflux.policy.FLOOD", 2)
    for n in range(4):
        platform.drop(f"{n}.md", f"# Notes {n}\n".encode())
    ingest = BY_NAME["ingest"]
    consumer = platform.deps.bus.subscribe("ingest", ingest.topics)
    while deliveries := consumer.poll(1, 0):
        platform.run(ingest, deliveries)
    with platform.deps.engine.session(platform.caller.tenant) as conn:
        lanes = conn.execute("SELECT lane, count(*) FROM runs GROUP BY 1 ORDER BY 1").fetchall()
    assert lanes == [("high", 2), ("normal", 2)]


def test_what_comes_in_waits_in_its_lane(platform: Platform) -> None:
    received = platform.drop("notes.md", NOTES.encode())
    (event,) = platform.facts("object.created")
    assert topic_of(event) == "dataflux.object.created.high"
    arrival = platform.deps.engine.read(
        platform.caller.tenant, arrivals.open_arrival, event.data["key"]
    )
    assert arrival is not None
    low = created(replace(arrival, bulk=True))
    assert (low.lane, low.lineage) == (Lane.LOW, received.lineage)
