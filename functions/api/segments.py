"""/api/v1/segments: one moment with all that is known of it."""

from functools import partial
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response

from functions import joined
from functions.api import shapes
from functions.api.callers import Asker, Using
from functions.api.downloads import RenditionKind, Sheet, send
from stores.records import access, assets, moments, renditions

router = APIRouter(prefix="/api/v1/segments", tags=["segments"])


@router.get("/{segment_id}", operation_id="segments_get")
def get_segment(segment_id: UUID, deps: Using, caller: Asker) -> dict[str, Any]:
    """Show a segment, what was found in it, and what lies inside it."""
    deps.engine.read(caller.tenant, access.require, caller, segment_id, "view")
    moment = deps.engine.read(caller.tenant, moments.get, segment_id)
    asset = deps.engine.read(caller.tenant, assets.get, moment.lineage)
    inside = deps.engine.read(caller.tenant, moments.children, moment.id, limit=500)
    keys = [moment.id, *(child.id for child in inside)]
    texts = deps.engine.read(caller.tenant, moments.texts, moment.lineage, keys)
    features = deps.engine.read(caller.tenant, moments.features, moment.lineage, keys)
    derived = deps.engine.read(caller.tenant, renditions.of, moment.lineage, keys)

    def show(row: moments.Moment) -> dict[str, Any]:
        return shapes.segment(
            row, asset.version, texts=texts, features=features, renditions=derived
        )

    return show(moment) | {
        "asset": str(moment.asset_id),
        "segments": [show(child) for child in inside],
    }


@router.head("/{segment_id}/renditions/{kind}", include_in_schema=False)
@router.get("/{segment_id}/renditions/{kind}", operation_id="segments_rendition")
def segment_rendition(
    segment_id: UUID,
    kind: RenditionKind,
    request: Request,
    deps: Using,
    caller: Asker,
    sheet: Sheet = 0,
) -> Response:
    """Download a derived object of the segment: its key frame, its thumbnail, its sound."""
    deps.engine.read(caller.tenant, access.require, caller, segment_id, "view")
    found = deps.engine.read(caller.tenant, renditions.find, segment_id, kind, sheet)
    opened = partial(joined.opened, deps, caller, found)
    return send(request, opened, found.mime_type, found.sha256)
