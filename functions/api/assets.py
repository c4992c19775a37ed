"""/api/v1/assets: upload, list, look at, change, delete, process again."""

from collections import Counter
from functools import partial
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field, field_validator
from starlette.concurrency import run_in_threadpool

from dataflux.errors import Conflict, NotFound
from dataflux.permissions import Caller
from functions import joined
from functions.api import cursors, shapes, uploads
from functions.api.again import Again
from functions.api.bodies import json_of, parse
from functions.api.callers import Asker, Using
from functions.api.downloads import RenditionKind, Sheet, send
from functions.deps import Deps
from functions.intake import Received
from functions.originals import original
from functions.replay import STEPS, deliveries, replay
from functions.rerun import rerun
from functions.work import Write
from schemas.names import AssetStatus, Kind
from stores.records import access, arrivals, assets, moments, renditions, trace
from stores.records.assets import Asset, Listed

router = APIRouter(prefix="/api/v1/assets", tags=["assets"])

Limit = Annotated[int, Query(ge=1, le=500)]
Number = Annotated[int, Query(ge=0, le=10_000_000)]
"""Of a segment in its asset: also where a page of them goes on."""


Name = Annotated[str, Field(max_length=50, pattern=r"^[a-z][a-z0-9_]*$")]

LARGEST_METADATA = 64 << 10
DEEPEST_METADATA = 20


class Metadata(BaseModel):
    """What people say of an asset: free names and JSON values."""

    model_config = ConfigDict(extra="forbid")
    metadata: Annotated[dict[str, Any], Field(max_length=100)]

    @field_validator("metadata")
    @classmethod
    def _can_be_kept(cls, value: dict[str, Any]) -> dict[str, Any]:
        if depth(value) > DEEPEST_METADATA:
            raise ValueError(f"is more than {DEEPEST_METADATA} levels deep")
        try:
            size = len(orjson.dumps(value))
        except TypeError:
            raise ValueError("has a whole number of more than 64 bits") from None
        if size > LARGEST_METADATA:
            raise ValueError(f"has {size} bytes, more than {LARGEST_METADATA}")
        return value


def depth(value: Any) -> int:
    """Return how many lists and objects lie in each other."""
    inside = value.values() if isinstance(value, dict) else value
    return 1 + max(map(depth, inside), default=0) if isinstance(value, dict | list) else 0


def visible(deps: Deps, caller: Caller, entity: UUID, verb: str = "view") -> Asset:
    """Return an asset that the caller may do this with; what they cannot see is not there."""
    deps.engine.read(caller.tenant, access.require, caller, entity, verb)
    return deps.engine.read(caller.tenant, assets.get, entity)


@router.post("", operation_id="assets_upload", status_code=202)
async def upload(request: Request, deps: Using, caller: Asker) -> JSONResponse:
    """Take in a file: as `file` of a form, or as the body with `?filename=`."""
    return _accepted(await uploads.accept(request, deps, caller))


@router.post("/{asset_id}/versions", operation_id="assets_version", status_code=202)
async def upload_version(
    asset_id: UUID, request: Request, deps: Using, caller: Asker
) -> JSONResponse:
    """Take in a file as the next version of an asset; the former ones stay as they are."""
    asset = await run_in_threadpool(visible, deps, caller, asset_id, "edit")
    return _accepted(await uploads.accept(request, deps, caller, asset.lineage))


def _accepted(received: Received) -> JSONResponse:
    place = f"/api/v1/assets/{received.lineage}"
    body = {
        "id": str(received.lineage),
        "lineage": str(received.lineage),
        "sha256": received.sha256,
        "size": received.size,
        "location": place,
        "duplicate_of": None if received.duplicate_of is None else str(received.duplicate_of),
    }
    return JSONResponse(body, 202, headers={"location": place})


@router.get("", operation_id="assets_list")
def list_assets(
    deps: Using,
    caller: Asker,
    status: AssetStatus | None = None,
    kind: Kind | None = None,
    filename: Annotated[str | None, Query(max_length=255)] = None,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
    limit: Limit = 50,
) -> dict[str, Any]:
    """List the latest versions that the caller may see, newest first."""
    listed = Listed(status=status, kind=kind, filename=filename and filename.replace("\0", ""))
    after = cursors.decode(cursor)
    found = deps.engine.read(
        caller.tenant, assets.page, caller, listed, after=after, limit=limit + 1
    )
    last = found[limit - 1] if len(found) > limit else None
    more = cursors.encode(last.created_at, last.id) if last else None
    return shapes.paged([shapes.asset(a) for a in found[:limit]], more)


