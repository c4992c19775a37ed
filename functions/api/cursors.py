"""Page cursors: opaque to the caller, strict when they come back."""

import base64
import binascii
from datetime import datetime
from uuid import UUID

from dataflux.errors import Invalid
from stores.records.assets import Asset, Cursor

LONGEST = 200


def encode(last: Asset) -> str:
    raw = f"{last.created_at.isoformat()}|{last.id}"
    return base64.urlsafe_b64encode(raw.encode()).decode().rstrip("=")


def decode(text: str | None) -> Cursor | None:
    """Return where a page goes on; raise Invalid for what this server has not given out."""
    if not text:
        return None
    try:
        padded = text[:LONGEST] + "=" * (-len(text) % 4)
        time, _, last = base64.urlsafe_b64decode(padded).decode().partition("|")
        created_at = datetime.fromisoformat(time)
        if created_at.tzinfo is None:
            raise ValueError("no time zone")
        return created_at, UUID(last)
    except (ValueError, binascii.Error) as error:
        raise Invalid(
            "the cursor is none of ours; use `next_cursor` of the page before",
            {"cursor": "is not valid"},
        ) from error
