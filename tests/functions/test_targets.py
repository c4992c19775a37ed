"""Every event function loads as functions-framework loads it, and answers with its own status."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import functions_framework
import pytest
import yaml

from dataflux.errors import Unavailable
from events.event import PREFIX, Event
from events.http import to_binary, to_structured
from functions.hosts import http
from functions.targets import BY_NAME, TARGETS
from tests.fixtures.platform import Platform

FUNCTIONS = Path(__file__).parents[2] / "functions"


@pytest.fixture
def served(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> Platform:
    monkeypatch.setattr(http, "_deps", lambda: platform.deps)
    return platform


def client(name: str) -> Any:
    source = FUNCTIONS / name / "main.py"
    framework: Any = functions_framework
    return framework.create_app(target=name, source=str(source)).test_client()


def tick() -> Event:
    from datetime import UTC, datetime

    return Event(str(uuid4()), f"{PREFIX}timer.tick", "/test", datetime.now(UTC), {"timer": "t"})


@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_every_main_loads_and_refuses_what_is_not_its_own(served: Platform, name: str) -> None:
    posted = client(name)
    assert posted.get("/").status_code == 405
    assert posted.post("/", data=b"nonsense").status_code == 400
    unknown = Event("1", "org.example.thing", "/test", tick().time)
    headers, body = to_structured(unknown)
    answer = posted.post("/", headers=headers, data=body)
    assert answer.status_code == 422
    assert len(answer.data) < 1024


@pytest.mark.parametrize("name", ["relay", "reconcile"])
def test_sweepers_take_ticks(served: Platform, name: str) -> None:
    headers, body = to_binary(tick())
    answer = client(name).post("/", headers=headers, data=body)
    assert (answer.status_code, answer.data) == (200, b"")


def test_a_file_goes_through_all_functions_over_http(served: Platform) -> None:
    """The same events, posted to functions-framework, instead of handed to the engine."""
    clients = {target.name: client(target.name) for target in TARGETS if target.topics}
    received = served.drop("notes.md", b"# Notes\n\nPuffins nest in burrows.\n")
    consumers = {t: served.deps.bus.subscribe(t.name, t.topics) for t in TARGETS if t.topics}
    moved = True
    while moved:
        moved = False
        for target, consumer in consumers.items():
            for delivery in consumer.poll(50, 0):
                moved = True
                assert delivery.event is not None
                headers, body = to_binary(delivery.event)
                answer = clients[target.name].post("/", headers=headers, data=body)
                assert answer.status_code == 200, (target.name, answer.data)
                consumer.ack(delivery)
    (completed,) = served.facts("asset.processing_completed")
    assert completed.extensions["entityid"] == str(received.lineage)


def test_a_dependency_that_is_down_is_a_503(
    served: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: object) -> None:
        raise Unavailable("postgres: is down; try again")

    monkeypatch.setattr("functions.relay.handler.handle", down)
    headers, body = to_binary(tick())
    assert client("relay").post("/", headers=headers, data=body).status_code == 503


def test_a_bug_is_a_500_that_says_nothing(
    served: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    def bug(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("functions.relay.handler.handle", bug)
    headers, body = to_binary(tick())
    answer = client("relay").post("/", headers=headers, data=body)
    assert answer.status_code == 500
    assert b"secret" not in answer.data


def test_every_function_has_its_files() -> None:
    for place in sorted(p.parent for p in FUNCTIONS.glob("*/handler.py")):
        described = yaml.safe_load((place / "func.yaml").read_text())
        assert described["name"] == place.name.replace("_", "-")
        assert (place / "main.py").exists()
    handled = {p.parent.name for p in FUNCTIONS.glob("*/handler.py")}
    assert handled - {"search"} == set(BY_NAME)
