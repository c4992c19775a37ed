"""Ranged reads of one S3 object, ahead of a reader that goes through it."""

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Self

from botocore.exceptions import ClientError

from dataflux.errors import Conflict, MediaFailed, ObjectMissing, Unavailable
from schemas.names import Reason
from stores.objects.s3_client import Client, bare, code_of, translated

FIRST = 1 << 20
"""What is fetched with the opening: most derived objects are smaller."""
AHEAD = 8 << 20
"""The most that is fetched beyond what was asked for: the memory of one reader."""
TRIES = 3
"""A connection may break within a body, where botocore does not try again."""

HASH = "sha256"
"""The name of our hash among an object's metadata, or its tags."""


@dataclass
class S3Reader:
    """Random access to one version of an object; what replaces it is never read in its place.

    Reads in sequence fetch twice as much each time, so that one going through a film makes few
    requests, and one that jumps about in it fetches little that it does not need.
    """

    client: Client
    bucket: str
    key: str
    version: str | None
    etag: str
    size: int
    _start: int = 0
    _kept: bytes = b""
    _step: int = field(default=FIRST)

    @classmethod
    def open(
        cls,
        client: Client,
        bucket: str,
        key: str,
        version: str | None = None,
        etag: str | None = None,
    ) -> Self:
        """Open an object with one request; raise NotFound if it is not there, or another one is."""
        target = _target(bucket, key, version, etag)
        with translated(repr(key)[:200], version=version):
            try:
                answer = client.get_object(**target, Range=f"bytes=0-{FIRST - 1}")
                data = answer["Body"].read()
            except ClientError as error:
                if code_of(error) == "PreconditionFailed":
                    raise _replaced(key) from error
                if code_of(error) != "InvalidRange":  # it has no first byte
                    raise
                answer, data = client.head_object(**target), b""
        size = int(answer.get("ContentRange", f"/{len(data)}").rpartition("/")[2])
        _verify(key, size, data, answer)
        found = answer.get("VersionId") or version
        return cls(client, bucket, key, found, bare(answer["ETag"]), size, _kept=data)

    def read(self, offset: int, length: int) -> bytes:
        length = max(0, min(length, self.size - offset))
        if self._start <= offset and offset + length <= self._start + len(self._kept):
            return self._kept[offset - self._start :][:length]
        if length == 0:
            return b""
        goes_on = offset <= self._start + len(self._kept) <= offset + length
        self._step = min(2 * self._step, AHEAD) if goes_on else FIRST
        data = self._fetch(offset, min(max(length, self._step), self.size - offset))
        self._start, self._kept = offset, data if len(data) <= AHEAD else b""
        return data[:length]

    def fileno(self) -> None:
        return None

    def close(self) -> None:
        self._kept = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _fetch(self, start: int, length: int) -> bytes:
        """Return bytes of a range, all of them: what breaks off is asked for again."""
        parts: list[bytes] = []
        got, tries = 0, TRIES
        while got < length:
            try:
                part = self._body(start + got, length - got)
            except Unavailable:
                tries -= 1
                if not tries:
                    raise
                continue
            parts.append(part)
            got += len(part)
        return b"".join(parts)

    def _body(self, start: int, length: int) -> bytes:
        target = _target(self.bucket, self.key, self.version, self.etag)
        try:
            with translated(repr(self.key)[:200], version=self.version):
                answer = self.client.get_object(
                    **target, Range=f"bytes={start}-{start + length - 1}"
                )
                data: bytes = answer["Body"].read()
        except Conflict as error:
            raise _replaced(self.key) from error
        if not data:
            raise Unavailable(f"s3: {self.key!r}: no bytes from {start} on; check the store")
        return data


def _target(bucket: str, key: str, version: str | None, etag: str | None) -> dict[str, str]:
    target = {"Bucket": bucket, "Key": key}
    if version:
        target["VersionId"] = version
    if etag:
        target["IfMatch"] = f'"{etag}"'
    return target


def _replaced(key: str) -> ObjectMissing:
    return ObjectMissing(f"object {key[:200]!r} has been replaced by another; keep versions of it")


def _verify(key: str, size: int, data: bytes, answer: dict[str, Any]) -> None:
    """Hold what was read whole against the hash that was kept with it."""
    known = answer.get("Metadata", {}).get(HASH)
    if known and len(data) == size and sha256(data).hexdigest() != known:
        raise MediaFailed(Reason.INTEGRITY_MISMATCH, f"object {key[:200]!r} has other bytes")
