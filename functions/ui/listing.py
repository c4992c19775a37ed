"""The list of assets with their live state."""

from typing import Any
from uuid import UUID

from dataflux.errors import NotFound
from dataflux.permissions import Caller
from functions.api import assets as api
from functions.deps import Deps
from functions.ui import reasons
from schemas.names import AssetStatus
from stores.records import assets, trace
from stores.records.assets import Listed
from stores.records.trace import TracedRun

SHOWN = 50
STATES = {
    AssetStatus.UPLOADED: "waiting",
    AssetStatus.PROCESSING: "in work",
    AssetStatus.COMPLETED: "searchable",
    AssetStatus.DEGRADED: "searchable in part",
    AssetStatus.FAILED: "failed",
}
Row = dict[str, Any]


def rows(deps: Deps, caller: Caller, expected: list[UUID]) -> list[Row]:
    """Return the newest assets; before them the uploads that have not been taken in yet."""
    listed = _newest(deps, caller)
    missing = set(expected) - {asset.lineage for asset in listed}
    found = [_found(deps, caller, each) for each in expected if each in missing]
    if any("kind" in each for each in found):
        listed = _newest(deps, caller)  # one was taken in between the two reads
    waiting = [_waiting(each) for each in found if each and not each["done"] and "kind" not in each]
    return [*waiting, *(row(deps, caller, asset) for asset in listed)]


def _newest(deps: Deps, caller: Caller) -> list[assets.Asset]:
    return deps.engine.read(caller.tenant, assets.page, caller, Listed(), limit=SHOWN)


def _found(deps: Deps, caller: Caller, lineage: UUID) -> Row:
    """Return an upload as an arrival or as an asset; nothing if it is neither."""
    try:
        return api.get_asset(lineage, deps, caller)
    except NotFound:
        return {}


def _waiting(arrival: Row) -> Row:
    return {
        "id": None,
        "filename": arrival["filename"],
        "kind": None,
        "size": arrival["size"],
        **_state(arrival["status"], done=False),
    }


def row(deps: Deps, caller: Caller, asset: assets.Asset) -> Row:
    """Return an asset as a row, with its stages while it is in work."""
    status = asset.processing_status
    done = status == AssetStatus.FAILED or asset.indexed_at is not None
    state = _state(status, done=done, reason=asset.reason, detail=asset.detail)
    if not done:
        runs = deps.engine.read(caller.tenant, trace.trace, asset.id)
        state |= {"progress": _progress(runs[0])} if runs else {}
    return {
        "id": str(asset.id),
        "filename": asset.filename,
        "kind": asset.kind,
        "size": asset.file_size,
        **state,
    }


def _state(status: str, *, done: bool, reason: str | None = None, detail: str = "") -> Row:
    known = AssetStatus(status)
    ended = known not in (AssetStatus.UPLOADED, AssetStatus.PROCESSING)
    return {
        "status": status,
        "state": STATES[known] if done or not ended else "being indexed",
        "done": done,
        "reason": reasons.words(reason),
        "detail": detail,
        "progress": None,
    }


def _progress(run: TracedRun) -> dict[str, int]:
    """Count pieces, not stages: they are what moves."""
    ended = sum(s.done + s.failed + s.skipped for s in run.stages)
    return {"done": ended, "total": ended + sum(s.pending for s in run.stages)}
