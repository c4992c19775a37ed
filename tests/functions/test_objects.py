"""From a dropped picture to an object that is found by its name, with its place in the picture."""

import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from analyzers.models.store import ModelStore
from analyzers.registry import Registry
from analyzers.sandbox import Sandbox
from functions.search.handler import search
from functions.search.request import SearchRequest
from stores.records import assets, moments
from tests.analyzers.files import encoded
from tests.fixtures.light import LIGHT
from tests.fixtures.platform import Platform
from tests.models.scenes import Scene, scene

ENTRY = "analyzers.image.objects:ObjectsAnalyzer#tiny-objects"


@pytest.fixture
def seeing(platform: Platform, seeing_store: ModelStore) -> Iterator[Platform]:
    registry = Registry((*LIGHT, ENTRY), store=seeing_store)
    sandbox = Sandbox(registry)
    platform.deps = replace(platform.deps, registry=registry, sandbox=sandbox)
    yield platform
    sandbox.close()


def drawn_with(shape: str, *, without: str = "", seed: int = 1) -> Scene:
    """Return a picture of two or more things of which exactly one has the shape."""
    rng = random.Random(seed)
    return next(
        drawn
        for drawn in iter(lambda: scene(rng), None)
        if [thing.shape for thing in drawn.things].count(shape) == 1
        and len(drawn.things) > 1
        and without not in {thing.shape for thing in drawn.things}
    )


def asked(platform: Platform, query: str, **filters: Any) -> list[dict[str, Any]]:
    request = SearchRequest.model_validate({"query": query, "filters": filters})
    hits: list[dict[str, Any]] = search(platform.deps, platform.caller, request)["hits"]
    return hits


def test_a_thing_is_found_by_its_name_where_it_is(seeing: Platform) -> None:
    drawn = drawn_with("cross", seed=31)
    seeing.drop("one.png", encoded(drawn.image, "PNG"))
    seeing.drop("other.png", encoded(drawn_with("square", without="cross").image, "PNG"))
    seeing.pump()
    (hit,) = asked(seeing, "cross")
    assert (hit["filename"], hit["segment_type"]) == ("one.png", "object")
    (cross,) = [thing for thing in drawn.things if thing.shape == "cross"]
    left, top, right, bottom = (100 * value for value in cross.box)
    assert hit["start"]["xywh"] == pytest.approx([left, top, right - left, bottom - top], abs=4)
    assert "#xywh=percent:" in hit["address"]
    assert hit["signals"][0]["source"] == "tag"


def test_labels_are_filters_and_say_who_found_them(seeing: Platform) -> None:
    drawn = drawn_with("triangle", seed=32)
    received = seeing.drop("one.png", encoded(drawn.image, "PNG"))
    seeing.pump()
    assert asked(seeing, "triangle", tag={"eq": "triangle"})
    assert not asked(seeing, "triangle", tag={"eq": "dog"})
    assert asked(seeing, "triangle", **{"feature.visual.object.label": {"eq": "triangle"}})
    engine, tenant = seeing.deps.engine, seeing.caller.tenant
    asset = engine.read(tenant, assets.get, received.lineage)
    (whole,) = engine.read(tenant, moments.children, asset.id)
    inside = engine.read(tenant, moments.children, whole.id)
    assert len(inside) == len(drawn.things)
    assert {each.segment_type for each in inside} == {"object"}
    keys = [whole.id, *(each.id for each in inside)]
    found = engine.read(tenant, moments.features, asset.lineage, keys)
    model = seeing.deps.registry.store.get("tiny-objects").label
    (objects,) = [each for each in found if each.feature_type == "objects"]
    assert objects.feature_data["counts"]["triangle"] == 1
    assert {(each.analyzer_version, each.model) for each in found
            if each.feature_type in ("object", "objects")} == {("objects@1", model)}  # fmt: skip
    assert not any(each.feature_type == "language" for each in found)