@router.get("/{asset_id}", operation_id="assets_get")
def get_asset(asset_id: UUID, deps: Using, caller: Asker) -> dict[str, Any]:
    """Show an asset by its own id or its lineage's: its state, its reason, its derived objects."""
    try:
        asset = visible(deps, caller, asset_id)
    except NotFound:
        if arriving := _arriving(deps, caller, asset_id):
            return arriving
        asset = visible(deps, caller, asset_id)  # it may have been taken in between the two looks
    derived = deps.engine.read(caller.tenant, renditions.of, asset.lineage, [asset.id])
    return shapes.asset(asset) | {"renditions": [shapes.rendition(r) for r in derived]}


def _arriving(deps: Deps, caller: Caller, lineage: UUID) -> dict[str, Any] | None:
    """Show an upload that has not been taken in yet; only its sender knows of it."""
    arrival = deps.engine.read(caller.tenant, arrivals.latest, lineage, caller.user)
    if arrival is None:
        return None
    return {
        "id": str(lineage),
        "lineage": str(lineage),
        "filename": arrival.filename,
        "size": arrival.size,
        "sha256": arrival.sha256,
        "status": AssetStatus.UPLOADED,
        "reason": None,
        "detail": "",
        "duplicate_of": None if arrival.duplicate_of is None else str(arrival.duplicate_of),
        "done": arrival.duplicate_of is not None,
    }


@router.put("/{asset_id}", operation_id="assets_update")
async def update_asset(
    asset_id: UUID, request: Request, deps: Using, caller: Asker
) -> dict[str, Any]:
    """Replace what people say of an asset; what the file is never changes."""
    said = parse(Metadata, await json_of(request))
    return await run_in_threadpool(_describe, deps, caller, asset_id, said.metadata)


def _describe(deps: Deps, caller: Caller, entity: UUID, said: dict[str, Any]) -> dict[str, Any]:
    asset = visible(deps, caller, entity, "edit")
    deps.engine.write("api", caller.tenant, [Write(assets.describe, (asset.id, said))])
    return shapes.asset(deps.engine.read(caller.tenant, assets.get, asset.id))


@router.delete("/{asset_id}", operation_id="assets_delete", status_code=204)
def delete_asset(asset_id: UUID, deps: Using, caller: Asker) -> Response:
    """Hide an asset with all its versions; nothing is destroyed."""
    asset = visible(deps, caller, asset_id, "delete")
    deps.engine.write("api", caller.tenant, [Write(assets.soft_delete, (asset.lineage,))])
    return Response(status_code=204)


@router.get("/{asset_id}/versions", operation_id="assets_versions")
def list_versions(asset_id: UUID, deps: Using, caller: Asker) -> dict[str, Any]:
    """List every version of an asset, newest first."""
    asset = visible(deps, caller, asset_id)
    found = deps.engine.read(caller.tenant, assets.versions, asset.lineage)
    return shapes.paged([shapes.asset(a) for a in found], None)


@router.get("/{asset_id}/segments", operation_id="assets_segments")
def list_segments(
    asset_id: UUID,
    deps: Using,
    caller: Asker,
    first: Number = 0,
    cursor: Number | None = None,
    segment_type: Annotated[Name | None, Query(alias="type")] = None,
    limit: Limit = 100,
) -> dict[str, Any]:
    """List the segments of an asset with their texts, features and derived objects."""
    asset = visible(deps, caller, asset_id)
    found = deps.engine.read(
        caller.tenant,
        moments.page,
        asset.id,
        first=first if cursor is None else cursor,
        limit=limit + 1,
        segment_type=segment_type,
    )
    page = found[:limit]
    keys = [moment.id for moment in page]
    texts = deps.engine.read(caller.tenant, moments.texts, asset.lineage, keys)
    features = deps.engine.read(caller.tenant, moments.features, asset.lineage, keys)
    derived = deps.engine.read(caller.tenant, renditions.of, asset.lineage, keys)
    items = [
        shapes.segment(m, asset.version, texts=texts, features=features, renditions=derived)
        for m in page
    ]
    more = str(found[limit].sequence_number) if len(found) > limit else None
    return shapes.paged(items, more)


