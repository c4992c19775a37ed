"""What every request passes: limits, trace, headers, metrics, and the net for bugs."""

import asyncio
from collections.abc import Iterator

import pytest
from prometheus_client import REGISTRY
from starlette.testclient import TestClient

from functions.api.app import create_app
from functions.api.edge import BODY_LIMIT, IMAGE_LIMIT, limit_of
from tests.fixtures.platform import Platform
from tests.functions.api.asking import Wire, check_problem, upload

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def endless() -> Iterator[bytes]:
    while True:
        yield b" " * 65_536


def test_no_route_reads_an_endless_body(platform: Platform) -> None:
    app = create_app(platform.deps)
    asset = platform.deps.ids.lineage()
    headers = [("authorization", f"Bearer {platform.token}")]
    forms = [("content-type", "multipart/form-data; boundary=x")]
    for method, path, more in (
        ("POST", "/api/v1/search", []),
        ("POST", "/api/v1/search", forms),
        ("POST", "/api/v1/similar", []),
        ("PUT", f"/api/v1/assets/{asset}", []),
        ("POST", "/login", forms),
        ("POST", "/login", [("content-type", "application/x-www-form-urlencoded")]),
        ("POST", "/ui/search", forms),
    ):
        wire = Wire(endless())
        asyncio.run(wire.ask(app, method, path, headers + more))
        assert 400 <= wire.status < 500, path
        assert wire.taken <= BODY_LIMIT + IMAGE_LIMIT + 65_536, path


def test_a_declared_length_is_believed(platform: Platform) -> None:
    wire = Wire([b"{}"])
    large = [("content-length", str(1 << 40))]
    asyncio.run(wire.ask(create_app(platform.deps), "POST", "/api/v1/similar", large))
    assert (wire.status, wire.taken) == (413, 0)


def test_only_uploads_have_no_limit_of_the_edge() -> None:
    assert limit_of({"method": "POST", "path": "/api/v1/assets"}) is None
    assert limit_of({"method": "PUT", "path": "/api/v1/assets"}) == BODY_LIMIT


def test_an_error_names_the_trace_of_its_sender(http: TestClient) -> None:
    sent = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
    assert check_problem(http.get("/api/v1/none", headers=sent), 404)["trace_id"] == TRACE
    for wrong in ("", "00-" + "0" * 32 + "-00f067aa0ba902b7-01", "é"):
        answer = http.get("/api/v1/none", headers={b"traceparent": wrong.encode()})
        assert check_problem(answer, 404)["trace_id"] not in ("", "0" * 32, TRACE)


def test_a_bug_is_logged_under_the_trace_that_is_told(
    http: TestClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def bug(*_: object, **__: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("functions.api.assets.assets.page", bug)
    problem = check_problem(http.get("/api/v1/assets"), 500)
    assert "secret" not in str(problem)
    (logged,) = [r for r in caplog.records if r.levelname == "ERROR"]
    assert vars(logged)["trace"] == problem["trace_id"]


def test_requests_are_measured_by_route(http: TestClient) -> None:
    def count(route: str, status: str) -> float:
        labels = {"route": route, "status": status}
        return REGISTRY.get_sample_value("dataflux_request_seconds_count", labels) or 0

    route = "/api/v1/assets/{asset_id}"
    before = count(route, "200")
    http.get(f"/api/v1/assets/{upload(http)['id']}")
    assert count(route, "200") == before + 1
    http.get("/a/secret/path")
    assert count("/a/secret/path", "404") == 0


def test_slashes_at_the_end_are_not_found(http: TestClient) -> None:
    check_problem(http.get("/api/v1/assets/", follow_redirects=False), 404)
