"""Objects in a bucket of any S3: versions, ranged reads, conditional creation, checked hashes."""

import contextlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Self

from botocore.exceptions import ClientError

from dataflux.errors import Invalid, ObjectMissing, Unavailable
from stores.objects import keys
from stores.objects.s3_client import Client, bare, client_of, translated
from stores.objects.s3_place import Place
from stores.objects.s3_reader import HASH, S3Reader
from stores.objects.s3_upload import Upload
from stores.ports import ObjectInfo

DELETED_AT_ONCE = 1000


@dataclass(frozen=True)
class S3Objects:
    """Keys lie under a prefix. Versions are kept if the bucket is set to keep them."""

    client: Client
    bucket: str
    prefix: str = ""

    @classmethod
    def at(cls, url: str) -> Self:
        """Open the store of an address; raise Invalid or Unavailable if it is not there."""
        place = Place.of(url)
        if not place.bucket:
            raise Invalid(f"{url} names no bucket; use s3://bucket/prefix")
        store = cls(client_of(place), place.bucket, place.prefix)
        with translated(repr(place.bucket)):
            try:
                store.client.head_bucket(Bucket=place.bucket)
            except ClientError as error:
                if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
                    raise
                raise Invalid(f"s3: there is no bucket {place.bucket!r}; create it") from error
        return store

    def put(self, key: str, data: bytes | BinaryIO, *, if_absent: bool = False) -> ObjectInfo:
        """Store an object; its hash is computed in the pass that sends it."""
        stream = io.BytesIO(data) if isinstance(data, bytes) else data
        upload = Upload(self.client, self.bucket, self._full(key), only_if_absent=if_absent)
        sent = upload.send(stream)
        return self._info(key, sent.version, sent.sha256)

    def head(self, key: str) -> ObjectInfo:
        return self._info(key, None, None)

    def open(self, key: str, version: str | None = None) -> S3Reader:
        if version == "":
            raise ObjectMissing(f"no object {key!r} of version ''")
        return S3Reader.open(self.client, self.bucket, self._full(key), version)

    def delete(self, key: str) -> None:
        """Delete every version of an object; a missing one is fine."""
        full = self._full(key)
        doomed: list[dict[str, str]] = []
        for version in self._versions(full):
            doomed.append({"Key": full, "VersionId": version})
            if len(doomed) == DELETED_AT_ONCE:
                self._delete(doomed)
                doomed = []
        if doomed:
            self._delete(doomed)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Yield the latest versions under a prefix, in the order of their keys; a request each."""
        if "//" in f"/{prefix}":  # no key begins so, and not every S3 bears the question
            return
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=self.prefix + prefix
        )
        with translated(repr(prefix)[:200]):
            for page in pages:
                for found in page.get("Contents", []):
                    with contextlib.suppress(ObjectMissing):  # deleted meanwhile
                        yield self.head(found["Key"].removeprefix(self.prefix))

    def _full(self, key: str) -> str:
        keys.check(key)
        full = self.prefix + key
        try:
            size = len(full.encode())
        except UnicodeEncodeError:
            raise Invalid(f"object key {key[:80]!r} is no key: it holds half a character") from None
        if size > keys.LONGEST_KEY:
            raise Invalid(f"object key {key[:80]!r} is no key: longer than 1024 with its prefix")
        return full

    def _info(self, key: str, version: str | None, sha256: str | None) -> ObjectInfo:
        target = {"Bucket": self.bucket, "Key": self._full(key)}
        if version:
            target["VersionId"] = version
        with translated(repr(key)[:200], version=version):
            head = self.client.head_object(**target)
        return ObjectInfo(
            key,
            head["ContentLength"],
            bare(head["ETag"]),
            sha256 or head["Metadata"].get(HASH) or self._tagged(target, key),
            head.get("VersionId") or "",
            head["LastModified"],
        )

    def _tagged(self, target: dict[str, str], key: str) -> str:
        """Return the hash of an object that was sent in parts; "" if it is none of ours."""
        with translated(repr(key)[:200]):
            found = self.client.get_object_tagging(**target)
        return next((str(tag["Value"]) for tag in found["TagSet"] if tag["Key"] == HASH), "")

    def _versions(self, full: str) -> Iterator[str]:
        """Yield the versions and delete markers of a key; it is listed before what it begins."""
        pages = self.client.get_paginator("list_object_versions").paginate(
            Bucket=self.bucket, Prefix=full
        )
        with translated(repr(full)[:200]):
            for page in pages:
                found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
                yield from (each["VersionId"] for each in found if each["Key"] == full)
                if any(each["Key"] > full for each in found):
                    return

    def _delete(self, doomed: Sequence[dict[str, str]]) -> None:
        with translated(repr(doomed[0]["Key"])[:200]):
            answer = self.client.delete_objects(
                Bucket=self.bucket, Delete={"Objects": doomed, "Quiet": True}
            )
        for kept in answer.get("Errors", []):
            raise Unavailable(
                f"s3: {kept['Key']!r} is not deleted: {kept['Code']}; check the store"
            )
