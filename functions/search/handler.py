"""Search: gather what speaks for each segment, fuse it, explain every hit."""

import time
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from dataflux.errors import NotFound
from dataflux.permissions import Caller
from functions.deps import Deps
from functions.search.explain import Explained
from functions.search.fuse import Ranked, absorb, best_of_each, fuse, moments_of
from functions.search.request import LikeSegment, SearchRequest, SimilarRequest
from functions.search.signals import Query, gather
from stores.records import access, assets, moments, segments

CANDIDATES = 5
"""Segments a signal may name for each hit that is asked for."""
FEWEST = 100


def search(
    deps: Deps, caller: Caller, asked: SearchRequest, image: bytes | None = None
) -> dict[str, Any]:
    """Answer a search of words, by a segment, by a vector, or by an uploaded image."""
    query: Query = image if image is not None else asked.query
    if isinstance(query, LikeSegment):
        _require_visible(deps, caller, query.segment)
    return _answer(deps, caller, asked, query)


def similar(deps: Deps, caller: Caller, asked: SimilarRequest) -> dict[str, Any]:
    """Answer what is like an asset or a segment, in other assets."""
    segment, lineage = _example(deps, caller, asked.entity_id)
    filters: dict[str, Any] = {"kind": {"in": asked.media_types}} if asked.media_types else {}
    request = SearchRequest(
        query=LikeSegment(segment=segment),
        filters=filters,
        group_by="asset",
        limit=asked.limit,
        threshold=asked.threshold,
    )
    return _answer(deps, caller, request, LikeSegment(segment=segment), without=lineage)


def _answer(
    deps: Deps,
    caller: Caller,
    asked: SearchRequest,
    query: Query,
    *,
    without: UUID | None = None,
) -> dict[str, Any]:
    began = time.perf_counter()
    scope = access.scope(caller, asked.filters)
    wide = max(FEWEST, CANDIDATES * asked.limit)
    ranked = fuse(gather(deps, query, scope, wide, without=without), asked.threshold)
    ranked = absorb(
        ranked, deps.engine.read(caller.tenant, segments.inside, [r.segment for r in ranked])
    )
    ranked = [each for each in ranked if not _itself(each, query)]
    hits = _explained(deps, caller, asked, ranked)
    return {
        "hits": hits,
        "no_good_match": not hits,
        "threshold": asked.threshold,
        "took_ms": round((time.perf_counter() - began) * 1000, 1),
    }


def _itself(ranked: Ranked, query: Query) -> bool:
    return isinstance(query, LikeSegment) and ranked.segment == query.segment


def _explained(
    deps: Deps, caller: Caller, asked: SearchRequest, ranked: Sequence[Ranked]
) -> list[dict[str, Any]]:
    """Return the best as they are shown; by asset, each with the moments that were found in it."""
    by_asset = asked.group_by == "asset"
    best = (best_of_each(ranked) if by_asset else ranked)[: asked.limit]
    inside = moments_of(best, ranked) if by_asset and asked.include_segments else {}
    shown = [*best, *(each for group in inside.values() for each in group)]
    explained = deps.engine.read(caller.tenant, Explained.of, shown)
    hits = list(explained.hits(best))
    for hit in hits if inside else ():
        hit["segments"] = explained.moments(inside[UUID(hit["lineage"])])
    return hits


def _example(deps: Deps, caller: Caller, entity: UUID) -> tuple[UUID, UUID]:
    """Return a segment to compare with, and its lineage: of an asset, its first root."""
    _require_visible(deps, caller, entity)
    try:
        asset = deps.engine.read(caller.tenant, assets.get, entity)
    except NotFound:
        found = deps.engine.read(caller.tenant, moments.get, entity)
        return found.id, found.lineage
    roots = deps.engine.read(caller.tenant, moments.page, asset.id, limit=1)
    if not roots:
        raise NotFound(f"asset {entity} has no segments to compare with; see its reason")
    return roots[0].id, asset.lineage


def _require_visible(deps: Deps, caller: Caller, entity: UUID) -> None:
    deps.engine.read(caller.tenant, access.require, caller, entity, "view")