@router.get("/{asset_id}/trace", operation_id="assets_trace")
def trace_asset(asset_id: UUID, deps: Using, caller: Asker) -> dict[str, Any]:
    """Show what happened to an asset: runs, stages, pieces, attempts, with their times."""
    asset = visible(deps, caller, asset_id)
    runs = deps.engine.read(caller.tenant, trace.trace, asset.id)
    return {"asset": shapes.asset(asset), "runs": [shapes.run(run) for run in runs]}


@router.post("/{asset_id}/analyze", operation_id="assets_analyze", status_code=202)
@router.post("/{asset_id}/retry", operation_id="assets_retry", status_code=202)
async def analyze(asset_id: UUID, request: Request, deps: Using, caller: Asker) -> dict[str, Any]:
    """Process an asset once more, as a new run; not while one is under way."""
    asked = parse(Again, await json_of(request, optional=True))
    return await run_in_threadpool(process_again, deps, caller, asset_id, asked)


def process_again(deps: Deps, caller: Caller, asset_id: UUID, asked: Again) -> dict[str, Any]:
    asset = _at_rest(deps, caller, asset_id)
    run = rerun(deps, caller.tenant, asset, asked.priorities)
    return {"id": str(asset.id), "run": str(run), "location": f"/api/v1/assets/{asset.id}"}


def _at_rest(deps: Deps, caller: Caller, entity: UUID) -> Asset:
    """Return an asset that the caller may process; Conflict while that is under way."""
    asset = visible(deps, caller, entity, "analyze")
    if asset.processing_status in (AssetStatus.UPLOADED, AssetStatus.PROCESSING):
        raise Conflict(f"asset {asset.id} is being processed; wait until it has ended")
    return asset


class Replay(BaseModel):
    """Which deliveries of an asset to repeat: those of the function `from` and all after it."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)
    first: Annotated[str, Field(alias="from", max_length=50)] = STEPS[0]
    dry_run: bool = False


@router.post("/{asset_id}/replay", operation_id="assets_replay", status_code=202)
async def replay_asset(
    asset_id: UUID, request: Request, deps: Using, caller: Asker
) -> dict[str, Any]:
    """Deliver the events of an asset's latest run once more, under new ids; nothing is doubled."""
    asked = parse(Replay, await json_of(request))
    return await run_in_threadpool(_replay, deps, caller, asset_id, asked)


def _replay(deps: Deps, caller: Caller, entity: UUID, asked: Replay) -> dict[str, Any]:
    asset = _at_rest(deps, caller, entity)
    events = deliveries(deps, caller.tenant, asset, asked.first)
    if not asked.dry_run:
        replay(deps, events)
    return {
        "id": str(asset.id),
        "from": asked.first,
        "dry_run": asked.dry_run,
        "deliveries": len(events),
        "types": Counter(event.name for event in events),
    }


@router.head("/{asset_id}/content", include_in_schema=False)
@router.get("/{asset_id}/content", operation_id="assets_content")
def content(asset_id: UUID, request: Request, deps: Using, caller: Asker) -> Response:
    """Download the original, or a range of it."""
    asset = visible(deps, caller, asset_id, "view")
    opened = partial(original, deps, asset.storage_path)
    return send(request, opened, asset.mime_type, asset.file_hash, asset.filename)


@router.head("/{asset_id}/renditions/{kind}", include_in_schema=False)
@router.get("/{asset_id}/renditions/{kind}", operation_id="assets_rendition")
def asset_rendition(
    asset_id: UUID,
    kind: RenditionKind,
    request: Request,
    deps: Using,
    caller: Asker,
    sheet: Sheet = 0,
) -> Response:
    """Download a derived object of the asset; of several of a kind the one numbered `sheet`."""
    asset = visible(deps, caller, asset_id)
    found = deps.engine.read(caller.tenant, renditions.find, asset.id, kind, sheet)
    opened = partial(joined.opened, deps, caller, found)
    return send(request, opened, found.mime_type, found.sha256)
