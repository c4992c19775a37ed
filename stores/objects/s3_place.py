"""Addresses of S3: where its buckets are, and where in one of them something lies."""

from dataclasses import dataclass
from typing import Self
from urllib.parse import parse_qsl, urlsplit

from dataflux.errors import Invalid


@dataclass(frozen=True)
class Place:
    """What an address such as `s3://bucket/prefix?endpoint=http://…&region=…` says."""

    bucket: str = ""
    prefix: str = ""
    """With the slash at its end, if it is not empty."""
    endpoint: str | None = None
    region: str | None = None

    @classmethod
    def of(cls, url: str) -> Self:
        """Read an address; raise Invalid that says what is wrong with it."""
        parts = urlsplit(url)
        asked = dict(parse_qsl(parts.query))
        endpoint, region = asked.pop("endpoint", None), asked.pop("region", None)
        if parts.scheme != "s3":
            raise Invalid(f"{url} is no address of S3; use s3://bucket/prefix")
        if asked:
            named = ", ".join(sorted(asked))
            raise Invalid(f"{url}: {named} means nothing here; use endpoint and region")
        prefix = parts.path.strip("/")
        return cls(parts.netloc, f"{prefix}/" if prefix else "", endpoint, region)
