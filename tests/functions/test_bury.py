"""What a Knative dispatcher has given up becomes the letter that our own hosts would have kept."""

from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflux.policy import REDELIVERIES
from events import codec
from events.bus import Delivery
from events.event import Event
from events.http import to_binary
from events.samples import sample
from functions.bury.handler import WRAPPED, letters
from functions.bury.verdict import verdict
from functions.disposition import Disposition
from functions.hosts import framework as flask_host
from functions.hosts.given_up import KNATIVE, GivenUp
from functions.letters import Action, read, settle
from functions.notify import handler as notify
from functions.targets import TARGETS
from stores.records import assets, dead_letters
from stores.records.dead_letters import DeadLetter, Selection, StoredLetter
from tests.fixtures.platform import Platform, admin_of
from tests.functions.test_targets import client

GOLDEN = Path(__file__).parents[1] / "golden" / "knative"
NOTES = b"# Notes\n\nOtters sleep in kelp.\n"
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
PROJECT = "http://project.dataflux.svc.cluster.local"
RECORD = {
    "ce-specversion": "1.0",
    "ce-type": WRAPPED,
    "ce-id": "partition:3/offset:17",
    "ce-source": "/apis/v1/namespaces/dataflux/kafkasources/relate#dataflux.segment.indexed",
    "ce-subject": "partition:3#17",
    "ce-knativeerrordest": "http://relate.dataflux.svc.cluster.local",
    "ce-knativeerrorcode": "422",
}
FED = [target for target in TARGETS if target.topics]
Post = Callable[[Mapping[str, str], bytes], None]


