"""Words that are found in a picture are read like those that were written."""

import io
from collections.abc import Iterator
from dataclasses import replace

import pytest
from PIL import Image

from analyzers.registry import Registry
from analyzers.sandbox import Sandbox
from functions.search.handler import search
from functions.search.request import SearchRequest
from stores.records import assets, moments
from tests.fixtures.light import LIGHT
from tests.fixtures.platform import Platform

READERS = (
    "tests.fixtures.readers:Placard",
    "tests.fixtures.readers:Doubter",
    "analyzers.text.mentions:MentionsAnalyzer",
)


@pytest.fixture
def reading(platform: Platform) -> Iterator[Platform]:
    registry = Registry((*LIGHT, *READERS))
    sandbox = Sandbox(registry)
    platform.deps = replace(platform.deps, registry=registry, sandbox=sandbox)
    yield platform
    sandbox.close()


def picture() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (64, 48), "red").save(out, "PNG")
    return out.getvalue()


def test_what_is_recognized_is_read(reading: Platform) -> None:
    received = reading.drop("placard.png", picture())
    reading.pump()
    engine, tenant = reading.deps.engine, reading.caller.tenant
    asset = engine.read(tenant, assets.get, received.lineage)
    assert asset.processing_status == "completed"
    (whole,) = engine.read(tenant, moments.children, asset.id)
    (region,) = engine.read(tenant, moments.children, whole.id)
    features = engine.read(tenant, moments.features, asset.lineage, [region.id])
    found = {feature.feature_type: feature for feature in features}
    assert found["mentions"].feature_data == {"dates": ["1961-05-12"], "amounts": ["3000000 USD"]}
    assert found["mentions"].confidence == pytest.approx(0.95)
    assert found["language"].feature_data["code"] == "en"


def test_what_is_mentioned_can_be_asked_for(reading: Platform) -> None:
    reading.drop("placard.png", picture())
    reading.pump()

    def hits(key: str, **test: str) -> int:
        asked = {"query": "crane", "filters": {f"feature.semantic.mentions.{key}": test}}
        request = SearchRequest.model_validate(asked)
        return len(search(reading.deps, reading.caller, request)["hits"])

    assert hits("dates", gte="1961-01-01") == hits("dates", eq="1961-05-12") == 1
    assert hits("amounts", eq="3000000 USD") == 1
    assert hits("dates", lt="1961-01-01") == 0


def test_what_is_not_sure_is_told_of(reading: Platform) -> None:
    written = reading.drop("notes.txt", b"A few words about cranes.")
    shown = reading.drop("placard.png", picture())
    reading.pump()
    told = [event.data for event in reading.facts("analysis.confidence_low")]
    engine, tenant = reading.deps.engine, reading.caller.tenant
    (paragraph,) = engine.read(tenant, moments.page, written.lineage)
    (whole,) = engine.read(tenant, moments.page, shown.lineage)
    (region,) = engine.read(tenant, moments.children, whole.id)
    doubt = {"analyzer": "doubter@3", "domain": "style", "confidence": 0.3}
    doubted = [each for each in told if each["analyzer"] == "doubter@3"]
    assert sorted(doubted, key=lambda each: str(each["segment"])) == [
        {**doubt, "segment": place} for place in sorted([str(paragraph.id), str(region.id)])
    ]
    features = engine.read(tenant, moments.features, shown.lineage, [region.id])
    found = {feature.feature_type: feature for feature in features}
    assert (found["tone"].analyzer_version, found["tone"].model) == ("doubter@3", "coin#1f2e3d4c")
    assert found["tone"].confidence == pytest.approx(0.3)
