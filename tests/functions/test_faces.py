"""No face is looked for without the tenant's consent, and none is left when it is withdrawn."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from starlette.testclient import TestClient

from analyzers.models.store import ModelStore
from analyzers.registry import Registry
from analyzers.sandbox import Sandbox
from dataflux.permissions import Role
from stores.records import assets, moments
from tests.analyzers.files import encoded
from tests.analyzers.image.test_faces import spotted
from tests.fixtures.light import LIGHT
from tests.fixtures.platform import Platform
from tests.functions.api.asking import check_problem, client, stranger
from tests.functions.api.test_contract import check, schema

__all__ = ["schema"]
ENTRY = "analyzers.image.faces:FacesAnalyzer#tiny-faces"
FACES = "/api/v1/consents/faces"


@pytest.fixture
def seeing(platform: Platform, seeing_store: ModelStore) -> Iterator[Platform]:
    registry = Registry((*LIGHT, ENTRY), store=seeing_store)
    sandbox = Sandbox(registry)
    platform.deps = replace(platform.deps, registry=registry, sandbox=sandbox)
    yield platform
    sandbox.close()


@pytest.fixture
def http(seeing: Platform) -> TestClient:
    return client(seeing, stranger(seeing, Role.ADMIN))


def dropped(platform: Platform, name: str, x: int) -> UUID:
    received = platform.drop(name, encoded(spotted((320, 320), (x, 100, 50)), "PNG"))
    platform.pump()
    return received.lineage


def seen(platform: Platform, lineage: UUID) -> tuple[int, int]:
    """Return how many faces an asset has, and how many facts of them."""
    engine, tenant = platform.deps.engine, platform.caller.tenant
    asset = engine.read(tenant, assets.get, lineage)
    (whole,) = engine.read(tenant, moments.children, asset.id)
    inside = engine.read(tenant, moments.children, whole.id)
    facts = engine.read(tenant, moments.features, asset.lineage, [whole.id])
    return (
        sum(each.segment_type == "face" for each in inside),
        sum(each.feature_type == "faces" for each in facts),
    )


def test_consent_comes_first_and_takes_back_what_it_gave(
    seeing: Platform, http: TestClient, schema: dict[str, Any]
) -> None:
    before = dropped(seeing, "before.png", 90)
    assert seen(seeing, before) == (0, 0)
    assert http.put(FACES).status_code == http.put(FACES).status_code == 204
    assert [c["purpose"] for c in check(
        schema, "consents_list", http.get("/api/v1/consents"))["items"]] == ["faces"]  # fmt: skip
    after = dropped(seeing, "after.png", 140)
    faces, facts = seen(seeing, after)
    assert faces > 0
    assert facts == 1
    assert http.delete(FACES).status_code == 204
    assert seen(seeing, after) == (0, 0)
    assert http.get("/api/v1/consents").json()["items"] == []
    assert seen(seeing, dropped(seeing, "later.png", 200)) == (0, 0)


def test_only_admins_consent(seeing: Platform, http: TestClient) -> None:
    viewer = client(seeing, stranger(seeing, Role.VIEWER))
    check_problem(viewer.put(FACES), 403)
    check_problem(viewer.delete(FACES), 403)
    check_problem(http.put("/api/v1/consents/names"), 422)
