"""POST /api/v1/assets: bytes come in as a form or as the bare body, never whole in memory."""

import tempfile
from collections.abc import AsyncIterator
from pathlib import PurePosixPath
from typing import Any, BinaryIO, cast

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from dataflux.errors import Invalid, NotFound, TooLarge
from dataflux.permissions import Caller
from functions.deps import Deps
from functions.intake import Offer, Received, receive
from stores.records import arrivals

SPOOLED = 1 << 20
LONGEST_NAME = 255
SOURCE = "inbox"
PRIORITIES = frozenset(map(str, range(1, 11)))


async def accept(request: Request, deps: Deps, caller: Caller) -> Received:
    """Take one upload; raise TooLarge or Invalid before anything of it is kept."""
    _check_declared_length(request, deps.settings.upload_limit)
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        return await _form(request, deps, caller)
    query = request.query_params
    with tempfile.SpooledTemporaryFile(SPOOLED) as spooled:
        await _spool(request.stream(), spooled, deps.settings.upload_limit)
        offer = _offer(query.get("filename"), request.headers.get("content-type"), dict(query))
        return await run_in_threadpool(_receive, deps, caller, offer, cast(BinaryIO, spooled))


async def _form(request: Request, deps: Deps, caller: Caller) -> Received:
    async with request.form(max_files=1, max_fields=10) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise Invalid("the form has no file; send one in the field `file`", {"file": "missing"})
        if (file.size or 0) > deps.settings.upload_limit:
            raise _too_large(deps.settings.upload_limit)
        fields = {name: value for name, value in form.items() if isinstance(value, str)}
        offer = _offer(file.filename, file.content_type, fields)
        return await run_in_threadpool(_receive, deps, caller, offer, file.file)


def _receive(deps: Deps, caller: Caller, offer: Offer, stream: BinaryIO) -> Received:
    stream.seek(0)
    source = deps.engine.read(caller.tenant, arrivals.source, SOURCE)
    if source is None:
        raise NotFound(f"no source {SOURCE!r} in this tenant; create one first")
    return receive(deps, caller, source, offer, stream)


def _offer(filename: str | None, declared: str | None, fields: dict[str, Any]) -> Offer:
    bad: dict[str, str] = {}
    name = PurePosixPath((filename or "").replace("\\", "/")).name.replace("\0", "")
    if not name:
        bad["filename"] = "is missing"
    elif len(name.encode(errors="replace")) > LONGEST_NAME:
        bad["filename"] = f"has more than {LONGEST_NAME} bytes"
    priority = fields.get("priority")
    if priority is not None and priority not in PRIORITIES:
        bad["priority"] = "is no number from 1 to 10"
    bulk = fields.get("bulk", "false").lower()
    if bulk not in ("true", "false", "1", "0"):
        bad["bulk"] = "is neither true nor false"
    if bad:
        raise Invalid("the upload cannot be used; mend the named fields", bad)
    return Offer(
        filename=name.encode(errors="replace").decode(),
        declared=(declared or "").partition(";")[0].strip()[:255] or None,
        priority=int(priority) if priority else None,
        bulk=bulk in ("true", "1"),
    )


def _check_declared_length(request: Request, limit: int) -> None:
    length = request.headers.get("content-length", "0")
    if length.isdigit() and int(length[:20]) > limit + SPOOLED:
        raise _too_large(limit)


async def _spool(
    stream: AsyncIterator[bytes], file: "tempfile.SpooledTemporaryFile[bytes]", limit: int
) -> None:
    size = 0
    async for chunk in stream:
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        await run_in_threadpool(file.write, chunk)


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"the upload has more than {limit} bytes; raise DATAFLUX_UPLOAD_LIMIT")
