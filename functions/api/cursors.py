"""Page cursors: opaque to the caller, strict when they come back."""

import base64
import binascii
import zlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from dataflux.errors import Invalid
from events.topics import TOPICS
from functions.history import Places
from stores.records.assets import Cursor

LONGEST, LONGEST_PLACES = 200, 4000
LARGEST_PLACES = 64 << 10
"""Bytes that a cursor of events may unfold to."""


def encode(time: datetime, last: UUID) -> str:
    """Return where a page ends: the time that it is ordered by, and the id of its last item."""
    return _packed(f"{time.isoformat()}|{last}".encode())


def decode(text: str | None) -> Cursor | None:
    """Return where a page goes on; raise Invalid for what this server has not given out."""
    if not text:
        return None
    try:
        time, _, last = _unpacked(text[:LONGEST]).decode().partition("|")
        created_at = datetime.fromisoformat(time)
        if created_at.tzinfo is None:
            raise ValueError("no time zone")
        return created_at, UUID(last)
    except (ValueError, binascii.Error) as error:
        raise _foreign() from error


def of_places(places: Places) -> str:
    return _packed(zlib.compress(orjson.dumps(places), 9))


def to_places(text: str) -> Places:
    """Return where reading of events goes on; raise Invalid for what was not given out."""
    try:
        unfolding = zlib.decompressobj()
        found = orjson.loads(unfolding.decompress(_unpacked(text), LARGEST_PLACES))
    except (ValueError, binascii.Error, zlib.error) as error:
        raise _foreign() from error
    if not isinstance(found, Mapping) or not all(map(_is_place, found.items())):
        raise _foreign()
    return found


def _is_place(item: tuple[str, Any]) -> bool:
    topic, offsets = item
    return (
        topic in TOPICS
        and isinstance(offsets, list)
        and all(type(offset) is int and offset >= 0 for offset in offsets)
    )


def _packed(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _unpacked(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _foreign() -> Invalid:
    return Invalid(
        "the cursor is none of ours; use `next_cursor` of the page before",
        {"cursor": "is not valid"},
    )
