"""What every request passes: limits, trace, headers, metrics, and the net for bugs."""

import asyncio
from collections.abc import Iterator

import pytest
from prometheus_client import REGISTRY
from starlette.testclient import TestClient

from functions.api.app import create_app
from functions.api.edge import BODY_LIMIT, limit_of
from tests.fixtures.platform import Platform
from tests.functions.api.asking import Wire, check_problem, upload

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


FILE = b'--x\r\ncontent-disposition: form-data; name="image"; filename="a.png"\r\n\r\n'
FORM = ("content-type", "multipart/form-data; boundary=x")
PAIRS = ("content-type", "application/x-www-form-urlencoded")
MUCH = 400
"""Chunks of 64 KiB, 25 MB: more than any route but uploads may read."""


def much(head: bytes) -> Iterator[bytes]:
    yield head
    for _ in range(MUCH):
        yield b" " * 65_536


@pytest.mark.parametrize(
    ("method", "path", "kind", "head"),
    [
        ("POST", "/api/v1/search", None, b"{"),
        ("POST", "/api/v1/search", FORM, FILE),
        ("POST", "/api/v1/similar", None, b"{"),
        ("PUT", "/api/v1/assets/{id}", None, b"{"),
        ("POST", "/login", FORM, FILE.replace(b"image", b"token")),
        ("POST", "/login", PAIRS, b"token=x"),
        ("POST", "/ui/search", FORM, FILE),
    ],
)
def test_no_route_reads_a_body_without_end(
    platform: Platform, method: str, path: str, kind: tuple[str, str] | None, head: bytes
) -> None:
    headers = [("authorization", f"Bearer {platform.token}"), *([kind] if kind else [])]
    wire, place = Wire(much(head)), path.format(id=platform.deps.ids.lineage())
    asyncio.run(wire.ask(create_app(platform.deps), method, place, headers))
    limit = limit_of({"method": method, "path": place})
    assert limit is not None
    assert wire.taken <= limit + 2 * 65_536
    assert wire.status == 413 or (kind == PAIRS and wire.status == 400)


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
