"""Structured JSON: what goes in comes out, and what is bad is named."""

import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflux.errors import Invalid
from events import codec
from events.event import Event
from tests.events.drawn import events

BARE = {"specversion": "1.0", "id": "1", "type": "t", "source": "/s"}


def _problems(raw: Any) -> dict[str, str]:
    with pytest.raises(Invalid) as raised:
        codec.from_dict(raw)
    return raised.value.fields


@given(events())
def test_an_event_survives_being_written_and_read(event: Event) -> None:
    assert codec.loads(codec.dumps(event)) == event
    assert codec.from_dict(json.loads(codec.dumps(event))) == event


@given(events())
def test_time_is_written_in_utc(event: Event) -> None:
    written = codec.to_dict(event)["time"]
    assert written.endswith("Z")
    assert datetime.fromisoformat(written) == event.time


def test_every_problem_is_listed_at_once() -> None:
    bad = {
        "specversion": "0.3",
        "id": "",
        "source": 1.5,
        "time": "yesterday",
        "datacontenttype": "text/xml",
        "data": [1],
        "Not-A-Name": "x",
        "empty": "",
        "nested": {"a": 1},
    }
    assert set(_problems(bad)) == {*bad, "type"}


@pytest.mark.parametrize("raw", [[], "text", 7, None])
def test_what_is_no_object_is_no_event(raw: Any) -> None:
    assert _problems(raw) == {"": "is no object"}


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"nonsense", b"[" * 10_000])
def test_what_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(Invalid, match="no JSON"):
        codec.loads(body)


def test_unknown_extensions_are_kept_as_text() -> None:
    """JSON gives integers and booleans as such; their canonical text is the same in a header."""
    event = codec.from_dict({**BARE, "sequence": 12, "sampled": True, "vendor": "x"})
    assert event.extensions == {"sequence": "12", "sampled": "true", "vendor": "x"}


def test_null_is_as_good_as_absent() -> None:
    absent = dict.fromkeys(["subject", "datacontenttype", "dataschema", "vendor", "data"])
    event = codec.from_dict({**BARE, **absent})
    assert (event.subject, event.extensions, event.data) == (None, {}, {})


@pytest.mark.parametrize(
    "type", ["application/json", "Application/JSON; charset=utf-8", "a/b+json"]
)
def test_any_json_content_type_is_json(type: str) -> None:
    assert codec.from_dict({**BARE, "datacontenttype": type, "data": {"a": 1}}).data == {"a": 1}


def test_data_in_base64_is_read() -> None:
    body = b64encode(b'{"a": [1]}').decode()
    assert codec.from_dict({**BARE, "data_base64": body}).data == {"a": [1]}


@pytest.mark.parametrize("body", ["!", "bm9uc2Vuc2U=", 7, b64encode(b"\xff").decode()])
def test_bad_base64_is_named(body: Any) -> None:
    assert set(_problems({**BARE, "data_base64": body})) == {"data_base64"}


@pytest.mark.parametrize(
    ("time", "problem"),
    [
        ("2026-01-01T00:00:00", "has no time zone"),
        ("2026-13-01T00:00:00Z", "is no RFC 3339 time"),
        ("0001-01-01T00:00:00+05:00", "is no RFC 3339 time"),
        ("", "is no RFC 3339 time"),
    ],
)
def test_a_bad_time_is_named(time: str, problem: str) -> None:
    assert _problems({**BARE, "time": time}) == {"time": problem}


def test_without_a_time_it_is_when_it_was_read() -> None:
    assert abs(codec.from_dict(BARE).time - datetime.now(UTC)) < timedelta(minutes=1)


@pytest.mark.parametrize("name", ["id", "Vendor", "under_score", "a" * 21, "data", ""])
def test_an_extension_needs_a_name_of_its_own(name: str) -> None:
    with pytest.raises(Invalid) as raised:
        Event("1", "t", "/s", datetime.now(UTC), extensions={name: "x"})
    assert set(raised.value.fields) == {name}


@pytest.mark.parametrize("hops", ["0", "32", "007"])
def test_a_chain_of_causes_is_counted(hops: str) -> None:
    assert codec.from_dict({**BARE, "hops": hops}).extensions["hops"] == hops


@pytest.mark.parametrize("hops", ["33", "-1", "1.5", "many", "٣", " 1", "9" * 5000])
def test_a_chain_of_causes_that_is_no_number_or_a_loop_is_refused(hops: str) -> None:
    assert set(_problems({**BARE, "hops": hops})) == {"hops"}


def test_an_event_needs_id_type_source_and_a_time_zone() -> None:
    with pytest.raises(Invalid) as raised:
        Event("", "", "", datetime(2026, 1, 1))
    assert set(raised.value.fields) == {"id", "type", "source", "time"}


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_no_body_does_worse_than_being_invalid(body: bytes) -> None:
    try:
        codec.loads(body)
    except Invalid:
        return


def test_the_key_is_the_partition_key_then_the_subject_then_the_id() -> None:
    event = codec.from_dict({**BARE, "subject": "s", "partitionkey": "p"})
    assert event.key == "p"
    assert codec.from_dict({**BARE, "subject": "s"}).key == "s"
    assert codec.from_dict(BARE).key == "1"
