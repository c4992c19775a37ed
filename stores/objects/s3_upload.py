"""Uploads to S3: one request for what is small, parts for what is large, resumed if broken off."""

import hashlib
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from dataflux.errors import TooLarge, Unavailable
from stores.objects.s3_client import Client, bare, translated
from stores.objects.s3_reader import HASH

PART = 16 << 20
"""Of a large object; also the most that one upload keeps in memory."""
MOST_PARTS = 10_000


@dataclass(frozen=True)
class Sent:
    """What an upload has made; the hash is of all that was read."""

    version: str | None
    sha256: str


@dataclass
class Upload:
    """One object on its way; each request carries the SHA-256 of its bytes, which S3 checks."""

    client: Client
    bucket: str
    key: str
    only_if_absent: bool = False
    _hash: Any = field(default_factory=hashlib.sha256)

    def send(self, stream: BinaryIO) -> Sent:
        """Upload a stream in one pass, without knowing how long it is."""
        parts = _parts(stream)
        first = next(parts)
        if len(first) < PART:
            return self._whole(first)
        return self._in_parts(first, parts)

    @property
    def _target(self) -> dict[str, str]:
        return {"Bucket": self.bucket, "Key": self.key}

    @property
    def _condition(self) -> dict[str, str]:
        return {"IfNoneMatch": "*"} if self.only_if_absent else {}

    def _whole(self, body: bytes) -> Sent:
        digest = hashlib.sha256(body)
        with translated(repr(self.key)[:200]):
            made = self.client.put_object(
                **self._target,
                **self._condition,
                Body=body,
                ChecksumSHA256=_base64(digest),
                Metadata={HASH: digest.hexdigest()},
            )
        return Sent(made.get("VersionId"), digest.hexdigest())

    def _in_parts(self, first: bytes, rest: Iterator[bytes]) -> Sent:
        """Send part after part. Parts that a broken upload of this key has left are not sent again.

        If S3 cannot be reached, what it has is left there, to be gone on with; if the sender has
        gone, nothing is.
        """
        upload, there = self._resumed() or (self._begun(), {})
        try:
            parts = [self._part(upload, 1, first, there)]
            for number, body in enumerate(rest, 2):
                parts.append(self._part(upload, number, body, there))
            return self._completed(upload, parts)
        except Unavailable:
            raise
        except BaseException:
            self._abort(upload)
            raise

    def _begun(self) -> str:
        with translated(repr(self.key)[:200]):
            begun = self.client.create_multipart_upload(**self._target, ChecksumAlgorithm="SHA256")
        return str(begun["UploadId"])

    def _resumed(self) -> tuple[str, dict[int, dict[str, Any]]] | None:
        """Return the latest upload of this key that was never completed, with its parts."""
        with translated(repr(self.key)[:200]):
            found = self.client.list_multipart_uploads(Bucket=self.bucket, Prefix=self.key)
            ours = [u for u in found.get("Uploads", []) if u["Key"] == self.key]
            if not ours:
                return None
            upload = max(ours, key=lambda u: u["Initiated"])["UploadId"]
            pages = self.client.get_paginator("list_parts").paginate(
                **self._target, UploadId=upload
            )
            parts = [part for page in pages for part in page.get("Parts", [])]
        return upload, {part["PartNumber"]: part for part in parts}

    def _part(
        self, upload: str, number: int, body: bytes, there: dict[int, dict[str, Any]]
    ) -> dict[str, Any]:
        if number > MOST_PARTS:
            raise TooLarge(f"object {self.key!r} has more than {MOST_PARTS * PART} bytes")
        self._hash.update(body)
        checksum = _base64(hashlib.sha256(body))
        if not _same(there.get(number), body, checksum):
            with translated(repr(self.key)[:200]):
                sent = self.client.upload_part(
                    **self._target,
                    UploadId=upload,
                    PartNumber=number,
                    Body=body,
                    ChecksumSHA256=checksum,
                )
            etag = sent["ETag"]
        else:
            etag = there[number]["ETag"]
        return {"PartNumber": number, "ETag": etag, "ChecksumSHA256": checksum}

    def _completed(self, upload: str, parts: list[dict[str, Any]]) -> Sent:
        """Make the object of its parts; its hash, unknown till now, is kept as a tag."""
        digest = self._hash.hexdigest()
        with translated(repr(self.key)[:200]):
            made = self.client.complete_multipart_upload(
                **self._target,
                **self._condition,
                UploadId=upload,
                MultipartUpload={"Parts": parts},
            )
            version = made.get("VersionId")
            self.client.put_object_tagging(
                **self._target,
                **({"VersionId": version} if version else {}),
                Tagging={"TagSet": [{"Key": HASH, "Value": digest}]},
            )
        return Sent(version, digest)

    def _abort(self, upload: str) -> None:
        with translated(repr(self.key)[:200]):
            self.client.abort_multipart_upload(**self._target, UploadId=upload)


def _parts(stream: BinaryIO) -> Iterator[bytes]:
    """Yield a stream in parts, all but the last of one size; an empty one is one empty part."""
    part = _read(stream)
    yield part
    while len(part) == PART and (part := _read(stream)):
        yield part


def _read(stream: BinaryIO) -> bytes:
    """Return PART bytes, fewer only at the end: a stream may give less than it is asked for."""
    got = bytearray()
    while len(got) < PART and (more := stream.read(PART - len(got))):
        got += more
    return bytes(got)


def _same(part: dict[str, Any] | None, body: bytes, checksum: str) -> bool:
    """Return whether a part that is there has these bytes; servers say its hash, or its MD5."""
    if part is None or part["Size"] != len(body):
        return False
    if "ChecksumSHA256" in part:
        return bool(part["ChecksumSHA256"] == checksum)
    return bare(part["ETag"]) == hashlib.md5(body, usedforsecurity=False).hexdigest()


def _base64(digest: Any) -> str:
    return b64encode(digest.digest()).decode()
