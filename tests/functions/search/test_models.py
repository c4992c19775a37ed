"""Search with a model that tells pictures apart: text to image, calibration, a switch of spaces."""

import io
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from PIL import Image

from analyzers.models.brought import add
from analyzers.models.selection import Selection
from analyzers.models.store import ModelStore
from analyzers.registry import Registry
from analyzers.runtime import Runtime
from analyzers.sandbox import Sandbox
from events.event import PREFIX, Event
from functions.rerun import rerun
from functions.search import calibrate
from functions.search.handler import search
from functions.search.request import SearchRequest
from functions.targets import BY_NAME
from stores.records import assets
from tests.fixtures.light import LIGHT
from tests.fixtures.models import picture_of
from tests.fixtures.platform import Platform
from tests.models.shapes import drawn_from

NEW, OLD = "visual/tiny-dual@1", "visual/fallback@1"
SHOWN = (
    ("red", "circle", "white"),
    ("blue", "triangle", "white"),
    ("blue", "circle", "black"),
    ("green", "cross", "yellow"),
    ("white", "square", "red"),
)


@pytest.fixture(scope="module")
def seeing(tiny_store: ModelStore) -> Iterator[tuple[Registry, Sandbox]]:
    registry = light_with(tiny_store)
    sandbox = Sandbox(registry)
    yield registry, sandbox
    sandbox.close()


def light_with(store: ModelStore) -> Registry:
    entries, retired = Selection(store).applied(LIGHT)
    return Registry(entries, store=store, runtime=Runtime("cpu", 2), retired=retired)


def switch(platform: Platform, seeing: tuple[Registry, Sandbox]) -> None:
    """Go on as after a restart with the model in the store."""
    registry, sandbox = seeing
    platform.deps = replace(platform.deps, registry=registry, sandbox=sandbox)


def drop(platform: Platform, shown: Sequence[str], seed: int = 0) -> Any:
    color, shape, ground = shown
    name = f"{len(platform.seen)}-{seed}.png"  # that says nothing: names are searched too
    return platform.drop(name, picture_of(color, shape, ground, seed)).lineage


def hits(platform: Platform, query: str, **asked: object) -> list[dict[str, Any]]:
    request = SearchRequest.model_validate({"query": query, "group_by": "asset", **asked})
    found: list[dict[str, Any]] = search(platform.deps, platform.caller, request)["hits"]
    return found


def signals(hit: dict[str, Any]) -> set[str]:
    return {signal["signal"] for signal in hit["signals"]}


def test_pictures_are_found_by_what_they_show(
    platform: Platform, seeing: tuple[Registry, Sandbox]
) -> None:
    switch(platform, seeing)
    lineages = {shown: str(drop(platform, shown)) for shown in SHOWN}
    platform.pump()
    for shown, lineage in lineages.items():
        best, *_ = hits(platform, f"a {shown[0]} {shown[1]}")
        assert best["lineage"] == lineage
        assert best["score"] > 0.5
        assert signals(best) == {NEW}
        assert best["signals"][0]["model"].startswith("tiny-dual#")
    blue = {hit["lineage"] for hit in hits(platform, "circle")}
    assert blue == {lineages[SHOWN[0]], lineages[SHOWN[2]]}


@pytest.mark.parametrize("query", ["a yellow triangle", "black cross", "green square"])
def test_what_is_not_shown_is_no_good_match(
    platform: Platform, seeing: tuple[Registry, Sandbox], query: str
) -> None:
    switch(platform, seeing)
    for shown in SHOWN:
        drop(platform, shown)
    platform.pump()
    assert hits(platform, query) == []


def test_an_example_finds_its_like(platform: Platform, seeing: tuple[Registry, Sandbox]) -> None:
    switch(platform, seeing)
    lineages = [str(drop(platform, shown)) for shown in SHOWN]
    platform.pump()
    example = picture_of(*SHOWN[3], seed=77)
    request = SearchRequest.model_validate({"query": "image", "group_by": "asset"})
    found = search(platform.deps, platform.caller, request, image=example)["hits"]
    assert found[0]["lineage"] == lineages[3]


def test_a_new_model_is_a_new_space_and_the_former_stays_until_all_is_made_anew(
    platform: Platform, seeing: tuple[Registry, Sandbox]
) -> None:
    before = drop(platform, ("white", "square", "red"))
    platform.pump()
    assert [e.data["spaces"] for e in platform.facts("segment.embedded")] == [[OLD]]
    switch(platform, seeing)
    drop(platform, ("blue", "triangle", "white"), seed=4)
    platform.pump()
    assert signals(hits(platform, "a blue triangle")[0]) == {NEW}
    (former,) = (hit for hit in hits(platform, "red") if hit["lineage"] == str(before))
    assert signals(former) == {OLD}
    assert hits(platform, "a white square", threshold=0.9) == []
    asset = platform.deps.engine.read(platform.caller.tenant, assets.get, before)
    rerun(platform.deps, platform.caller.tenant, asset)
    platform.pump()
    best, *_ = hits(platform, "a white square")
    assert best["lineage"] == str(before)
    assert signals(best) == {NEW}


def test_a_broken_model_leaves_the_words(
    platform: Platform, tiny_store: ModelStore, tmp_path: Any, caplog: pytest.LogCaptureFixture
) -> None:
    platform.drop("notes.md", b"Otters sleep in kelp.\n")
    platform.pump()
    model = tiny_store.get("tiny-dual")
    broken = ModelStore(tmp_path / "broken")
    add(broken, model, tiny_store.folder / model.name)
    (broken.folder / model.name / "text.onnx").write_bytes(b"?")
    registry = light_with(broken)
    sandbox = Sandbox(registry)
    switch(platform, (registry, sandbox))
    assert ["words" in signals(hit) for hit in hits(platform, "otters")] == [True]
    assert "search goes on without visual-tiny-dual@1" in caplog.text
    sandbox.close()


def test_a_picture_of_nothing_known_is_no_failure(
    platform: Platform, seeing: tuple[Registry, Sandbox]
) -> None:
    switch(platform, seeing)
    out = io.BytesIO()
    Image.new("RGB", (1, 900)).save(out, "PNG")
    lineage = platform.drop("thin.png", out.getvalue()).lineage
    platform.pump()
    asset = platform.deps.engine.read(platform.caller.tenant, assets.get, lineage)
    assert asset.processing_status == "completed"


@pytest.mark.long
def test_what_no_match_looks_like_is_measured_on_the_archive_itself(
    platform: Platform, seeing: tuple[Registry, Sandbox]
) -> None:
    switch(platform, seeing)
    rng = random.Random(3)
    for number in range(30):
        shown = drawn_from(rng)
        drop(platform, (str(shown.color), str(shown.shape), str(shown.ground)), seed=number)
    platform.pump()
    encoder = platform.deps.registry.get("visual-tiny-dual")
    before = calibrate.of_words(platform.deps, platform.caller.tenant, encoder)
    tick = Event("tick", f"{PREFIX}timer.tick", "/test", datetime.now(UTC), {"timer": "reconcile"})
    BY_NAME["reconcile"].run(platform.deps, [tick])
    after = calibrate.of_words(platform.deps, platform.caller.tenant, encoder)
    assert (after.mean, after.sd) != (before.mean, before.sd)
    deviations = [(c.match - c.mean) / c.sd for c in (before, after) if c.match is not None]
    assert deviations[0] == pytest.approx(deviations[1])
