"""/api/v1/events: what has happened, as the bus keeps it; also what happens from now on."""

import time
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal
from uuid import UUID

import anyio
from fastapi import APIRouter, Query
from pydantic import AwareDatetime
from starlette.concurrency import run_in_threadpool

from dataflux.errors import Invalid, NotFound
from dataflux.permissions import Caller
from events import codec
from events.bus import Delivery
from events.event import Event
from events.topics import topics_of
from events.types import TYPES, Purpose, RelationshipCreated
from functions import history
from functions.api import cursors, shapes
from functions.api.assets import visible
from functions.api.callers import Asker, Using
from functions.deps import Deps
from functions.history import Places, Wanted
from stores.records import access, arrivals, lineages, outbox

router = APIRouter()

LOOK_AGAIN_S = 0.1
LONGEST_WAIT_S = 20.0
NOBODY = UUID(int=0)

Type = Annotated[str, Query(max_length=50)]


@router.get("/api/v1/events", operation_id="events_list", tags=["events"])
async def list_events(
    deps: Using,
    caller: Asker,
    kind: Annotated[list[Type] | None, Query(alias="type", max_length=50)] = None,
    work: bool = False,
    entity: UUID | None = None,
    cause: Annotated[str | None, Query(max_length=200)] = None,
    since: AwareDatetime | None = None,
    start: Annotated[Literal["oldest", "end"], Query(alias="from")] = "oldest",
    cursor: Annotated[str | None, Query(max_length=cursors.LONGEST_PLACES)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    wait: Annotated[float, Query(ge=0, le=LONGEST_WAIT_S)] = 0,
) -> dict[str, Any]:
    """List the facts that the caller may know of, and with `work` the work messages too.

    `next_cursor` is always given: it leads on to what has not happened yet. With `wait` the answer
    is held back until something matches. `at_end` says that nothing more is there for now: of an
    `entity`, that all that has happened to it is told. `since` leaves out what is older.
    """
    until = time.monotonic() + wait
    lineage = entity and await run_in_threadpool(lineage_of, deps, caller, entity)
    topics = tuple(topic for name in _names(kind or (), work) for topic in topics_of(name))
    wanted = Wanted(caller.tenant, topics, lineage, cause, since)
    places = await run_in_threadpool(_places, deps, wanted, start, cursor)
    while True:
        all_told = await run_in_threadpool(_all_told, deps, wanted)
        found, places, at_end = await run_in_threadpool(_page, deps, caller, wanted, places, limit)
        if found or not at_end or time.monotonic() >= until:
            items = [_shown(delivery) for delivery in found]
            end = {"at_end": at_end and all_told}
            return shapes.paged(items, cursors.of_places(places)) | end
        await anyio.sleep(LOOK_AGAIN_S)


def _all_told(deps: Deps, wanted: Wanted) -> bool:
    """Say whether all is published that is committed about a lineage.

    To be asked before the bus is read: what is published in between would be missed.
    """
    lineage = wanted.lineage
    return lineage is None or not deps.engine.read(wanted.tenant, outbox.tells_of, lineage)


def _names(kinds: Sequence[str], work: bool) -> Sequence[str]:
    """Return the types that are asked for: all facts, if none are named."""
    if unknown := [name for name in kinds if name not in TYPES]:
        raise Invalid(f"no event type {unknown[0]!r}; see docs/events.md", {"type": "is not known"})
    every = [n for n, model in TYPES.items() if work or model.purpose is not Purpose.WORK]
    return list(dict.fromkeys(kinds)) or every


def lineage_of(deps: Deps, caller: Caller, entity: UUID) -> UUID:
    """Return the lineage of an asset that the caller may see, or has just sent."""
    try:
        return visible(deps, caller, entity).lineage
    except NotFound:
        if deps.engine.read(caller.tenant, arrivals.latest, entity, caller.user) is not None:
            return entity
        return visible(deps, caller, entity).lineage  # it may have been taken in between the looks


def _places(deps: Deps, wanted: Wanted, start: str, cursor: str | None) -> Places:
    if cursor:
        return cursors.to_places(cursor)
    if start == "end":
        return history.end(deps.bus, wanted.topics)
    if wanted.since is not None:
        return history.since(deps.bus, wanted.topics, wanted.since - history.CLOCKS)
    if wanted.lineage is not None:
        born = deps.engine.read(wanted.tenant, lineages.born, wanted.lineage)
        if born is not None:
            return history.of(deps.bus, wanted.topics, born)
    return history.oldest(deps.bus, wanted.topics)


def _page(
    deps: Deps, caller: Caller, wanted: Wanted, places: Places, limit: int
) -> tuple[list[Delivery], Places, bool]:
    found, after, at_end = history.page(deps.bus, wanted, places, limit)
    named = {entity for d in found if d.event for entity in _names_of(d.event)}
    seen = named if caller.sees_all else _seen(deps, caller, wanted, named)
    shown = [d for d in found if d.event and seen.issuperset(_names_of(d.event))]
    return sorted(shown, key=_when), after, at_end


def _seen(deps: Deps, caller: Caller, wanted: Wanted, named: set[UUID]) -> set[UUID]:
    """Return which entities the caller may know of: who sent a file knows of its lineage."""
    seen = deps.engine.read(caller.tenant, access.seen, caller, sorted(named))
    return seen | ({wanted.lineage} if wanted.lineage else set())


def _names_of(event: Event) -> Iterator[UUID]:
    """Yield the entities that an event tells of; one that names none is for those who see all."""
    yield _id(event.extensions.get("entityid", ""))
    if issubclass(TYPES[event.name], RelationshipCreated):
        yield from (_id(str(event.data.get(end))) for end in ("source", "target"))
    if event.name == "collection.suggested":
        yield from (_id(str(each)) for each in (event.data.get("assets") or ()))


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        return NOBODY


def _when(delivery: Delivery) -> Any:
    assert delivery.event is not None
    return delivery.event.time, delivery.topic, delivery.partition, delivery.offset


def _shown(delivery: Delivery) -> dict[str, Any]:
    assert delivery.event is not None
    return {
        "topic": delivery.topic,
        "partition": delivery.partition,
        "offset": delivery.offset,
        "event": codec.to_dict(delivery.event),
    }
