"""Copies of a picture are known as copies, by search and in the graph; others are not."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import pytest
from PIL import Image
from starlette.testclient import TestClient

from functions.search.handler import similar
from functions.search.request import SimilarRequest
from schemas.names import Relation
from stores.ports import Scope
from stores.records import hashes
from tests.analyzers.files import encoded
from tests.fixtures.platform import Platform
from tests.functions.api.asking import client, stranger
from tests.functions.api.test_contract import check, schema
from tests.models.edits import EDITS, photo

__all__ = ["schema"]


def dropped(platform: Platform, name: str, image: Image.Image) -> UUID:
    return platform.drop(name, encoded(image, "PNG")).lineage


def alike(platform: Platform, lineage: UUID) -> dict[str, dict[str, Any]]:
    """Return what is similar to an asset, by the name of its file."""
    asked = SimilarRequest(entity_id=lineage, threshold=0.5, limit=50)
    hits = similar(platform.deps, platform.caller, asked)["hits"]
    return {hit["filename"]: {s["signal"]: s for s in hit["signals"]} for hit in hits}


FEW = ("cropped", "darkened")


def copied(platform: Platform, edits: Iterable[str]) -> UUID:
    original = dropped(platform, "original.png", photo(700))
    for name in edits:
        dropped(platform, f"{name}.png", EDITS[name](photo(700)))
    dropped(platform, "other.png", photo(701))
    platform.pump()
    return original


@pytest.mark.long
def test_every_edit_is_found_as_a_copy_and_nothing_else(platform: Platform) -> None:
    original = copied(platform, EDITS)
    found = {
        name: signals["near_duplicate"]
        for name, signals in alike(platform, original).items()
        if "near_duplicate" in signals
    }
    assert set(found) == {f"{name}.png" for name in EDITS}
    for signal in found.values():
        assert 0 <= signal["distance"] <= hashes.NEAR
        assert signal["score"] == pytest.approx(1 - signal["distance"] / (2 * hashes.NEAR))
        assert signal["model"] == "phash"


@pytest.fixture
def http(platform: Platform) -> TestClient:
    return client(platform, platform.token)


def test_the_graph_says_it_once_with_its_distance(
    platform: Platform, http: TestClient, schema: dict[str, Any]
) -> None:
    original = copied(platform, FEW)
    alike = http.post("/api/v1/similar", json={"entity_id": str(original), "threshold": 0.5})
    assert check(schema, "similar", alike)["hits"]
    (segment,) = http.get(f"/api/v1/assets/{original}/segments").json()["items"]
    asked = {"entity": segment["id"], "type": "near_duplicate_of", "limit": 100}
    items = http.get("/api/v1/relationships", params=asked).json()["items"]
    pairs = [(item["source"], item["target"]) for item in items]
    assert len(pairs) == len(set(pairs)) == len({*map(frozenset, pairs)}) == len(FEW)
    for item in items:
        assert item["type"] == Relation.NEAR_DUPLICATE_OF
        assert item["strength"] == pytest.approx(1 - item["metadata"]["distance"] / 64, abs=1e-4)


def test_what_one_may_not_see_is_no_copy(platform: Platform) -> None:
    original = copied(platform, FEW)
    http = client(platform, stranger(platform))
    assert http.post("/api/v1/similar", json={"entity_id": str(original)}).status_code in (403, 404)
    segment = UUID(
        client(platform, platform.token)
        .get(f"/api/v1/assets/{original}/segments").json()["items"][0]["id"]
    )  # fmt: skip
    scope = Scope(platform.caller.tenant, (platform.deps.ids.token(),))
    tenant = platform.caller.tenant

    def seen(scope: Scope) -> int:
        return len(platform.deps.engine.read(tenant, hashes.near_duplicates, segment, scope))

    assert seen(scope) == 0
    assert seen(Scope(tenant, (), sees_all=True)) == len(FEW)
    assert seen(Scope(tenant, (), True, {"kind": {"eq": "document"}})) == 0


def test_pictures_without_anything_in_them_are_no_copies(platform: Platform) -> None:
    for name, color in (("one.png", "black"), ("two.png", "navy")):
        dropped(platform, name, Image.new("RGB", (200, 150), color))
    platform.pump()
    http = client(platform, platform.token)
    for asset in http.get("/api/v1/assets").json()["items"]:
        (segment,) = http.get(f"/api/v1/assets/{asset['id']}/segments").json()["items"]
        asked = {"entity": segment["id"], "type": "near_duplicate_of"}
        assert http.get("/api/v1/relationships", params=asked).json()["items"] == []
