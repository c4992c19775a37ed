"""A hit as a person sees it: where, how sure, and why."""

from typing import Any

from dataflux.errors import NotFound
from dataflux.permissions import Caller
from functions.deps import Deps
from functions.search.fuse import Ranked
from functions.search.signals import Evidence
from schemas.address import Address
from stores.records import assets, moments, renditions
from stores.records.assets import Asset
from stores.records.moments import Moment


def explain(deps: Deps, caller: Caller, ranked: Ranked) -> dict[str, Any] | None:
    """Return a hit with its asset and thumbnail; None if it was deleted this instant."""
    found = _load(deps, caller, ranked)
    if found is None:
        return None
    asset, moment = found
    return {
        **_moment(ranked, asset, moment),
        "asset": str(asset.id),
        "lineage": str(asset.lineage),
        "kind": asset.kind,
        "filename": asset.filename,
        "mime_type": asset.mime_type,
        "thumbnail": _thumbnail(deps, caller, moment),
    }


def shown(deps: Deps, caller: Caller, ranked: Ranked) -> dict[str, Any] | None:
    """Return a moment without its asset."""
    found = _load(deps, caller, ranked)
    return None if found is None else _moment(ranked, *found)


def _load(deps: Deps, caller: Caller, ranked: Ranked) -> tuple[Asset, Moment] | None:
    try:
        moment = deps.engine.read(caller.tenant, moments.get, ranked.segment)
        return deps.engine.read(caller.tenant, assets.get, moment.lineage), moment
    except NotFound:
        return None


def _moment(ranked: Ranked, asset: Asset, moment: Moment) -> dict[str, Any]:
    return {
        "address": str(
            Address.of(asset.lineage, asset.version, moment.start_marker, moment.end_marker)
        ),
        "segment": str(moment.id),
        "segment_type": moment.segment_type,
        "start": moment.start_marker,
        "end": moment.end_marker,
        "score": round(ranked.score, 4),
        "signals": [_signal(evidence) for evidence in ranked.evidence],
    }


def _signal(evidence: Evidence) -> dict[str, Any]:
    signal = {
        "signal": evidence.signal,
        "score": round(evidence.score, 4),
        "model": evidence.model,
        **evidence.detail,
    }
    if evidence.text is not None:
        signal |= {
            "source": evidence.text.source,
            "terms": list(evidence.text.terms),
            "snippet": evidence.text.snippet.text,
            "marks": [list(mark) for mark in evidence.text.snippet.marks],
        }
    return signal


def _thumbnail(deps: Deps, caller: Caller, moment: Moment) -> str | None:
    """Return the path of the nearest picture: the segment's own, its parent's, the asset's."""
    around = [moment.id, moment.parent_id, moment.asset_id]
    pictures = {
        r.entity_id: r.kind
        for r in deps.engine.read(caller.tenant, renditions.of, moment.lineage, around)
        if r.kind in ("thumbnail", "poster")
    }
    for entity in around:
        if entity in pictures:
            place = "assets" if entity == moment.asset_id else "segments"
            return f"/api/v1/{place}/{entity}/renditions/{pictures[entity]}"
    return None
