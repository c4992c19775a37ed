"""Notifications as the services send them: those of MinIO and versitygw were recorded from them."""

import contextlib
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflux.errors import Invalid
from events.notifications import Created, Notice, Other, read

GOLDEN = Path(__file__).parents[1] / "golden/notifications"
HARD = "in/a b+c%41 100%.txt"
UNICODE = "in/ünïcödé 日本🎬.mp4"
AWS, AWS_2 = "amzn-s3-demo-bucket", "amzn-s3-demo-bucket1"
VERSION = "096fKKXTRTtl3on89fVO.nfljtsv6qko"
HARD_OF_AWS = Created(AWS, HARD, VERSION)
HARD_OF_MINIO = Created("media", HARD, "876ca0ec-1ed6-400d-a79b-96b57421e7b4")

EXPECTED: dict[str, list[Notice]] = {
    "aws-ObjectCreated-Put-hard": [HARD_OF_AWS],
    "aws-several": [
        Created(AWS, "one.png"),
        Created(AWS, "two.png"),
        Created(AWS, "ünï/日本 🎬.mp4"),
        Other("ObjectRemoved:Delete"),
        Other("ObjectTagging:Put"),
        Other("ObjectRestore:Completed"),
        Other("LifecycleExpiration:DeleteMarkerCreated"),
    ],
    "aws-DeleteMarkerCreated": [Other("ObjectRemoved:DeleteMarkerCreated")],
    "aws-longest-key": [Created(AWS, "日" * 341 + "x")],
    "aws-test": [Other("s3:TestEvent")],
    "sns-http": [HARD_OF_AWS],
    "sns-lambda": [HARD_OF_AWS],
    "sqs-lambda": [HARD_OF_AWS, HARD_OF_AWS],
    "eventbridge-created": [Created(AWS_2, HARD, "IYV3p45BT0ac8hjHg1houSdS1a.Mro8e")],
    "eventbridge-deleted": [Other("Object Deleted")],
    "cloudevent-kafka": [HARD_OF_MINIO],
    "cloudevent-base64": [HARD_OF_AWS],
    "minio-ObjectCreated-Put": [
        Created("media", "in/plain.png", "b93d02e3-1eb9-42a0-b93e-8336155eccd9")
    ],
    "minio-ObjectCreated-Put-hard": [HARD_OF_MINIO],
    "minio-ObjectCreated-Put-unicode": [
        Created("media", UNICODE, "c47a6004-0a2a-44d1-a06b-f3a4e1ef8c97")
    ],
    "minio-ObjectCreated-Put-folder": [Created("media", "folder/", "null")],
    "minio-ObjectCreated-Copy": [
        Created("media", "in/copy.png", "32f5bd51-b6e3-4f41-9eed-571ec7b03c8d")
    ],
    "minio-ObjectCreated-CompleteMultipartUpload": [
        Created("media", "in/film.mp4", "48b95425-5a0e-4016-aa60-ad552828b03f")
    ],
    "minio-ObjectCreated-PutTagging": [Other("ObjectCreated:PutTagging")],
    "minio-ObjectRemoved-Delete": [Other("ObjectRemoved:Delete")],
    "minio-ObjectRemoved-DeleteMarkerCreated": [Other("ObjectRemoved:DeleteMarkerCreated")],
    "versitygw-test": [Other("s3:TestEvent")],
    "versitygw-ObjectCreated-Put": [Created("media", "in/plain.png")],
    "versitygw-ObjectCreated-Put-hard": [Created("media", HARD)],
    "versitygw-ObjectCreated-Put-unicode": [Created("media", UNICODE)],
    "versitygw-ObjectCreated-Put-folder": [Created("media", "folder/")],
    "versitygw-ObjectCreated-Copy": [Created("media", "in/copy.png", "01M86QBVN371D51HXRM6GYCJ85")],
    "versitygw-ObjectCreated-CompleteMultipartUpload": [
        Created("media", "in/film.mp4", "01M86QBVM26V7W0B42GXSV1R5D")
    ],
    "versitygw-ObjectRemoved-Delete": [Other("ObjectRemoved:Delete")],
    "versitygw-ObjectTagging-Put": [Other("ObjectTagging:Put")],
}


def _sample(name: str) -> bytes:
    return (GOLDEN / f"{name}.json").read_bytes()


@pytest.mark.parametrize("name", EXPECTED)
def test_a_notification_is_read(name: str) -> None:
    found = read(_sample(name))
    created = [each for each in found if isinstance(each, Created)]
    assert all(re.fullmatch("[0-9a-f]{32}(-1)?", str(each.etag)) for each in created)
    assert [replace(x, etag=None) if isinstance(x, Created) else x for x in found] == EXPECTED[name]


def test_every_sample_is_used() -> None:
    names = {path.stem for path in GOLDEN.iterdir()}
    assert names == {*EXPECTED, "sns-confirmation"}


def _nested(depth: int) -> bytes:
    message = _sample("aws-test").decode()
    for _ in range(depth):
        message = json.dumps({"Type": "Notification", "Message": message})
    return message.encode()


def _record(**changed: Any) -> bytes:
    record = json.loads(_sample("aws-ObjectCreated-Put-hard"))["Records"][0]
    return json.dumps({"Records": [record | changed]}).encode()


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (b"", "no JSON"),
        (b"\xff\xfe", "no JSON"),
        (b"null", "with a NoneType for an object"),
        (b"[]", "with a list for an object"),
        (b"{}", r"the fields \(none\)"),
        (b'{"event":"backup","id":7}', "the fields event, id"),
        (b'{"Records":[{}]}', r"no record .* \(none\)"),
        (b'{"Records":["x"]}', "with a str for an object"),
        (_record(eventSource="aws:dynamodb"), "no record of an object store is known"),
        (_record(s3={"bucket": {"name": "b"}}), "without the names of its bucket and key"),
        (_record(s3={"bucket": {"name": "b"}, "object": {"key": "%FF"}}), "no UTF-8"),
        (_sample("sns-confirmation"), "open its SubscribeURL"),
        (b'{"Type":"Notification","Message":"hello"}', "the message of SNS is no JSON"),
        (b'{"specversion":"1.0","data_base64":"?"}', "no Base64"),
        (b'{"specversion":"1.0","data":{"x":1}}', "the fields x"),
        (_nested(4), "more than 4 messages lie in each other"),
    ],
)
def test_what_is_not_understood_is_said(raw: bytes, problem: str) -> None:
    with pytest.raises(Invalid, match=problem):
        read(raw)


NAMES = st.sampled_from(["Records", "Type", "Message", "source", "detail", "specversion", "s3"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inside: st.lists(inside) | st.dictionaries(NAMES, inside),
)


@given(st.binary() | VALUES.map(lambda value: json.dumps(value).encode()))
def test_anything_is_read_or_refused(raw: bytes) -> None:
    with contextlib.suppress(Invalid):
        read(raw)
