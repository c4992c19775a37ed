"""What a function answers, whichever server asks it: status, a short body, no internals."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import functions_framework
import orjson
import pytest
from starlette.testclient import TestClient

from dataflux.errors import Invalid, Overloaded, Unavailable
from events.event import PREFIX, Event
from events.http import LIMIT, to_binary, to_structured
from functions.deps import Deps
from functions.hosts import framework as flask_host
from functions.hosts.adapters import Adapters
from functions.hosts.function import FunctionApp
from functions.targets import BY_NAME
from stores.records import steps
from tests.fixtures.platform import Platform
from tests.functions.test_targets import FUNCTIONS

Reply = tuple[int, bytes, Mapping[str, str]]
Post = Callable[[Mapping[str, str], bytes], Reply]
Door = Callable[[str], Post]


class Built(Adapters):
    """The adapters of a test, which closes them itself."""

    def __init__(self, deps: Deps) -> None:
        super().__init__()
        self.deps = deps

    def __call__(self) -> Deps:
        return self.deps


@pytest.fixture(params=["functions-framework", "asgi"])
def door(
    request: pytest.FixtureRequest, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Door]:
    """Both ways in, by the name of a function."""
    monkeypatch.setattr("dataflux.telemetry.configure", lambda *_: None)
    adapters = Built(platform.deps)
    monkeypatch.setattr(flask_host, "adapters", lambda: adapters)
    with ExitStack() as stack:

        def asgi(name: str) -> Post:
            app = FunctionApp(BY_NAME[name], adapters)
            served = stack.enter_context(TestClient(app, raise_server_exceptions=True))
            return lambda headers, body: _reply(served.post("/", headers=headers, content=body))

        yield _framework if request.param == "functions-framework" else asgi


def _framework(name: str) -> Post:
    framework: Any = functions_framework
    app = framework.create_app(target=name, source=str(FUNCTIONS / name / "main.py"))
    served = app.test_client()

    def post(headers: Mapping[str, str], body: bytes) -> Reply:
        answer = served.post("/", headers=dict(headers), data=body)
        return answer.status_code, answer.data, answer.headers

    return post


def _reply(answer: Any) -> Reply:
    return answer.status_code, answer.content, answer.headers


def tick(kind: str = f"{PREFIX}timer.tick") -> Event:
    return Event(str(uuid4()), kind, "/test", datetime.now(UTC), {"timer": "relay"})


BAD: dict[str, tuple[Mapping[str, str], bytes]] = {
    "no event": ({"content-type": "text/plain"}, b"nonsense"),
    "no JSON": ({"content-type": "application/cloudevents+json"}, b"{"),
    "no id": ({"ce-specversion": "1.0", "ce-type": "a", "ce-source": "/"}, b"{}"),
    "of another function": to_structured(tick()),
    "of nobody's type": to_structured(tick("org.example.thing")),
    "of a bad payload": to_binary(
        Event("1", f"{PREFIX}work.stitch", "/test", tick().time, {"piece": "is no id"})
    ),
    "too long names": ({"ce-id": "1", **{f"ce-{'x' * 900}{n}": "%C3%BC" for n in range(3)}}, b"{}"),
}


@pytest.mark.parametrize("what", BAD)
def test_what_is_no_valid_event_is_given_up_at_once(door: Door, what: str) -> None:
    headers, body = BAD[what]
    status, said, answered = door("stitch")(headers, body)
    assert status == 422
    assert orjson.loads(said)["status"] == 422
    assert len(said) < 1024
    assert answered["content-type"] == "application/problem+json"
    assert answered["kne-dfreason"] == "invalid"


def test_a_body_is_read_to_a_limit(door: Door) -> None:
    headers, _ = to_binary(tick())
    status, said, _ = door("relay")(headers, b" " * (LIMIT + 1))
    assert status == 413
    assert len(said) < 1024
    assert door("relay")(headers, b'{"timer":"relay"}')[0] == 200


@pytest.mark.parametrize("kind", [f"{PREFIX}timer.tick", "dev.knative.sources.ping"])
def test_a_sweeper_takes_ticks_and_pings(door: Door, kind: str) -> None:
    assert door("relay")(*to_binary(tick(kind)))[:2] == (200, b"")


def test_a_piece_that_another_worker_holds_is_left_to_it(door: Door, platform: Platform) -> None:
    platform.drop("notes.md", b"# Notes\n\nPuffins nest in burrows.\n")
    ingested = platform.deps.bus.subscribe("ingest", BY_NAME["ingest"].topics)
    platform.run(BY_NAME["ingest"], ingested.poll(1, 0))
    (work,) = platform.deps.bus.subscribe("segment", BY_NAME["segment"].topics).poll(9, 0)
    assert work.event is not None
    piece, token = work.event.data["piece"], platform.deps.ids.token()
    with platform.deps.engine.session(platform.caller.tenant) as conn:
        assert isinstance(steps.claim(conn, piece, token, 60.0), steps.Claimed)
    status, said, _ = door("segment")(*to_binary(work.event))
    assert (status, said) == (200, b"")
    with platform.deps.engine.session(platform.caller.tenant) as conn:
        row = conn.execute("SELECT state, claim FROM pieces WHERE id = %s", [piece]).fetchone()
    assert row == ("leased", token)


@pytest.mark.parametrize("error", [Unavailable, Overloaded])
def test_what_is_down_is_to_be_tried_again(
    door: Door, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    with _failing(monkeypatch, error("postgres at 10.1.2.3: is down; try again")):
        status, said, _ = door("relay")(*to_binary(tick()))
    assert status == 503
    assert b"10.1.2.3" not in said


def test_a_bug_is_a_500_that_says_nothing(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    with _failing(monkeypatch, RuntimeError("secret detail")):
        status, said, _ = door("relay")(*to_binary(tick()))
    assert status == 500
    assert b"secret" not in said


@pytest.mark.parametrize("error", [Unavailable, Invalid])
def test_adapters_that_cannot_be_built_are_no_fault_of_the_event(
    door: Door, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def down(_: Built) -> Deps:
        raise error("postgres at 10.1.2.3: is down; try again")

    monkeypatch.setattr(Built, "__call__", down)
    status, said, _ = door("relay")(*to_binary(tick()))
    assert status == 503
    assert b"10.1.2.3" not in said


@contextmanager
def _failing(monkeypatch: pytest.MonkeyPatch, error: Exception) -> Iterator[None]:
    def fail(*_: object) -> None:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr("functions.relay.handler.handle", fail)
        yield
