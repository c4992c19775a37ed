"""The events of an installation, as the command line reads them: all that are kept, or live."""

import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from dataflux.errors import Invalid, NotFound
from local import uploads
from local.client import Client, Failed

PAGE = 500
WAIT_S = 10.0
LOOK_AGAIN_S = 0.05

LAST = ("segment.indexed", "asset.processing_completed", "asset.processing_failed")
"""After one of these an asset may be done."""

Item = dict[str, Any]
"""An event, and where the bus keeps it."""


def kept(client: Client, **asked: Any) -> list[Item]:
    """Return every event that is kept and asked for, in the order of time."""
    found: list[Item] = []
    page: dict[str, Any] = {"at_end": False, "next_cursor": None}
    while not page["at_end"]:
        page = client.get("/events", **asked, limit=PAGE, cursor=page["next_cursor"])
        found += page["items"]
        if not (page["items"] or page["at_end"]):
            time.sleep(LOOK_AGAIN_S)  # some of it is still to be published
    return sorted(found, key=_time)


def _time(item: Item) -> datetime:
    return datetime.fromisoformat(item["event"]["time"])


def live(client: Client, **asked: Any) -> Iterator[Item]:
    """Yield events as they happen from now on, without end."""
    page = client.get("/events", **asked, **{"from": "end"})
    while True:
        page = client.get("/events", **asked, cursor=page["next_cursor"], wait=WAIT_S)
        yield from page["items"]


def upload(client: Client, file: Path) -> str:
    """Send a file; return the id of the asset that has its bytes, new or not."""
    (sent,) = uploads.send(client, [file], {})
    if sent.get("status") == "refused":
        raise Invalid(f"{file.name} was not taken in: {sent['detail']}")
    return str(sent["duplicate_of"] or sent["id"])


def led_to(client: Client, asset: str, name: str) -> Item:
    """Return the newest event of a type that an asset led to, once there is one.

    Raise NotFound that names those that came instead, once no more will come.
    """
    while True:
        ended = _has_ended(client, asset)
        found = _newest(client, asset, name)
        if found is not None:
            return found
        if ended:
            came = {item["event"]["type"] for item in kept(client, entity=asset, work=True)}
            listed = ", ".join(sorted(kind.removeprefix("io.dataflux.") for kind in came))
            raise NotFound(f"this file led to no {name}; it led to {listed}")
        client.get("/events", entity=asset, type=name, wait=1)


def wait(client: Client, asset: str) -> None:
    """Wait until an asset is searchable or has failed."""
    while not _has_ended(client, asset):
        client.get("/events", entity=asset, type=list(LAST), **{"from": "end"}, wait=1)


def _newest(client: Client, asset: str, name: str) -> Item | None:
    return next(iter(reversed(kept(client, entity=asset, type=name))), None)


def _has_ended(client: Client, asset: str) -> bool:
    try:
        return bool(client.get(f"/assets/{asset}")["done"])
    except Failed as error:
        if error.status != 404:
            raise
        return False
