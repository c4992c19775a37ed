"""A function as an ASGI app: alive at once, ready when warm, never without a bound."""

import asyncio
import threading
from collections.abc import Iterator, MutableMapping, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.testclient import TestClient

from dataflux.errors import Unavailable
from events.event import Event
from events.http import to_binary
from events.samples import sample
from functions.disposition import Disposition
from functions.hosts.adapters import Adapters
from functions.hosts.function import MOST_WAITING, FunctionApp
from functions.hosts.http import NOTHING_TO_SAY, Answer
from functions.targets import Kind, Target

PATIENCE_S = 10.0


class Slow(Target):
    """Does nothing until it is let go."""

    entered = threading.Event()
    let_go = threading.Event()

    def run(self, deps: Any, events: Sequence[Event]) -> Disposition:
        self.entered.set()
        assert self.let_go.wait(PATIENCE_S)
        return Disposition.DONE


class Late(Adapters):
    """Adapters whose database and whose models come up when they are told to."""

    def __init__(self) -> None:
        super().__init__()
        self.database, self.models = threading.Event(), threading.Event()
        self.warmed: list[str] = []
        self.asked = threading.Event()

    def __call__(self) -> Any:
        self.asked.set()
        if not self.database.wait(0.01):
            raise Unavailable("postgres: is down; try again")
        embedder = SimpleNamespace(spec=SimpleNamespace(pool="vision"))
        registry = SimpleNamespace(embedders=lambda: [embedder])
        return SimpleNamespace(sandbox=SimpleNamespace(warm=self._warm), registry=registry)

    def _warm(self, *pools: str) -> None:
        assert self.models.wait(PATIENCE_S)
        self.warmed += pools


@pytest.fixture
def late(monkeypatch: pytest.MonkeyPatch) -> Iterator[Late]:
    monkeypatch.setattr("dataflux.telemetry.configure", lambda *_: None)
    monkeypatch.setattr("functions.hosts.function.TRY_AGAIN_S", 0.01)
    adapters = Late()
    yield adapters
    adapters.database.set()
    adapters.models.set()


def _becomes(client: TestClient, status: int) -> bool:
    for _ in range(1000):
        if client.get("/health/readiness").status_code == status:
            return True
        threading.Event().wait(0.01)
    return False


def test_it_is_alive_before_its_database_is_and_ready_after(late: Late) -> None:
    with TestClient(FunctionApp(Target("stitch", Kind.STEP, ()), late)) as client:
        assert late.asked.wait(PATIENCE_S)
        assert client.get("/health/liveness").status_code == 200
        assert client.get("/health/readiness").status_code == 503
        late.database.set()
        assert _becomes(client, 200)
    assert late.warmed == []


def test_what_infers_is_ready_only_when_its_models_are_loaded(late: Late) -> None:
    late.database.set()
    with TestClient(FunctionApp(Target("embed", Kind.STEP, (), warm=True), late)) as client:
        assert client.get("/health/readiness").status_code == 503
        late.models.set()
        assert _becomes(client, 200)
    assert late.warmed == ["vision"]


def test_a_sender_is_asked_to_wait_when_too_many_do(late: Late) -> None:
    app = FunctionApp(Slow("slow", Kind.STEP, ("dataflux.work.stitch.normal",)), late)
    late.database.set()
    headers, body = to_binary(sample("work.stitch"))
    with TestClient(app) as client:
        threads = app._threads
        assert threads is not None
        assert client.portal is not None

        def slow() -> Answer:
            Slow.let_go.wait(PATIENCE_S)
            return NOTHING_TO_SAY

        def fill() -> None:
            for _ in range(MOST_WAITING + 8):
                threads.run(slow)

        client.portal.call(fill)
        answer = client.post("/", headers=headers, content=body)
        Slow.let_go.set()
        assert answer.status_code == 429
        assert answer.headers["retry-after"] == "1"
        assert len(answer.content) < 1024


def test_metrics_are_shown_and_nothing_else(late: Late) -> None:
    with TestClient(FunctionApp(Target("stitch", Kind.STEP, ()), late)) as client:
        assert "dataflux_work_seconds" in client.get("/metrics").text
        assert client.get("/").status_code == 405
        assert client.get("/health/secrets").status_code == 405


def test_bad_settings_stop_the_start(late: Late, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATAFLUX_LEASE_S", "soon")
    said: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "lifespan.startup"}

    async def send(message: MutableMapping[str, Any]) -> None:
        said.append(message)

    app = FunctionApp(Target("stitch", Kind.STEP, ()), late)
    asyncio.run(app({"type": "lifespan"}, receive, send))
    assert said[0]["type"] == "lifespan.startup.failed"
    assert "DATAFLUX_LEASE_S" in said[0]["message"]
