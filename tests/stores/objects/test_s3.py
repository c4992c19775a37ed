"""What only S3 has: uploads in parts that go on, ranges read ahead, faults of the network."""

import hashlib
import io
import random
from collections.abc import Callable
from typing import Any

import pytest
from botocore.response import StreamingBody

from dataflux.errors import Conflict, Invalid, MediaFailed, NotFound, Unavailable
from stores.objects import s3_upload
from stores.objects.s3 import S3Objects
from stores.objects.s3_client import client_of
from stores.objects.s3_place import Place
from stores.objects.s3_reader import AHEAD, FIRST
from tests.fixtures.s3 import REGION, new_bucket, new_store

MIB = 1 << 20
SERVERS = [
    "moto",
    pytest.param("versitygw", marks=pytest.mark.services),
    pytest.param("minio", marks=pytest.mark.services),
]


@pytest.fixture(params=SERVERS)
def objects(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> S3Objects:
    monkeypatch.setattr(s3_upload, "PART", 5 * MIB)  # the least that S3 takes
    return new_store(request.getfixturevalue(request.param), prefix="some/prefix")


def _bytes(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def _counted(objects: S3Objects, name: str) -> list[dict[str, Any]]:
    """Return what the parameters of one kind of request will have been."""
    seen: list[dict[str, Any]] = []
    objects.client.meta.events.register(
        f"provide-client-params.s3.{name}", lambda params, **_: seen.append(params)
    )
    return seen


def _break(objects: S3Objects, name: str, when: Callable[[dict[str, Any]], bool]) -> None:
    """Let requests of one kind fail as if the store could not be reached."""

    def fail(params: dict[str, Any], **_: Any) -> None:
        if when(params):
            raise ConnectionResetError("the store has gone")

    objects.client.meta.events.register(f"provide-client-params.s3.{name}", fail, unique_id="break")


def _mend(objects: S3Objects, name: str) -> None:
    objects.client.meta.events.unregister(f"provide-client-params.s3.{name}", unique_id="break")


@pytest.mark.parametrize("size", [5 * MIB - 1, 5 * MIB, 5 * MIB + 1, 12 * MIB])
def test_what_is_sent_in_parts_is_whole(objects: S3Objects, size: int) -> None:
    body = _bytes(size)
    info = objects.put("a", io.BytesIO(body))
    assert (info.size, info.sha256) == (size, hashlib.sha256(body).hexdigest())
    assert objects.head("a") == info
    assert [found.sha256 for found in objects.list("")] == [info.sha256]
    with objects.open("a") as reader:
        assert reader.read(0, size) == body


def test_an_upload_goes_on_where_it_broke_off(objects: S3Objects) -> None:
    body = _bytes(18 * MIB)
    _break(objects, "UploadPart", lambda params: params["PartNumber"] == 3)
    with pytest.raises(Unavailable):
        objects.put("a", body)
    with pytest.raises(NotFound):
        objects.head("a")
    _mend(objects, "UploadPart")
    sent = _counted(objects, "UploadPart")
    info = objects.put("a", body)
    assert [params["PartNumber"] for params in sent] == [3, 4]
    assert info.sha256 == hashlib.sha256(body).hexdigest()
    with objects.open("a") as reader:
        assert reader.read(0, info.size) == body


def test_other_bytes_are_not_taken_for_those_that_are_there(objects: S3Objects) -> None:
    _break(objects, "UploadPart", lambda params: params["PartNumber"] == 3)
    with pytest.raises(Unavailable):
        objects.put("a", _bytes(18 * MIB))
    _mend(objects, "UploadPart")
    other = bytearray(_bytes(18 * MIB))
    other[0] ^= 1
    sent = _counted(objects, "UploadPart")
    objects.put("a", bytes(other))
    assert [params["PartNumber"] for params in sent] == [1, 3, 4]
    with objects.open("a") as reader:
        assert reader.read(0, reader.size) == other


def test_a_sender_that_goes_leaves_no_parts(objects: S3Objects) -> None:
    class Gone(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() > 6 * MIB:
                raise ValueError("the sender has gone")
            return super().read(min(size or 0, MIB))

    with pytest.raises(ValueError, match="gone"):
        objects.put("a", Gone(_bytes(12 * MIB)))
    left = objects.client.list_multipart_uploads(Bucket=objects.bucket)
    assert not left.get("Uploads")


def test_parts_never_replace_what_is_there(objects: S3Objects) -> None:
    objects.put("a", b"one")
    with pytest.raises(Conflict, match="'some/prefix/a'"):
        objects.put("a", _bytes(6 * MIB), if_absent=True)
    with objects.open("a") as reader:
        assert reader.read(0, 9) == b"one"


@pytest.mark.services
@pytest.mark.parametrize("server", ["versitygw", "minio"])
def test_damage_on_the_way_in_is_refused(request: pytest.FixtureRequest, server: str) -> None:
    """The SHA-256 is that of what was meant to be sent (moto holds nothing against it)."""
    objects = new_store(request.getfixturevalue(server))

    def damage(params: dict[str, Any], **_: Any) -> None:
        params["Body"] = b"other bytes"

    objects.client.meta.events.register("provide-client-params.s3.PutObject", damage)
    with pytest.raises(Unavailable, match=r"BadDigest|ChecksumMismatch"):
        objects.put("a", b"some bytes")
    with pytest.raises(NotFound):
        objects.head("a")


def test_damage_in_the_store_is_found(objects: S3Objects) -> None:
    info = objects.put("a", b"some bytes")
    objects.client.put_object(
        Bucket=objects.bucket,
        Key="some/prefix/a",
        Body=b"same bytes",
        Metadata={"sha256": info.sha256},
    )
    with pytest.raises(MediaFailed, match="integrity_mismatch"):
        objects.open("a")


def test_a_film_is_read_with_few_requests(objects: S3Objects) -> None:
    body = _bytes(40 * MIB)
    objects.put("a", body)
    asked = _counted(objects, "GetObject")
    with objects.open("a") as reader:
        for at in range(0, len(body), MIB):
            assert reader.read(at, MIB) == body[at : at + MIB]
        assert len(asked) <= 3 + 40 * MIB // AHEAD
        asked.clear()
        for at in (30 * MIB, 10 * MIB, 20 * MIB):
            assert reader.read(at, 5) == body[at : at + 5]
    sizes = [_length(params["Range"]) for params in asked]
    assert sizes == [FIRST, FIRST, FIRST]


def _length(header: str) -> int:
    first, _, last = header.removeprefix("bytes=").partition("-")
    return int(last) - int(first) + 1


def test_a_connection_that_breaks_within_a_body_is_no_end(
    objects: S3Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = _bytes(4 * MIB)
    objects.put("a", body)
    reader = objects.open("a")
    whole, asked = StreamingBody.read, 0

    def read(self: StreamingBody, *args: Any) -> Any:
        nonlocal asked
        asked += 1
        data = whole(self, *args)
        if asked == 1:
            raise ConnectionResetError("within the body")
        return data[: len(data) // 2] if asked == 2 else data

    monkeypatch.setattr(StreamingBody, "read", read)
    assert reader.read(2 * MIB, 2 * MIB) == body[2 * MIB :]
    assert asked == 3


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("s3:///prefix?endpoint={url}", "names no bucket"),
        ("s3://no-such-bucket?endpoint={url}", "no bucket 'no-such-bucket'; create it"),
        ("s3://b?endpoint={url}&colour=red", "colour means nothing"),
        ("s3://b?endpoint=nonsense", "Invalid endpoint"),
    ],
)
def test_a_bad_address_says_what_is_wrong(moto: str, url: str, problem: str) -> None:
    with pytest.raises(Invalid, match=problem):
        S3Objects.at(url.format(url=moto) + f"&region={REGION}")


def test_a_store_that_is_down_is_unavailable(s3_keys: None) -> None:
    client = client_of(Place(endpoint="http://127.0.0.1:9", region=REGION))
    with pytest.raises(Unavailable, match="check the store"):
        S3Objects(client, "b").head("a")


def test_a_bucket_without_versions_serves_too(moto: str) -> None:
    client, bucket = new_bucket(moto, versions=False)
    objects = S3Objects(client, bucket)
    info = objects.put("a", b"one")
    assert objects.put("a", b"two").version == info.version == ""
    with objects.open("a") as reader:
        objects.put("a", b"three")
        assert reader.read(0, 9) == b"two"
    big = _bytes(3 * MIB)
    objects.put("a", big)
    with objects.open("a") as reader:
        objects.put("a", bytes(3 * MIB))
        with pytest.raises(NotFound, match="replaced"):
            reader.read(2 * MIB, MIB)
    objects.delete("a")
    with pytest.raises(NotFound):
        objects.head("a")


@pytest.mark.services
@pytest.mark.parametrize("server", ["versitygw", "minio"])
def test_a_wrong_secret_is_said_to_be_wrong(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, server: str
) -> None:
    bucket = new_store(endpoint := request.getfixturevalue(server)).bucket
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not the secret")
    with pytest.raises(Unavailable, match="check the credentials"):
        S3Objects.at(f"s3://{bucket}?endpoint={endpoint}&region={REGION}")
