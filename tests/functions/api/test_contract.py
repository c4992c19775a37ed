"""The OpenAPI document says what the API does: real answers are checked against it."""

import io
from collections.abc import Mapping
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from PIL import Image
from starlette.testclient import TestClient

from tests.fixtures.platform import Platform
from tests.functions.api.asking import NOTES, stranger, upload


@pytest.fixture
def schema(http: TestClient) -> dict[str, Any]:
    found: dict[str, Any] = http.get("/api/v1/openapi.json").json()
    return found


def operations(schema: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {o["operationId"]: o for path in schema["paths"].values() for o in path.values()}


def check(schema: Mapping[str, Any], operation: str, answer: Any) -> Any:
    """Check an answer against the schema of its operation and status; return it."""
    responses = operations(schema)[operation]["responses"]
    content = responses.get(str(answer.status_code), responses["default"])["content"]
    kind = answer.headers["content-type"].partition(";")[0]
    document = {**content[kind]["schema"], "components": schema["components"]}
    Draft202012Validator(document).validate(answer.json())
    return answer.json()


def png() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (60, 40), (200, 30, 30)).save(out, "PNG")
    return out.getvalue()


def test_every_answer_is_as_the_contract_says(
    http: TestClient, platform: Platform, schema: dict[str, Any]
) -> None:
    place = f"/api/v1/assets/{upload(http)['id']}"
    check(schema, "assets_get", http.get(place))
    platform.pump()
    for name in ("red.png", "redder.png"):
        data = png() + name.encode()
        file = {"file": (name, data)}
        check(schema, "assets_upload", http.post("/api/v1/assets", files=file))
    platform.pump()
    page = check(schema, "assets_list", http.get("/api/v1/assets?limit=1"))
    assert page["next_cursor"]
    shown = check(schema, "assets_get", http.get(place))
    check(schema, "assets_update", http.put(place, json={"metadata": {"a": 1}}))
    for name in ("versions", "segments", "trace"):
        check(schema, f"assets_{name}", http.get(f"{place}/{name}"))
    known = check(schema, "analyzers_list", http.get("/api/v1/analyzers"))["items"]
    again = "/api/v1/analyzers/language/runs"
    planned = check(schema, "analyzers_run", http.post(again))
    assert (planned["dry_run"], planned["assets"], planned["had"]) == (True, 0, 1)
    both = {"a": "language", "b": "language@1", "sample": 5}
    differing = check(schema, "analyzers_diff", http.post("/api/v1/analyzers/diff", json=both))
    assert [d["agreement"] for d in differing["outputs"]] == [1.0]
    check(schema, "analyzers_diff", http.post("/api/v1/analyzers/diff", json={"a": "x"}))
    check(schema, "analyzers_run", http.post(again, json={"filters": {"shape": {"eq": 1}}}))
    check(schema, "analyzers_run", http.post("/api/v1/analyzers/nobody/runs"))
    by_id = {each["id"]: each for each in known}
    assert by_id["image@1"]["does"] == ["segments"]
    assert by_id["visual-fallback@1"]["emits"] == ["visual/fallback@1"]
    assert {each["state"] for each in known} == {"ready"}
    assert {each["origin"] for each in known} == {"dataflux"}
    words = {"query": "otters", "group_by": "asset"}
    (hit,) = check(schema, "search", http.post("/api/v1/search", json=words))["hits"]
    assert hit["segments"]
    inside = check(schema, "segments_get", http.get(f"/api/v1/segments/{hit['segment']}"))
    assert inside["asset"] == shown["id"]
    like = check(schema, "search", http.post("/api/v1/search", files={"image": ("e.png", png())}))
    asked = {"entity_id": like["hits"][0]["asset"]}
    assert check(schema, "similar", http.post("/api/v1/similar", json=asked))["hits"]
    related = {"entity": like["hits"][0]["segment"]}
    answer = http.get("/api/v1/relationships", params=related)
    assert check(schema, "relationships_list", answer)["items"]
    for name in ("status", "stats"):
        check(schema, name, http.get(f"/api/v1/{name}"))
    check(schema, "assets_retry", http.post(f"{place}/retry"))
    check(schema, "assets_retry", http.post(f"{place}/retry"))  # a conflict


def test_errors_are_as_the_contract_says(http: TestClient, schema: dict[str, Any]) -> None:
    check(schema, "search", http.post("/api/v1/search", json={}))
    check(schema, "assets_get", http.get("/api/v1/assets/none"))
    check(schema, "dead_letters_list", http.get("/api/v1/dead-letters"))
    check(schema, "assets_upload", http.post("/api/v1/assets", content=NOTES))


def test_dead_letters_are_as_the_contract_says(
    http: TestClient, platform: Platform, schema: dict[str, Any]
) -> None:
    operator = {"authorization": f"Bearer {stranger(platform, 'operator')}"}
    check(schema, "dead_letters_list", http.get("/api/v1/dead-letters", headers=operator))


def test_the_contract_is_whole(schema: dict[str, Any]) -> None:
    Draft202012Validator.check_schema({"$defs": schema["components"]["schemas"]})
    text = str(schema)
    assert "HTTPValidationError" not in text
    found = operations(schema)
    for name in ("assets_upload", "assets_update", "search", "similar"):
        assert found[name]["requestBody"]["required"]
    for name, operation in found.items():
        assert "default" in operation["responses"], name
        kinds = [r.get("content", {}) for r in operation["responses"].values()]
        bare = [c for c in kinds if c.get("application/json", {}).get("schema") == {}]
        assert bare == [] or name in ("health", "ready", "metrics"), name
    known = schema["components"]["schemas"]
    refs = {part.partition("'")[0] for part in text.split("#/components/schemas/")[1:]}
    assert refs <= set(known)


def test_requests_of_the_contract_are_accepted(http: TestClient, schema: dict[str, Any]) -> None:
    body = operations(schema)["search"]["requestBody"]["content"]["application/json"]["schema"]
    check_body = Draft202012Validator({**body, "components": schema["components"]}).is_valid
    for asked in (
        {"query": "x"},
        {"query": {"segment": "07ea35d6-01a2-8cff-9e4e-adfd725fa69d"}, "limit": 5},
        {"query": {"embedding": [0.5], "space": "s"}, "threshold": 0.1},
        {"query": 5},
        {"query": "x", "limit": 101},
        {"query": "x", "more": 1},
    ):
        answer = http.post("/api/v1/search", json=asked)
        refused = answer.status_code == 422 and answer.json()["detail"].startswith("the request")
        assert check_body(asked) != refused, asked
