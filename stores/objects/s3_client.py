"""The way to an S3: its client, and what its errors mean."""

import contextlib
import logging
from collections.abc import Iterator
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError
from urllib3.exceptions import HTTPError

from dataflux.errors import (
    Conflict,
    DataFluxError,
    Invalid,
    ObjectMissing,
    StorageFull,
    Unavailable,
)
from stores.objects.s3_place import Place

logging.getLogger("botocore").setLevel(logging.WARNING)  # it tells where it found credentials

Client = Any
"""botocore builds its clients when they are made: there is no class to name."""

CONNECTIONS = 32
TRIES = 5
CONNECT_S, SILENCE_S = 5, 60


def client_of(place: Place) -> Client:
    """Return a client that threads may share; who it acts for is found as boto3 does."""
    config = Config(
        connect_timeout=CONNECT_S,
        read_timeout=SILENCE_S,
        retries={"mode": "standard", "max_attempts": TRIES},
        max_pool_connections=CONNECTIONS,
        request_checksum_calculation="when_required",  # SHA-256 is given with each request
        response_checksum_validation="when_required",
        s3={"addressing_style": "path"} if place.endpoint else None,
    )
    try:
        return boto3.session.Session().client(
            "s3", endpoint_url=place.endpoint, region_name=place.region, config=config
        )
    except (ValueError, BotoCoreError) as error:
        raise Invalid(f"s3: {error}; mend the address or AWS's settings") from error


@contextlib.contextmanager
def translated(place: str, *, version: str | None = None) -> Iterator[None]:
    """Raise what botocore and the network report of an object as our errors."""
    try:
        yield
    except ClientError as error:
        raise _meaning(error, place, version) from error
    except ParamValidationError as error:
        raise Invalid(f"{place}: no key of S3; {str(error)[:200]}") from error
    except (BotoCoreError, HTTPError, OSError) as error:
        raise Unavailable(f"s3: {place}: {str(error)[:200]}; check the store") from error


_ABSENT = frozenset({"NoSuchKey", "NoSuchVersion", "NoSuchUpload", "NotFound", "404", "405"})
"""405: the method is not allowed on what is there, a delete marker."""
_RIVAL = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412"})
_NO_KEY = frozenset(
    {
        *("KeyTooLongError", "KeyTooLong", "InvalidURI", "InvalidObjectName"),
        *("XMinioInvalidObjectName", "XMinioInvalidResourceName", "XMinioParentIsObject"),
        *("ObjectParentIsFile", "ExistingObjectIsDirectory"),
    }
)
"""Some stores keep objects in folders, and take fewer keys than S3 does."""


def _meaning(error: ClientError, place: str, version: str | None) -> DataFluxError:
    code, status = code_of(error), error.response["ResponseMetadata"]["HTTPStatusCode"]
    if code in _ABSENT or (version is not None and status == 400):
        return ObjectMissing(f"no object {place}" + (f" of version {version}" if version else ""))
    if code in _RIVAL:
        return Conflict(f"object {place} exists already")
    if code in _NO_KEY:
        return Invalid(f"object {place}: no key of this store ({code}); choose another")
    if status == 507 or code in ("XMinioStorageFull", "QuotaExceeded"):
        return StorageFull(f"s3: {place}: {code}; make room in the store")
    if code == "NoSuchBucket":
        return Unavailable(f"s3: {place}: its bucket does not exist; create it")
    if status in (401, 403):
        return Unavailable(f"s3: {place}: {code}; check the credentials and what they may do")
    return Unavailable(f"s3: {place}: {code} ({status}); check the store")


def code_of(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def bare(etag: str) -> str:
    """Return an entity tag without its quotes."""
    return etag.strip('"')
