"""Every event function loads as functions-framework loads it, and takes its golden events."""

from pathlib import Path
from typing import Any

import functions_framework
import pytest

from events import codec
from events.event import Event
from events.http import to_binary
from events.topics import topic_of
from functions.hosts import framework as flask_host
from functions.targets import BY_NAME, TARGETS
from stores.records import dead_letters
from stores.records.dead_letters import Selection
from tests.events.golden import GOLDEN
from tests.fixtures.platform import Platform

FUNCTIONS = Path(__file__).parents[2] / "functions"
EVENTS = [codec.loads(path.read_bytes()) for path in sorted(GOLDEN.glob("*.json"))]
RAW, DEAD = BY_NAME["notify"], BY_NAME["bury"]
TAKEN = [
    pytest.param(target.name, event, id=f"{target.name}-{event.name}")
    for target in TARGETS
    for event in EVENTS
    if topic_of(event) in (target.topics or ("dataflux.timer.tick",)) and target not in (RAW, DEAD)
]


@pytest.fixture
def served(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> Platform:
    monkeypatch.setattr(flask_host, "adapters", lambda: lambda: platform.deps)
    return platform


def client(name: str) -> Any:
    source = FUNCTIONS / name / "main.py"
    framework: Any = functions_framework
    return framework.create_app(target=name, source=str(source)).test_client()


def test_there_are_golden_events_for_every_function() -> None:
    taking = {name for name, _ in (param.values for param in TAKEN)}
    assert taking == set(BY_NAME) - {RAW.name, DEAD.name}


@pytest.mark.parametrize(("name", "event"), TAKEN)
def test_every_function_takes_its_golden_events(served: Platform, name: str, event: Event) -> None:
    """What they are about is not here any more: there is nothing to do, and that is no failure."""
    headers, body = to_binary(event)
    answer = client(name).post("/", headers=headers, data=body)
    assert (answer.status_code, answer.data) == (200, b"")


def test_what_stores_tell_is_taken_as_it_comes(served: Platform) -> None:
    message = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b"}
    answer = client(RAW.name).post("/", json=message)
    assert (answer.status_code, answer.data) == (200, b"")
    source = {"ce-source": "/apis/v1/namespaces/dataflux/kafkasources/buckets#bucket-events"}
    answer = client(RAW.name).post("/", data=b"no JSON", headers=source)
    assert (answer.status_code, answer.data) == (200, b"")
    with served.deps.engine.system("admin") as conn:
        letters = dead_letters.page(conn, Selection(function=RAW.name))
    assert letters[0].topic == source["ce-source"]


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


def test_every_function_has_its_files() -> None:
    handled = {p.parent.name for p in FUNCTIONS.glob("*/handler.py")}
    assert handled - {"search"} == set(BY_NAME)
    for place in sorted(p.parent for p in FUNCTIONS.glob("*/handler.py")):
        assert (place / "main.py").exists()
        assert (place / "func.yaml").exists()
