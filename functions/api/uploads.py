"""POST /api/v1/assets: a form or the bare body goes to the store while it comes in, in one pass."""

import unicodedata
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import partial
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID

from fastapi import Request
from pydantic import TypeAdapter, ValidationError
from starlette.concurrency import run_in_threadpool

from dataflux.errors import Invalid, NotFound
from dataflux.permissions import Caller
from functions.api.again import Priorities
from functions.api.bodies import refuse_coding
from functions.api.edge import BODY_LIMIT, declared
from functions.api.forms import FileForm
from functions.api.inflow import Inflow, buffered, in_thread, too_large
from functions.deps import Deps
from functions.intake import Offer, Received, Stored, discard, record, store
from schemas.names import Domain
from stores.records import arrivals
from stores.records.arrivals import Source

LONGEST_NAME = 255
SOURCE = "inbox"
PRIORITIES = frozenset(map(str, range(1, 11)))
_PRIORITIES: TypeAdapter[Any] = TypeAdapter(Priorities)
_UNSEEN = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
"""Categories of characters that a name may not have: they hide what it is."""
_JOINERS = "\u200c\u200d"
"""Some scripts and emoji need them."""


async def accept(
    request: Request, deps: Deps, caller: Caller, onto: UUID | None = None
) -> Received:
    """Take one upload, as a version of the lineage `onto` or as a new asset.

    Raise TooLarge or Invalid, and keep nothing of it.
    """
    lineage = onto or deps.ids.lineage()
    refuse_coding(request)
    limit = deps.settings.upload_limit
    if declared(request.scope) > limit + BODY_LIMIT:
        raise too_large(limit)
    source = await run_in_threadpool(_source, deps, caller)
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        return await _form(request, deps, caller, source, lineage)
    query, kind = request.query_params, request.headers.get("content-type")
    offer = offered(query.get("filename"), kind, query)
    stored = await _stored(deps, caller, lineage, partial(_next, request.stream()))
    return await run_in_threadpool(record, deps, caller, source, offer, stored)


async def _form(
    request: Request, deps: Deps, caller: Caller, source: Source, lineage: UUID
) -> Received:
    form = FileForm(request.headers["content-type"], request.stream())
    await form.start()
    offered(form.filename, form.declared, form.fields)  # before a byte of the file is kept
    stored = await _stored(deps, caller, lineage, form.read)
    try:
        await form.finish()
        offer = offered(form.filename, form.declared, form.fields)
    except BaseException:
        discard(deps, stored)
        raise
    return await run_in_threadpool(record, deps, caller, source, offer, stored)


async def _stored(
    deps: Deps, caller: Caller, lineage: UUID, read: Callable[[], Awaitable[bytes]]
) -> Stored:
    stream = buffered(Inflow(read, deps.settings.upload_limit))
    return await in_thread(store, deps, caller, lineage, stream)


async def _next(chunks: AsyncIterator[bytes]) -> bytes:
    return await anext(chunks, b"")


def _source(deps: Deps, caller: Caller) -> Source:
    source = deps.engine.read(caller.tenant, arrivals.source, SOURCE)
    if source is None:
        raise NotFound(f"no source {SOURCE!r} in this tenant; create one first")
    return source


def offered(filename: str | None, kind: str | None, fields: Mapping[str, str]) -> Offer:
    """Return what a sender says of a file; raise Invalid that names every bad field."""
    name, bad = named(filename or "")
    priority, bulk = fields.get("priority"), fields.get("bulk", "false").lower()
    if priority is not None and priority not in PRIORITIES:
        bad["priority"] = "is no number from 1 to 10"
    priorities = _priorities(fields.get("priorities"), bad)
    if bulk not in ("true", "false", "1", "0"):
        bad["bulk"] = "is neither true nor false"
    if bad:
        raise Invalid("the upload cannot be used; mend the named fields", bad)
    return Offer(
        filename=name,
        declared=_media_type(kind),
        priority=int(priority) if priority else None,
        bulk=bulk in ("true", "1"),
        priorities=priorities,
    )


def _priorities(given: str | None, bad: dict[str, str]) -> dict[str, int]:
    if given is None:
        return {}
    try:
        found: dict[str, int] = _PRIORITIES.validate_json(given)
    except ValidationError:
        bad["priorities"] = f"is no JSON object of {', '.join(Domain)} with numbers from 0 to 10"
        return {}
    return found


def named(filename: str) -> tuple[str, dict[str, str]]:
    """Return the name to show, without folders, and what is wrong with it."""
    path = filename.encode(errors="replace").decode().replace("\\", "/")
    name = unicodedata.normalize("NFC", PurePosixPath(path).name)
    if name in ("", ".", ".."):
        return name, {"filename": "is missing"}
    if len(name.encode()) > LONGEST_NAME:
        return name, {"filename": f"has more than {LONGEST_NAME} bytes"}
    if any(unicodedata.category(c) in _UNSEEN and c not in _JOINERS for c in name):
        return name, {"filename": "has characters that cannot be seen"}
    return name, {}


def _media_type(kind: str | None) -> str | None:
    return "".join(filter(str.isprintable, (kind or "").partition(";")[0])).strip()[:255] or None
