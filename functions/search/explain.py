"""A hit as a person sees it: where, how sure, and why."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

from dataflux.errors import NotFound
from dataflux.permissions import Caller
from functions.deps import Deps
from functions.search.fuse import Ranked
from functions.search.signals import Evidence
from schemas.address import Address
from schemas.names import TextSource
from stores.records import assets, moments, renditions
from stores.records.assets import Asset
from stores.records.moments import Moment
from stores.records.snippet import Snippet


def explain(deps: Deps, caller: Caller, ranked: Ranked) -> dict[str, Any] | None:
    """Return a hit with its asset and thumbnail; None if it was deleted this instant."""
    found = _load(deps, caller, ranked)
    if found is None:
        return None
    asset, moment = found
    return {
        **_moment(deps, caller, ranked, asset, moment),
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
    return None if found is None else _moment(deps, caller, ranked, *found)


def _load(deps: Deps, caller: Caller, ranked: Ranked) -> tuple[Asset, Moment] | None:
    try:
        moment = deps.engine.read(caller.tenant, moments.get, ranked.segment)
        return deps.engine.read(caller.tenant, assets.get, moment.lineage), moment
    except NotFound:
        return None


def _moment(
    deps: Deps, caller: Caller, ranked: Ranked, asset: Asset, moment: Moment
) -> dict[str, Any]:
    start, end = _exactly(deps, caller, ranked, moment)
    return {
        "address": str(Address.of(asset.lineage, asset.version, start, end)),
        "segment": str(moment.id),
        "segment_type": moment.segment_type,
        "start": start,
        "end": end,
        "score": round(ranked.score, 4),
        "signals": [_signal(evidence) for evidence in ranked.evidence],
    }


def _exactly(
    deps: Deps, caller: Caller, ranked: Ranked, moment: Moment
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the markers of a hit: of spoken words, when just these were said."""
    spoken = [e.text for e in ranked.evidence if e.text and e.text.source == TextSource.SPOKEN]
    if not spoken or not spoken[0].snippet.marks:
        return moment.start_marker, moment.end_marker
    features = deps.engine.read(caller.tenant, moments.features, moment.lineage, [moment.id])
    words: list[dict[str, Any]] = next(
        (f.feature_data["words"] for f in features if f.feature_type == "transcript"), []
    )
    said = _said(spoken[0].snippet, words)
    if said is None:
        return moment.start_marker, moment.end_marker
    return {"time": said[0]}, {"time": said[1]}


def _said(snippet: Snippet, words: Sequence[Mapping[str, Any]]) -> tuple[float, float] | None:
    """Return when the first marked word begins and the last one ends.

    The text of an utterance is its words with one space between them.
    """
    starts, at = [], 0
    for word in words:
        starts.append(at)
        at += len(word["word"]) + 1
    marked = [
        words[bisect_right(starts, snippet.start + first) - 1]
        for first, _ in snippet.marks
        if snippet.start + first < at
    ]
    return (marked[0]["start"], marked[-1]["end"]) if marked else None


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
