"""The HTTP binding: three modes, both directions, and the SDK of CloudEvents as the referee."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from cloudevents.conversion import to_binary as sdk_binary
from cloudevents.conversion import to_structured as sdk_structured
from cloudevents.http import CloudEvent
from cloudevents.http import from_http as sdk_from_http
from hypothesis import given
from hypothesis import strategies as st

from dataflux.errors import Invalid, TooLarge
from events import codec
from events.event import Event
from events.http import BATCH, LIMIT, STRUCTURED, from_http, to_batch, to_binary, to_structured
from events.samples import sample
from tests.events.drawn import events, plain

BARE = {"ce-specversion": "1.0", "ce-id": "1", "ce-type": "t", "ce-source": "/s"}


def _problems(headers: dict[str, str], body: bytes = b"") -> dict[str, str]:
    with pytest.raises(Invalid) as raised:
        from_http(headers, body)
    return raised.value.fields


@given(events())
def test_binary_survives(event: Event) -> None:
    headers, body = to_binary(event)
    assert from_http(headers, body) == [event]
    for value in headers.values():
        assert all(0x21 <= ord(c) <= 0x7E for c in value), "a header of visible ASCII"


@given(events())
def test_structured_survives(event: Event) -> None:
    assert from_http(*to_structured(event)) == [event]


@given(st.lists(events(), max_size=4))
def test_a_batch_survives_in_order(batch: list[Event]) -> None:
    assert from_http(*to_batch(batch)) == batch


def _same(theirs: CloudEvent, ours: Event) -> None:
    attributes: dict[str, Any] = dict(theirs.get_attributes())
    expected = codec.to_dict(ours)
    for name in ("data", "time", "datacontenttype"):
        attributes.pop(name, None)
        expected.pop(name)
    assert attributes == expected
    assert theirs.get_data() == dict(ours.data)


@given(events(plain))
def test_the_sdk_reads_what_we_write_in_binary(event: Event) -> None:
    _same(sdk_from_http(*to_binary(event)), event)


@given(events())
def test_the_sdk_reads_what_we_write_structured(event: Event) -> None:
    _same(sdk_from_http(*to_structured(event)), event)


@pytest.mark.parametrize("write", [sdk_binary, sdk_structured])
@given(event=events(plain))
def test_we_read_what_the_sdk_writes(
    write: Callable[[CloudEvent], tuple[dict[str, str], bytes]], event: Event
) -> None:
    attributes = codec.to_dict(event)
    data = attributes.pop("data")
    assert from_http(*write(CloudEvent(attributes, data))) == [event]


def test_we_read_bytes_from_the_sdk() -> None:
    attributes = codec.to_dict(sample("timer.tick"))
    data = json.dumps(attributes.pop("data")).encode()
    assert from_http(*sdk_structured(CloudEvent(attributes, data))) == [sample("timer.tick")]


def test_the_content_type_decides_whatever_headers_say() -> None:
    stray = {f"ce-{name}": "stray" for name in ("specversion", "id", "type", "source")}
    headers, body = to_structured(sample("timer.tick"))
    assert from_http(stray | headers, body) == [sample("timer.tick")]
    headers, body = to_batch([sample("timer.tick")])
    assert from_http(stray | headers, body) == [sample("timer.tick")]


@pytest.mark.parametrize("type", [STRUCTURED, f"{STRUCTURED.title()}; charset=UTF-8"])
def test_the_content_type_may_be_spelt_otherwise(type: str) -> None:
    body = codec.dumps(sample("timer.tick"))
    assert from_http({"Content-Type": type}, body) == [sample("timer.tick")]


def test_headers_that_are_no_attributes_are_left_alone() -> None:
    headers, body = to_binary(sample("timer.tick"))
    more = {"host": "x", "x-ce-id": "y", "cex": "z", "ce-datacontenttype": "text/xml"}
    assert from_http({k.upper(): v for k, v in (headers | more).items()}, body) == [
        sample("timer.tick")
    ]


@pytest.mark.parametrize(
    ("value", "header"),
    [
        ("café", "caf%C3%A9"),
        ("100%41", "100%2541"),
        ('a "b"', "a%20%22b%22"),
        ("a/b?c#d", "a/b?c#d"),
        ("line\r\nx: y", "line%0D%0Ax:%20y"),
    ],
)
def test_a_header_is_encoded(value: str, header: str) -> None:
    event = replace(sample("timer.tick"), subject=value)
    headers, body = to_binary(event)
    assert headers["ce-subject"] == header
    assert from_http(headers, body) == [event]


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("caf%C3%A9", "café"),
        ("a%20b%22%25", 'a b"%'),
        ("a%2fb", "a/b"),
        (r'"a \"b\" \\ c"', r'a "b" \ c'),
        (r'"\\\"%41"', r"\"A"),
        ('"', '"'),
        ("100%", "100%"),
        ("a b", "a b"),
    ],
)
def test_a_header_is_decoded(header: str, value: str) -> None:
    assert from_http({**BARE, "ce-subject": header}, b"")[0].subject == value


def test_every_problem_of_a_binary_request_is_named() -> None:
    headers = {"ce-specversion": "2", "ce-subject": "%FF", "ce-bad_name": "x", "ce-time": "now"}
    found = _problems(headers | {"content-type": "text/plain"}, b"{")
    assert set(found) == {
        *("specversion", "subject", "bad_name", "time"),
        *("id", "type", "source", "datacontenttype", "data"),
    }


def test_every_problem_of_a_batch_is_named_with_its_place() -> None:
    good = codec.to_dict(sample("timer.tick"))
    batch = [good, {**good, "id": ""}, 7, {**good, "specversion": "2"}]
    found = _problems({"content-type": BATCH}, json.dumps(batch).encode())
    assert set(found) == {"1.id", "2.", "3.specversion"}


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, b""),
        ({"content-type": "application/json"}, b"{}"),
        ({"content-type": BATCH}, b"{}"),
        ({"content-type": STRUCTURED}, b"[]"),
        ({"content-type": STRUCTURED}, b""),
    ],
)
def test_what_is_no_event_is_refused(headers: dict[str, str], body: bytes) -> None:
    with pytest.raises(Invalid):
        from_http(headers, body)


def test_no_body_is_no_data() -> None:
    assert from_http(BARE, b"")[0].data == {}


def test_an_empty_batch_holds_nothing() -> None:
    assert from_http({"content-type": BATCH}, b"[]") == []


def test_a_request_has_a_limit() -> None:
    fits = b'{"a":"' + b"x" * (LIMIT - 8) + b'"}'
    assert len(from_http(BARE, fits)[0].data["a"]) == LIMIT - 8
    with pytest.raises(TooLarge, match=str(LIMIT)):
        from_http(BARE, fits + b" ")
