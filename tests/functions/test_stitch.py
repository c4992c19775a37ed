"""Derived objects of a film of several pieces: each can be asked for."""

from dataclasses import replace
from functools import partial
from typing import Any, cast
from uuid import UUID

from starlette.testclient import TestClient

from analyzers.api import Segment, Text
from analyzers.text.chapters import Spoken
from functions.stitch import handler
from functions.work import NewRun, Work
from schemas.names import Lane, Stage, Strategy
from stores.records import assets, runs
from stores.records.insert import insert
from tests.analyzers.text.test_chapters import BREAD, SEA, talk
from tests.fixtures.platform import Platform
from tests.functions.api.asking import check_problem, client, upload

MARK = {"time": 0.0}


def kept(platform: Platform, kind: str, segment: str | None, data: bytes) -> dict[str, Any]:
    info = platform.deps.objects.put(f"derived/{kind}-{data.decode()}", data)
    return {
        "kind": kind,
        "mime_type": "image/jpeg",
        "segment": segment,
        "metadata": {"tile": [160, 90]},
        "key": info.key,
        "size": info.size,
        "sha256": info.sha256,
    }


def work(platform: Platform, lineage: UUID) -> Work:
    asset = platform.deps.engine.read(platform.caller.tenant, assets.get, lineage)
    unused = cast("Any", None)
    token = platform.deps.ids.token()
    return Work(
        *(platform.caller.tenant, asset.lineage, asset.id, token, token, Stage.STITCH, Lane.HIGH),
        *(0, {}, 1, unused, unused, unused),
    )


def stitched(platform: Platform, http: TestClient) -> str:
    """Name the objects of a film of two pieces; return where the film is."""
    sent = upload(http)
    platform.pump()
    made = work(platform, UUID(sent["id"]))
    stored = [
        kept(platform, "sprite", None, b"first"),
        kept(platform, "keyframe", "gone", b"gone"),
        kept(platform, "keyframe", "scene", b"frame"),
        kept(platform, "sprite", None, b"second"),
    ]
    scene = Segment("scene", MARK, MARK, key="scene")
    rows = list(handler._renditions(made, [scene], stored))
    assert [(row.kind, row.metadata["number"]) for row in rows] == [
        ("sprite", 0),
        ("keyframe", 0),
        ("sprite", 1),
    ]
    with platform.deps.engine.session(platform.caller.tenant) as conn:
        insert(conn, platform.caller.tenant, [*handler._rows(made, "video@1", [scene]), *rows])
    return f"/api/v1/assets/{sent['id']}"


def test_each_sprite_sheet_of_a_film_is_served(platform: Platform) -> None:
    with client(platform, platform.token) as http:
        film = stitched(platform, http)
        for query, data in (("", b"first"), ("?sheet=0", b"first"), ("?sheet=1", b"second")):
            assert http.get(f"{film}/renditions/sprite{query}").content == data
        check_problem(http.get(f"{film}/renditions/sprite?sheet=2"), 404)
        for sheet in ("-1", "x", "1e9"):
            problem = check_problem(http.get(f"{film}/renditions/sprite?sheet={sheet}"), 422)
            assert "sheet" in problem["errors"][0]["field"]
        shown = http.get(film).json()["renditions"]
        assert sorted(r["metadata"]["number"] for r in shown if r["kind"] == "sprite") == [0, 1]


def test_chapters_come_behind_the_segments_of_a_long_recording(platform: Platform) -> None:
    with client(platform, platform.token) as http:
        sent = upload(http)
        platform.pump()
        tenant, read = platform.caller.tenant, platform.deps.engine.read
        reads = partial(read, tenant)
        made = replace(work(platform, UUID(sent["id"])), read=cast("Any", reads))
        spoken = [
            Segment("utterance", {"time": s.start}, {"time": s.end}, key=f"u{n}", texts=[_said(s)])
            for n, s in enumerate(talk(SEA, BREAD))
        ]
        params = {"from": 0, "to": len(spoken)}
        run = NewRun(
            made.run, made.asset, made.lineage, Lane.LOW, Strategy.BATCH, "audio@1", pieces=[{}]
        )
        with platform.deps.engine.session(tenant) as conn:
            runs.create(conn, tenant, run)
            insert(conn, tenant, list(handler._rows(made, "audio@1", spoken)))
        outcome = handler.handle(replace(made, stage=Stage.CHAPTERS, params=params), platform.deps)
        assert outcome.counts == {"chapters": 2}
        with platform.deps.engine.session(tenant) as conn:
            insert(conn, tenant, outcome.rows)
        listed = http.get(f"/api/v1/assets/{sent['id']}/segments?type=chapter").json()["items"]
        assert [each["type"] for each in listed] == ["chapter", "chapter"]
        assert "#t=234,479.5" in listed[1]["address"]
        page = http.get(f"/view/{sent['id']}").text
        assert "Chapters" in page
        assert "3:54 to 7:59" in page


def _said(spoken: Spoken) -> Text:
    return Text("spoken", spoken.text, "en", 0.4)
