"""/api/v1/search and /similar."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from dataflux.errors import Invalid, TooLarge
from functions.api.bodies import json_of, loads, parse, refuse_coding
from functions.api.callers import Asker, Using
from functions.api.edge import IMAGE_LIMIT
from functions.search import handler
from functions.search.request import ImageSearch, SearchRequest, SimilarRequest

router = APIRouter(prefix="/api/v1", tags=["search"])


@router.post("/search", operation_id="search")
async def search(request: Request, deps: Using, caller: Asker) -> dict[str, Any]:
    """Search by words, by a segment, by a vector (JSON), or by an image (a form)."""
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        asked, image = await _form(request)
        return await run_in_threadpool(handler.search, deps, caller, asked, image)
    parsed = parse(SearchRequest, await json_of(request))
    return await run_in_threadpool(handler.search, deps, caller, parsed)


@router.post("/similar", operation_id="similar")
async def similar(request: Request, deps: Using, caller: Asker) -> dict[str, Any]:
    """Find what is like an asset or a segment."""
    asked = parse(SimilarRequest, await json_of(request))
    return await run_in_threadpool(handler.similar, deps, caller, asked)


async def _form(request: Request) -> tuple[SearchRequest, bytes]:
    """Read an image and the fields beside it; the edge bounds them all."""
    refuse_coding(request)
    async with request.form(max_files=1, max_fields=10) as form:
        file = form.get("image")
        if not isinstance(file, UploadFile):
            raise Invalid(
                "the form has no image; send one in the field `image`", {"image": "missing"}
            )
        if (file.size or 0) > IMAGE_LIMIT:
            raise TooLarge(f"the image has more than {IMAGE_LIMIT >> 20} MB; send a smaller one")
        image = await file.read()
        fields = {k: v for k, v in form.items() if isinstance(v, str)}
    if not image:
        raise Invalid("the image has no bytes; send another", {"image": "is empty"})
    if "filters" in fields:
        fields["filters"] = loads(fields["filters"], "filters")
    asked = parse(ImageSearch, fields)
    return SearchRequest(query="an image", **asked.model_dump()), image
