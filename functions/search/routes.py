"""/api/v1/search and /similar."""

import json
from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from dataflux.errors import Invalid, TooLarge
from functions.api.callers import Asker, Using
from functions.search import handler
from functions.search.request import ImageSearch, SearchRequest, SimilarRequest, parse

router = APIRouter(prefix="/api/v1", tags=["search"])

BODY_LIMIT = 1 << 20
IMAGE_LIMIT = 50 << 20


@router.post("/search", operation_id="search")
async def search(request: Request, deps: Using, caller: Asker) -> dict[str, Any]:
    """Search by words, by a segment, by a vector (JSON), or by an image (a form)."""
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        asked, image = await _form(request)
        return await run_in_threadpool(handler.search, deps, caller, asked, image)
    parsed = parse(SearchRequest, await _json(request))
    return await run_in_threadpool(handler.search, deps, caller, parsed)


@router.post("/similar", operation_id="similar")
async def similar(request: Request, deps: Using, caller: Asker) -> dict[str, Any]:
    """Find what is like an asset or a segment."""
    asked = parse(SimilarRequest, await _json(request))
    return await run_in_threadpool(handler.similar, deps, caller, asked)


async def _json(request: Request) -> Any:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_LIMIT:
            raise TooLarge(f"the request has more than {BODY_LIMIT} bytes; ask for less")
    return loads(body)


def loads(body: bytes | str) -> Any:
    """Parse JSON strictly: no NaN, no NUL, no lone surrogates: PostgreSQL takes none of them."""
    try:
        parsed = json.loads(body, parse_constant=_refuse)
        json.dumps(parsed, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise Invalid("the body is no JSON", {"body": "is no JSON"}) from error
    return parsed


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")


async def _form(request: Request) -> tuple[SearchRequest, bytes]:
    async with request.form(max_files=1, max_fields=10) as form:
        file = form.get("image")
        if not isinstance(file, UploadFile):
            raise Invalid(
                "the form has no image; send one in the field `image`", {"image": "missing"}
            )
        if (file.size or 0) > IMAGE_LIMIT:
            raise TooLarge(f"the image has more than {IMAGE_LIMIT} bytes; send a smaller one")
        image = await file.read()
        fields = {k: v for k, v in form.items() if isinstance(v, str)}
    if "filters" in fields:
        fields["filters"] = loads(fields["filters"])
    asked = parse(ImageSearch, fields)
    return SearchRequest(query="an image", **asked.model_dump()), image
