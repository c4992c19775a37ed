"""What speaks for a segment: words, and each vector space, on the one scale of 0 to 1."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from analyzers.api import BaseAnalyzer, Embedding
from dataflux.errors import Invalid, MediaFailed
from functions.deps import Deps
from functions.search import calibrate
from functions.search.calibrate import Calibration
from functions.search.request import LikeSegment, LikeVector
from schemas.names import Reason
from stores.ports import Match, Scope
from stores.records import hashes, spaces, words
from stores.records.words import TextMatch

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Evidence:
    """One signal for one segment; `model` says what made it, fallbacks by that name."""

    signal: str
    segment: UUID
    lineage: UUID
    score: float
    model: str
    text: TextMatch | None = None
    detail: dict[str, Any] = field(default_factory=dict)


Query = str | bytes | LikeSegment | LikeVector


def gather(
    deps: Deps, query: Query, scope: Scope, limit: int, *, without: UUID | None = None
) -> list[list[Evidence]]:
    """Return, signal by signal, the segments that it speaks for, best first.

    A vector speaks for none of the lineage `without`.
    """
    lists = [_words(deps, query, scope, limit)] if isinstance(query, str) else []
    if isinstance(query, LikeVector):
        _check(deps, query)
    if isinstance(query, LikeSegment):
        lists.append(_copies(deps, query.segment, scope, limit, without))
    for embedder in _searched(deps, scope):
        for space in embedder.spec.emits:
            vector = _vector(deps, embedder, space, query, scope)
            if vector is not None:
                calibration = _calibration(deps, embedder, query, scope)
                near = deps.vectors.near(space, vector, scope, limit=limit, without=without)
                lists.append([_evidence(match, embedder, space, calibration) for match in near])
    return [found for found in lists if found]


def _copies(
    deps: Deps, segment: UUID, scope: Scope, limit: int, without: UUID | None
) -> list[Evidence]:
    """Return what looks almost the same as a segment."""
    found = deps.engine.read(scope.tenant, hashes.near_duplicates, segment, scope, limit)
    return [
        Evidence("near_duplicate", each.segment, each.lineage, each.score, "phash",
                 detail={"distance": each.distance})
        for each in found
        if each.lineage != without
    ]  # fmt: skip


def _searched(deps: Deps, scope: Scope) -> Iterator[BaseAnalyzer]:
    """Yield the embedders in use, and those of before as long as something of theirs is left."""
    retired = deps.registry.retired
    known = deps.engine.read(scope.tenant, spaces.known) if retired else frozenset()
    for embedder in deps.registry.embedders():
        if embedder.spec.name not in retired or known & {*embedder.spec.emits}:
            yield embedder


def _words(deps: Deps, query: str, scope: Scope, limit: int) -> list[Evidence]:
    found = deps.engine.read(scope.tenant, words.search, query, scope, limit)
    ranked = sorted(found, key=lambda m: (-m.score, -m.bm25))
    return [Evidence("words", m.segment, m.lineage, m.score, "words", m) for m in ranked]


def _vector(
    deps: Deps, embedder: BaseAnalyzer, space: str, query: Query, scope: Scope
) -> Sequence[float] | None:
    match query:
        case LikeSegment():
            return deps.vectors.vector(space, query.segment, scope.tenant)
        case LikeVector():
            return query.embedding if query.space == space else None
        case _:
            embedded = _embed_query(deps, embedder, query)
            return embedded.vector if embedded and embedded.space == space else None


def _embed_query(deps: Deps, embedder: BaseAnalyzer, query: str | bytes) -> Embedding | None:
    """Embed words here and pictures in a child; a text space has nothing to say of a picture."""
    if isinstance(query, bytes) and not embedder.spec.emits[0].startswith("visual/"):
        return None
    try:
        return deps.sandbox.embed_query(embedder.spec.id, query)
    except MediaFailed as error:
        if error.reason is not Reason.MODEL_UNAVAILABLE:
            raise
        log.warning("search goes on without %s: %s", embedder.spec.id, error.detail)
        return None


def _calibration(deps: Deps, embedder: BaseAnalyzer, query: Query, scope: Scope) -> Calibration:
    if isinstance(query, str):
        return calibrate.of_words(deps, scope.tenant, embedder)
    return calibrate.of_pairs(deps, scope.tenant, embedder)


def _evidence(
    match: Match, embedder: BaseAnalyzer, space: str, calibration: Calibration
) -> Evidence:
    return Evidence(
        signal=space,
        segment=match.segment,
        lineage=match.lineage,
        score=calibration.similarity(match.similarity),
        model=embedder.spec.model or embedder.spec.id,
        detail={"cosine": round(match.similarity, 4)},
    )


def _check(deps: Deps, query: LikeVector) -> None:
    """Raise Invalid for what is no vector of its space: an error, not an empty answer."""
    sizes = {space: e.spec.dimensions for e in deps.registry.embedders() for space in e.spec.emits}
    if query.space not in sizes:
        known = ", ".join(sizes)
        fields = {"query.space": f"use one of {known}"}
        raise Invalid(f"no space {query.space[:100]!r}; known: {known}", fields)
    wanted, bad = sizes[query.space], ""
    if wanted not in (None, len(query.embedding)):
        bad = f"has {len(query.embedding)} numbers, not {wanted}"
    elif not any(query.embedding):
        bad = "has no direction: all of it is zero"
    if bad:
        raise Invalid("the embedding cannot be used; mend it", {"query.embedding": bad})
