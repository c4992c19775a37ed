"""Functions fed over HTTP: what is sent, and what each answer means for its event."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue

import pytest

from events import codec
from events.event import Event
from events.http import from_http
from events.log_bus import LogBus
from events.samples import sample
from events.topics import fact_topic
from functions.disposition import Disposition
from functions.hosts.given_up import GivenUp
from functions.hosts.local import Hosted, LocalHost
from functions.hosts.retries import Backoff
from local.posting import Posted

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
EVENT = Event("1", "io.dataflux.timer.tick", "/test", NOW, {"timer": "relay"})


@dataclass
class Receiver:
    """Answers what it is told to, and remembers what it got."""

    status: int = 200
    body: bytes = b""
    hold: threading.Event | None = None
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            receiver.got.append((dict(self.headers), body))
            if receiver.hold is not None:
                receiver.hold.wait(10)
            self.send_response(receiver.status)
            self.send_header("content-length", str(len(receiver.body)))
            self.end_headers()
            self.wfile.write(receiver.body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield receiver
    if receiver.hold is not None:
        receiver.hold.set()
    server.shutdown()
    server.server_close()
    thread.join()


def run(receiver: Receiver, *events: Event, timeout_s: float = 5.0) -> Disposition:
    posted = Posted(receiver.url, timeout_s=timeout_s)
    try:
        return posted(events)
    finally:
        posted.close()


def test_each_event_is_a_request_in_binary_mode(receiver: Receiver) -> None:
    other = Event("2", EVENT.type, EVENT.source, NOW, EVENT.data)
    assert run(receiver, EVENT, other) == Disposition.DONE
    assert [from_http(*request) for request in receiver.got] == [[EVENT], [other]]
    headers, body = receiver.got[0]
    assert headers["Ce-Id" if "Ce-Id" in headers else "ce-id"] == "1"
    assert body == b'{"timer":"relay"}'


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (200, "done"),
        (204, "done"),
        (302, "invalid"),
        (400, "invalid"),
        (404, "retry"),
        (408, "retry"),
        (409, "retry"),
        (413, "invalid"),
        (422, "invalid"),
        (429, "retry"),
        (500, "failed"),
        (503, "retry"),
    ],
)
def test_a_status_means_what_it_means_to_knative(
    receiver: Receiver, status: int, expected: str
) -> None:
    receiver.status, receiver.body = status, b'{"title": "why"}' if status not in (204,) else b""
    told = run(receiver, EVENT)
    assert told.name == expected
    assert expected == "done" or str(status) in told.detail


def test_an_answer_that_does_not_come_is_waited_for_no_longer_than_said(receiver: Receiver) -> None:
    receiver.hold = threading.Event()
    told = run(receiver, EVENT, timeout_s=0.2)
    assert told == Disposition.RETRY
    assert "Timeout" in told.detail


def test_a_function_that_is_not_there_is_tried_again() -> None:
    posted = Posted("http://127.0.0.1:9")
    assert posted([EVENT]) == Disposition.RETRY
    posted.close()


def test_what_follows_a_failure_waits_for_its_own_turn(receiver: Receiver) -> None:
    receiver.status = 503
    assert run(receiver, EVENT, EVENT) == Disposition.RETRY
    assert len(receiver.got) == 1


def test_what_a_function_fails_again_and_again_is_a_dead_letter(
    receiver: Receiver, tmp_path: Path
) -> None:
    """As in a cluster: retries with backoff, then a letter that says what was answered."""
    receiver.status, receiver.body = 500, b'{"title":"failed","status":500}'
    buried: Queue[GivenUp] = Queue()
    bus = LogBus(tmp_path, in_memory=True)
    event = sample("segment.indexed")
    posted = Posted(receiver.url)
    hosted = Hosted("relate", (fact_topic("segment.indexed"),), posted)
    host = LocalHost(bus, [hosted], buried.put, slots=1, retry=Backoff(0.001, 0.002, tries=3))
    host.start()
    try:
        bus.publish([event])
        letter = buried.get(timeout=10).letter()
    finally:
        host.stop(1.0)
        posted.close()
    assert (letter.reason, letter.attempts, len(receiver.got)) == ("function_failed", 3, 3)
    assert letter.detail == '500 {"title":"failed","status":500}'
    assert codec.loads(letter.event) == event
