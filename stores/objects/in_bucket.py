"""How an object that stays in its source's bucket is named where an asset's bytes are named."""

from dataclasses import dataclass
from typing import Self
from urllib.parse import parse_qs, quote, unquote, urlsplit


@dataclass(frozen=True, slots=True)
class InBucket:
    """One version of an object in a bucket.

    A bucket that keeps no versions has no id for one: then the entity tag holds what is read to it.
    """

    bucket: str
    key: str
    etag: str
    version: str | None = None

    def __str__(self) -> str:
        version = f"&versionId={quote(self.version, safe='')}" if self.version else ""
        return f"s3://{self.bucket}/{quote(self.key)}?etag={quote(self.etag, safe='')}{version}"

    @classmethod
    def of(cls, text: str) -> Self:
        parts = urlsplit(text)
        asked = parse_qs(parts.query)
        key = unquote(parts.path.removeprefix("/"))
        return cls(parts.netloc, key, asked["etag"][0], asked.get("versionId", [None])[0])

    @staticmethod
    def is_named(place: str) -> bool:
        """Return whether a place is one in a bucket: no key of the object store begins so."""
        return place.startswith("s3://")
