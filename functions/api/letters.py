"""/api/v1/dead-letters: what was given up, and what is to become of it; for operators."""

import base64
from datetime import timedelta
from typing import Annotated, Any, Self
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.concurrency import run_in_threadpool

from dataflux.errors import Denied, Invalid
from dataflux.permissions import Caller
from events import codec
from functions.api import cursors, shapes
from functions.api.bodies import json_of, parse
from functions.api.callers import Asker, Using
from functions.deps import Deps
from functions.letters import Action, Settled, read, settle, show
from stores.records import dead_letters
from stores.records.dead_letters import Group, Selection, StoredLetter

router = APIRouter(prefix="/api/v1/dead-letters", tags=["dead letters"])

MOST = 500
Text = Annotated[str, Field(min_length=1, max_length=200, pattern="^[^\0]*$")]
Seconds = Annotated[int, Field(ge=0, le=10 * 366 * 86_400)]


class Chosen(BaseModel):
    """Which letters are meant: those that meet all that is given."""

    model_config = ConfigDict(extra="forbid")

    group: Text | None = None
    kind: Text | None = None
    function: Text | None = None
    topic: Text | None = None
    reason: Text | None = None
    tenant: UUID | None = None
    older_than_s: Seconds | None = None
    newer_than_s: Seconds | None = None

    def selection(self, deps: Deps, **more: Any) -> Selection:
        now = deps.clock.now()
        given = self.model_dump(include=set(Chosen.model_fields))
        older, newer = given.pop("older_than_s"), given.pop("newer_than_s")
        return Selection(
            **given,
            before=None if older is None else now - timedelta(seconds=older),
            since=None if newer is None else now - timedelta(seconds=newer),
            **more,
        )


class Listed(Chosen):
    """Which letters are to be listed, and from where on."""

    state: Text | None = "dead"
    cursor: Annotated[str, Field(max_length=200)] | None = None
    limit: Annotated[int, Field(ge=1, le=MOST)] = 50


class ToSettle(Chosen):
    """What is to be done, with which letters; without `dry_run: false` it is only looked at."""

    ids: Annotated[list[UUID], Field(min_length=1, max_length=MOST)] | None = None
    all: bool = False
    dry_run: bool = True
    cursor: Annotated[str, Field(max_length=200)] | None = None

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        given = self.model_dump(exclude={"dry_run", "cursor", "all"}, exclude_none=True)
        if not given and not self.all:
            raise ValueError("names no letter: give ids, a group or a filter, or all: true")
        return self


@router.get("", operation_id="dead_letters_list")
def list_letters(deps: Using, caller: Asker, listed: Annotated[Listed, Query()]) -> dict[str, Any]:
    """List what was given up, the latest first: messages, and pieces that failed for good."""
    _require_operator(caller)
    chosen = listed.selection(deps, state=listed.state)
    after = cursors.decode(listed.cursor)
    found = read(deps, caller, dead_letters.page, chosen, after=after, limit=listed.limit + 1)
    return shapes.paged([_letter(x) for x in found[: listed.limit]], _more(found, listed.limit))


@router.get("/groups", operation_id="dead_letters_groups")
def list_groups(deps: Using, caller: Asker, chosen: Annotated[Chosen, Query()]) -> dict[str, Any]:
    """Count what was given up alike: by function, topic and reason."""
    _require_operator(caller)
    found = read(deps, caller, dead_letters.groups, chosen.selection(deps))
    return shapes.paged([_group(group) for group in found], None)


@router.get("/{letter_id}", operation_id="dead_letters_get")
def get_letter(letter_id: UUID, deps: Using, caller: Asker) -> dict[str, Any]:
    """Show one letter with its message: the bytes as they came, and the event if it is one."""
    _require_operator(caller)
    letter, message = read(deps, caller, show, letter_id)
    return _letter(letter) | {
        "message": base64.b64encode(message).decode(),
        "event": _event(message),
    }


@router.post("/retry", operation_id="dead_letters_retry")
async def retry(request: Request, deps: Using, caller: Asker) -> dict[str, Any]:
    """Deliver letters to the function that gave them up; process assets of failed pieces again."""
    return await _settle(request, deps, caller, Action.RETRY)


@router.post("/replay", operation_id="dead_letters_replay")
async def replay(request: Request, deps: Using, caller: Asker) -> dict[str, Any]:
    """Publish letters again for all that take them; who has had an event does nothing."""
    return await _settle(request, deps, caller, Action.REPLAY)


@router.post("/discard", operation_id="dead_letters_discard")
async def discard(request: Request, deps: Using, caller: Asker) -> dict[str, Any]:
    """Drop letters: they are kept as discarded, and delivered to nobody."""
    return await _settle(request, deps, caller, Action.DISCARD)


async def _settle(request: Request, deps: Deps, caller: Caller, action: Action) -> dict[str, Any]:
    _require_operator(caller)
    asked = parse(ToSettle, await json_of(request))
    return await run_in_threadpool(_settled, deps, caller, action, asked)


def _settled(deps: Deps, caller: Caller, action: Action, asked: ToSettle) -> dict[str, Any]:
    chosen = asked.selection(deps, ids=asked.ids)
    after = cursors.decode(asked.cursor)
    found = read(deps, caller, dead_letters.page, chosen, after=after, limit=MOST + 1)
    settled = settle(deps, found[:MOST], action, dry_run=asked.dry_run)
    refused = [s for s in settled if s.refused is not None]
    return {
        "action": action,
        "dry_run": asked.dry_run,
        "matched": len(settled),
        "done": len(settled) - len(refused),
        "refused": len(refused),
        "items": [_outcome(s) for s in settled],
        "next_cursor": _more(found, MOST),
    }


def _require_operator(caller: Caller) -> None:
    if not caller.operates:
        raise Denied("only operators see what was given up; ask one of them")


def _more(found: list[StoredLetter], limit: int) -> str | None:
    if len(found) <= limit:
        return None
    last = found[limit - 1]
    return cursors.encode(last.last_at, last.id)


def _event(message: bytes) -> dict[str, Any] | None:
    try:
        return codec.to_dict(codec.loads(message))
    except Invalid:
        return None


def _letter(letter: StoredLetter) -> dict[str, Any]:
    return {
        "id": str(letter.id),
        "kind": letter.kind,
        "group": letter.group_id,
        "tenant": None if letter.tenant is None else str(letter.tenant),
        "function": letter.function,
        "topic": letter.topic,
        "event_id": letter.event_id,
        "event_type": letter.event_type,
        "asset": None if letter.asset is None else str(letter.asset),
        "reason": letter.reason,
        "detail": letter.detail,
        "attempts": letter.attempts,
        "state": letter.state,
        "origin": letter.origin,
        "first_at": shapes.moment_of(letter.first_at),
        "last_at": shapes.moment_of(letter.last_at),
    }


def _group(group: Group) -> dict[str, Any]:
    return {
        "group": group.group_id,
        "kind": group.kind,
        "function": group.function,
        "topic": group.topic,
        "reason": group.reason,
        "detail": group.detail,
        "count": group.count,
        "attempts": group.attempts,
        "first_at": shapes.moment_of(group.first_at),
        "last_at": shapes.moment_of(group.last_at),
    }


def _outcome(settled: Settled) -> dict[str, Any]:
    letter = settled.letter
    return {
        "id": str(letter.id),
        "kind": letter.kind,
        "function": letter.function,
        "reason": letter.reason,
        "refused": settled.refused,
    }
