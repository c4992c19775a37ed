"""The same request gets the same answer from every host: as an ASGI app, under functions-framework,
and from the emulator."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack

import pytest
from starlette.testclient import TestClient

from dataflux.errors import Unavailable
from dataflux.permissions import Role
from events.event import Event
from events.http import to_batch, to_binary, to_structured
from functions import targets
from functions.api.app import EVERYTHING, create_app
from functions.hosts import framework as flask_host
from functions.hosts.function import FunctionApp
from functions.targets import BY_NAME
from local import function_routes
from tests.fixtures.platform import Platform
from tests.functions.api.asking import stranger
from tests.functions.hosts.test_http import Built, Door, Reply, _framework, tick

PATIENCE_S = 30.0
MODES: dict[str, Callable[[Event], tuple[Mapping[str, str], bytes]]] = {
    "binary": to_binary,
    "structured": to_structured,
    "batch": lambda event: to_batch([event]),
}


@pytest.fixture(params=["asgi", "functions-framework", "emulator"])
def door(
    request: pytest.FixtureRequest, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Door]:
    monkeypatch.setattr("dataflux.telemetry.configure", lambda *_: None)
    adapters = Built(platform.deps)
    monkeypatch.setattr(flask_host, "adapters", lambda: adapters)
    token = {"authorization": f"Bearer {stranger(platform, Role.ADMIN)}"}
    app = create_app(platform.deps, (*EVERYTHING, function_routes.router))
    with ExitStack() as stack:

        def asgi(name: str) -> Callable[[Mapping[str, str], bytes], Reply]:
            served = stack.enter_context(TestClient(FunctionApp(BY_NAME[name], adapters)))
            return _posting(served, "/", {})

        def emulator(name: str) -> Callable[[Mapping[str, str], bytes], Reply]:
            served = stack.enter_context(TestClient(app, raise_server_exceptions=False))
            return _posting(served, f"/functions/{name}", token)

        doors: dict[str, Door] = {
            "asgi": asgi,
            "functions-framework": _framework,
            "emulator": emulator,
        }
        yield doors[request.param]


def _posting(
    served: TestClient, path: str, more: Mapping[str, str]
) -> Callable[[Mapping[str, str], bytes], Reply]:
    def post(headers: Mapping[str, str], body: bytes) -> Reply:
        answer = served.post(path, headers={**headers, **more}, content=body)
        return answer.status_code, answer.content, answer.headers

    return post


@pytest.mark.parametrize("mode", MODES)
def test_an_event_is_taken_in_every_mode(door: Door, mode: str) -> None:
    status, said, _ = door("relay")(*MODES[mode](tick()))
    assert (status, said) == (200, b"")


def _work(platform: Platform) -> Event:
    platform.drop("notes.md", b"# Notes\n\nPuffins nest in burrows.\n")
    ingested = platform.deps.bus.subscribe("ingest", BY_NAME["ingest"].topics)
    platform.run(BY_NAME["ingest"], ingested.poll(1, 0))
    (work,) = platform.deps.bus.subscribe("segment", BY_NAME["segment"].topics).poll(9, 0)
    assert work.event is not None
    return work.event


def test_work_is_done_once_however_often_it_is_sent(door: Door, platform: Platform) -> None:
    work = _work(platform)
    for _ in range(2):
        assert door("segment")(*to_binary(work))[:2] == (200, b"")
    stitch = platform.deps.bus.subscribe("stitch", BY_NAME["stitch"].topics)
    assert len(stitch.poll(9, 0)) == 1


@pytest.mark.parametrize(
    ("function", "headers", "body"),
    [
        ("stitch", *to_structured(tick())),
        ("stitch", {"content-type": "text/plain"}, b"nonsense"),
        ("stitch", {"content-type": "application/cloudevents+json"}, b"{"),
        ("stitch", {"ce-specversion": "1.0", "ce-type": "a", "ce-source": "/"}, b"{}"),
    ],
    ids=["of another function", "no event", "no JSON", "no id"],
)
def test_what_is_no_event_of_the_function_is_refused_for_good(
    door: Door, function: str, headers: Mapping[str, str], body: bytes
) -> None:
    status, said, answered = door(function)(headers, body)
    assert status == 422
    assert answered["content-type"] == "application/problem+json"
    assert b"Traceback" not in said


def test_what_is_down_is_to_be_tried_again(
    door: Door, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: object) -> None:
        raise Unavailable("database: it is being restarted")

    monkeypatch.setitem(targets._REPLACED, "relay", down)
    assert door("relay")(*to_binary(tick()))[0] == 503


def test_a_bug_is_ours_and_says_nothing_of_itself(
    door: Door, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a secret")

    monkeypatch.setitem(targets._REPLACED, "relay", broken)
    status, _, answered = door("relay")(*to_binary(tick()))
    assert status == 500
    assert answered["content-type"] == "application/problem+json"


def test_it_is_ready_when_its_adapters_are(platform: Platform) -> None:
    with TestClient(FunctionApp(BY_NAME["relay"], Built(platform.deps))) as served:
        deadline = time.monotonic() + PATIENCE_S
        while served.get("/health/readiness").status_code != 200:
            assert time.monotonic() < deadline
        assert served.get("/health/liveness").status_code == 200
    with TestClient(create_app(platform.deps)) as served:
        assert served.get("/health/readiness").status_code == 200
        assert served.get("/health/liveness").status_code == 200