@pytest.fixture
def served(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> Platform:
    monkeypatch.setattr(flask_host, "adapters", lambda: lambda: platform.deps)
    return platform


@pytest.fixture
def post(served: Platform) -> Post:
    """Post to the function as KafkaSource does; it refuses nothing and says nothing."""
    function = client("bury")

    def posted(headers: Mapping[str, str], body: bytes) -> None:
        answer = function.post("/", headers=dict(headers), data=body)
        assert (answer.status_code, answer.data) == (200, b"")

    return posted


def given_up(event: Event, dest: str, answer: Any) -> tuple[dict[str, str], bytes]:
    """Return what comes of an event and the last answer: RecordDispatcherImpl.errorTransform."""
    added = {name[4:].lower(): v for name, v in answer.headers.items() if name[:4] == "kne-"}
    said = b64encode(answer.data[:1024]).decode()
    added |= dict(zip(KNATIVE, (dest, str(answer.status_code), said), strict=True))
    return to_binary(replace(event, extensions={**event.extensions, **added}))


def kept(platform: Platform, **chosen: Any) -> list[StoredLetter]:
    return read(platform.deps, admin_of(platform), dead_letters.page, Selection(**chosen))


def bytes_of(platform: Platform, letter: UUID) -> bytes:
    return platform.deps.engine.read(platform.caller.tenant, dead_letters.bytes_of, letter)


def golden(name: str) -> tuple[dict[str, str], bytes]:
    head, _, body = (GOLDEN / name).read_bytes().partition(b"\n\n")
    lines = (line.partition(": ") for line in head.decode().splitlines())
    return {key: value for key, _, value in lines}, body.rstrip(b"\n")


def test_it_is_the_letter_that_a_pool_keeps() -> None:
    headers, body = golden("dead-letter.txt")
    event = sample("segment.embedded")
    (letter,) = letters(body, headers, NOW)
    delivery = Delivery("dataflux.segment.embedded", 0, 1, codec.dumps(event), event)
    why = Disposition("failed", "answered 500 failed")
    pools = GivenUp("project", delivery, why, 1 + REDELIVERIES, NOW, NOW).letter()
    assert replace(letter, origin={}) == replace(pools, origin={})
    told = {name: headers[f"ce-{name}"] for name in KNATIVE}
    assert letter.origin == {"topic": "dataflux.segment.embedded", **told}


def dispatch(platform: Platform, bury: Post) -> list[Event]:
    """Feed all functions over HTTP and bury what they fail at, as Knative does; return that."""
    dead = []
    fed = [(t.name, client(t.name), platform.deps.bus.subscribe(t.name, t.topics)) for t in FED]
    moved = True
    while moved:
        moved = False
        for name, function, consumer in fed:
            for delivery in consumer.poll(50, 0):
                moved = True
                assert delivery.event is not None
                headers, body = to_binary(delivery.event)
                answer = function.post("/", headers=headers, data=body)
                if answer.status_code != 200:
                    dead.append(delivery.event)
                    for _ in range(2):  # at least once, and so perhaps twice, comes each letter
                        bury(*given_up(delivery.event, f"http://{name}.dataflux.svc", answer))
                consumer.ack(delivery)  # given up or not, Knative goes on
    return dead


def test_what_was_given_up_is_listed_and_after_the_mend_retried(
    served: Platform, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    received = served.drop("notes.md", NOTES)
    with monkeypatch.context() as patched:
        patched.setattr("functions.project.handler.handle", broken)
        dead = {event.id: event for event in dispatch(served, post)}
    found = kept(served)
    assert dead
    assert {letter.event_id for letter in found} == set(dead)
    assert len(found) == len(dead)
    for letter in found:
        assert (letter.function, letter.reason) == ("project", "function_failed")
        assert letter.attempts == 1 + REDELIVERIES, "the same letter twice is one"
        event = dead[str(letter.event_id)]
        assert bytes_of(served, letter.id) == codec.dumps(event), "nothing is added to it"
    assert dispatch(served, post) == [], "nothing comes again by itself"
    assert not is_indexed(served, received.lineage)
    done = settle(served.deps, found, Action.RETRY, dry_run=False)
    assert {each.refused for each in done} == {None}
    assert dispatch(served, post) == []
    assert is_indexed(served, received.lineage)
    assert kept(served) == []
    assert len(kept(served, state="retried")) == len(dead)


def is_indexed(platform: Platform, lineage: UUID) -> bool:
    tenant = platform.caller.tenant
    return platform.deps.engine.read(tenant, assets.get, lineage).indexed_at is not None


def test_what_fails_after_a_retry_is_the_same_letter_and_dead_again(
    served: Platform, post: Post
) -> None:
    headers, body = golden("dead-letter.txt")
    headers["ce-tenantid"] = str(served.caller.tenant)
    post(headers, body)
    (first,) = kept(served)
    assert served.deps.engine.settle(first.id, "retried")
    assert kept(served) == []
    post({**headers, "ce-onlyfor": "project", "ce-knativeerrorcode": "503"}, body)
    (again,) = kept(served)
    assert (again.id, again.attempts) == (first.id, 2 * first.attempts)
    assert again.reason == "dependency_down"
    assert again.origin["knativeerrorcode"] == "503"


def test_a_record_that_is_no_event_keeps_its_bytes_and_its_place() -> None:
    (letter,) = letters(b"\xff{", RECORD, NOW)
    delivery = Delivery("dataflux.segment.indexed", 3, 17, b"\xff{", None)
    why = Disposition("unreadable", letter.detail)
    pools = GivenUp("relate", delivery, why, 1, NOW, NOW).letter()
    assert replace(letter, origin={}) == replace(pools, origin={})
    assert (letter.origin["partition"], letter.origin["offset"]) == (3, 17)
    assert letter.reason == "invalid_envelope"


def test_what_only_knative_takes_for_an_event_is_kept_whole(served: Platform, post: Post) -> None:
    headers, _ = golden("dead-letter.txt")
    headers |= {"ce-id": f"{uuid4()}%00", "ce-knativeerrorcode": "422"}
    for _ in range(2):
        post(headers, b"[1]")
    with served.deps.engine.system("admin") as conn:
        chosen = Selection(function="project", reason="invalid_envelope")
        (letter,) = dead_letters.page(conn, chosen)
        value = orjson.loads(dead_letters.bytes_of(conn, letter.id))
    assert value["data"] == [1]
    assert value["entityid"] == headers["ce-entityid"]
    assert not {*KNATIVE, "dfreason"} & set(value)
    assert letter.topic == "dataflux.segment.embedded"
    assert (letter.tenant, letter.attempts) == (None, 1)
    (refused,) = settle(served.deps, [letter], Action.RETRY, dry_run=False)
    assert "is no JSON object" in str(refused.refused)
    settle(served.deps, [letter], Action.DISCARD, dry_run=False)


def test_what_a_store_told_is_the_letter_of_notify() -> None:
    body = b'{"Records": []}'
    source = "/apis/v1/namespaces/dataflux/kafkasources/notify#dataflux.notifications"
    dest = "http://notify.dataflux.svc.cluster.local"
    headers = RECORD | {"ce-source": source, "ce-knativeerrordest": dest}
    for code, reason in (("503", "dependency_down"), ("500", "function_failed")):
        (letter,) = letters(body, headers | {"ce-knativeerrorcode": code}, NOW)
        problem = letter.reason, letter.detail
        own = notify.letter(body, source, [problem], NOW)  # type: ignore[list-item]
        assert letter.reason == reason
        assert (letter.id, letter.event, letter.topic) == (own.id, body, source)
        assert letter.function == notify.FUNCTION


PROBLEM = orjson.dumps({"title": "invalid", "status": 422, "detail": "Invalid: odd"})


@pytest.mark.parametrize(
    ("dest", "code", "data", "expected"),
    [
        (PROJECT, "500", b"", ("project", "failed", 11, f"{PROJECT} answered 500")),
        (PROJECT, "", b"", ("project", "failed", 11, f"{PROJECT} did not answer")),
        ("http://segment-high.media", "503", b"down", ("segment", "retry", 11, "down")),
        (
            "http://my-segment-low.x",
            "422",
            PROBLEM,
            ("segment", "invalid", 1, "Invalid: odd"),
        ),
        ("http://ingest-normal.x", "413", PROBLEM[:9], ("ingest", "invalid", 1, '{"title":')),
        ("https://mine.x:8080/y", "429", b"\xc3", ("mine", "retry", 11, "\ufffd")),
        ("", "", b"", ("bury", "failed", 1, "nobody says why it was given up")),
    ],
)
def test_who_gave_up_and_why(
    dest: str, code: str, data: bytes, expected: tuple[str, str, int, str]
) -> None:
    told = dict(zip(KNATIVE, (dest, code, b64encode(data).decode()), strict=True))
    found = verdict(told)
    assert (found.function, found.why.name, found.attempts, found.why.detail) == expected
    assert found.told == {name: value for name, value in told.items() if value}


NAMES = ("id", "type", "source", "time", "hops", "tenantid", "lane", "specversion", *KNATIVE)
VALUES = st.text(st.characters(max_codepoint=255)) | st.sampled_from(["1.0", WRAPPED, PROJECT, "%"])
HEADERS = st.dictionaries(st.sampled_from([f"Ce-{name}" for name in NAMES]), VALUES)
KINDS = st.sampled_from(["application/json", "application/cloudevents+json", "text/plain", ""])


@given(HEADERS, KINDS, st.binary() | st.sampled_from([b"{}", b"[]", b'{"id": 1}']))
def test_whatever_comes_becomes_a_letter(headers: dict[str, str], kind: str, body: bytes) -> None:
    (letter,) = letters(body, {**headers, "Content-Type": kind}, NOW)
    assert isinstance(letter, DeadLetter)
    assert letter.function
    assert letter.topic
    assert len(letter.function) <= 50
