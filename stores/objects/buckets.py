"""The buckets of sources: what has come in there stays there, and is read in place."""

from dataclasses import dataclass

from dataflux.errors import Invalid, ObjectMissing
from stores.objects.in_bucket import InBucket
from stores.objects.s3_client import Client, bare, translated
from stores.objects.s3_reader import S3Reader

PAGE = 1000
GENERIC = frozenset({"binary/octet-stream", "application/octet-stream"})
"""What S3 calls what its sender did not name."""


@dataclass(frozen=True, slots=True)
class Found:
    """An object as its bucket describes it."""

    place: InBucket
    size: int
    mime_type: str | None


@dataclass(frozen=True, slots=True)
class Entry:
    """An object in a list, which has no versions and no types."""

    key: str
    etag: str


@dataclass(frozen=True)
class Buckets:
    """All buckets of one S3 that this installation may read; nothing is ever written there."""

    client: Client

    def require(self, bucket: str) -> None:
        """Raise Invalid if there is no such bucket."""
        try:
            with translated(repr(bucket)):
                self.client.head_bucket(Bucket=bucket)
        except ObjectMissing as error:
            raise Invalid(f"s3: there is no bucket {bucket!r}; create it") from error

    def head(
        self, bucket: str, key: str, version: str | None = None, etag: str | None = None
    ) -> Found:
        """Return what an object is; raise ObjectMissing if it is gone.

        Without a version it is the latest, unless an earlier one has the entity tag.
        """
        found = self._head(bucket, key, version)
        if version is None and etag not in (None, found.place.etag):
            earlier = self._version_of(bucket, key, str(etag))
            return found if earlier is None else self._head(bucket, key, earlier)
        return found

    def _head(self, bucket: str, key: str, version: str | None) -> Found:
        asked = {"VersionId": version} if version else {}
        with translated(repr(key)[:200], version=version):
            head = self.client.head_object(Bucket=bucket, Key=key, **asked)
        found = head.get("VersionId")
        place = InBucket(bucket, key, bare(head["ETag"]), None if found == "null" else found)
        mime_type = head.get("ContentType")
        return Found(place, head["ContentLength"], None if mime_type in GENERIC else mime_type)

    def _version_of(self, bucket: str, key: str, etag: str) -> str | None:
        """Return the latest version of an object that has an entity tag."""
        with translated(repr(key)[:200]):
            found = self.client.list_object_versions(Bucket=bucket, Prefix=key)
        for each in found.get("Versions", []):
            if each["Key"] == key and bare(each["ETag"]) == etag:
                return str(each["VersionId"])
        return None

    def page(self, bucket: str, prefix: str, after: str) -> list[Entry]:
        """Return the next objects under a prefix, in the order of their keys."""
        with translated(repr(prefix)[:200]):
            found = self.client.list_objects_v2(
                Bucket=bucket, Prefix=prefix, StartAfter=after, MaxKeys=PAGE
            )
        return [Entry(each["Key"], bare(each["ETag"])) for each in found.get("Contents", [])]

    def open(self, place: InBucket) -> S3Reader:
        """Open an object as it was when it came in; ObjectMissing if it is gone or was replaced."""
        return S3Reader.open(self.client, place.bucket, place.key, place.version, place.etag)
