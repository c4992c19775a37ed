"""Many ranked lists into one: reciprocal rank fusion orders, the best signal is the score.

Cormack, Clarke, Buettcher: Reciprocal Rank Fusion outperforms Condorcet and individual Rank
Learning Methods, SIGIR 2009; k = 60 is theirs.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from functions.search.signals import Evidence

K = 60
MOMENTS = 10
"""Moments that are shown of one asset."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """A segment with all that speaks for it, strongest first."""

    segment: UUID
    lineage: UUID
    score: float
    order: float
    evidence: tuple[Evidence, ...]


def fuse(lists: Sequence[Sequence[Evidence]], threshold: float) -> list[Ranked]:
    """Return the segments whose best signal reaches the threshold, in the fused order."""
    by_segment: dict[UUID, list[tuple[float, Evidence]]] = defaultdict(list)
    for found in lists:
        for rank, evidence in enumerate(found, start=1):
            by_segment[evidence.segment].append((1 / (K + rank), evidence))
    ranked = [_ranked(segment, parts) for segment, parts in by_segment.items()]
    good = [each for each in ranked if each.score >= threshold]
    return sorted(good, key=lambda each: (-each.order, -each.score, each.segment))


def _ranked(segment: UUID, parts: Sequence[tuple[float, Evidence]]) -> Ranked:
    """Each list counts by how far up it has the segment, and by how sure it is."""
    evidence = sorted((e for _, e in parts), key=lambda e: -e.score)
    return Ranked(
        segment,
        evidence[0].lineage,
        evidence[0].score,
        sum(share * e.score for share, e in parts),
        tuple(evidence),
    )


def absorb(ranked: Sequence[Ranked], inside: Mapping[UUID, UUID]) -> list[Ranked]:
    """Let a segment found inside another stand for both: it says more exactly where.

    `inside` maps such segments to the one around them; what speaks for that one speaks for them.
    """
    around = {each.segment: each for each in ranked}
    exact: dict[UUID, UUID] = {}
    for each in ranked:  # the first of several is the best
        if inside.get(each.segment) in around:
            exact.setdefault(inside[each.segment], each.segment)
    chosen = set(exact.values())
    merged = [
        _both(each, around[inside[each.segment]]) if each.segment in chosen else each
        for each in ranked
        if each.segment not in exact
    ]
    return sorted(merged, key=lambda each: (-each.order, -each.score, each.segment))


def _both(exact: Ranked, outer: Ranked) -> Ranked:
    evidence = sorted((*exact.evidence, *outer.evidence), key=lambda e: -e.score)
    return replace(
        exact,
        score=max(exact.score, outer.score),
        order=exact.order + outer.order,
        evidence=tuple(evidence),
    )


def best_of_each(ranked: Sequence[Ranked]) -> list[Ranked]:
    """Keep the first segment of each lineage."""
    seen: dict[UUID, Ranked] = {}
    for each in ranked:
        seen.setdefault(each.lineage, each)
    return list(seen.values())


def moments_of(best: Sequence[Ranked], ranked: Sequence[Ranked]) -> dict[UUID, list[Ranked]]:
    """Return the first few segments of each of some lineages."""
    inside: dict[UUID, list[Ranked]] = {each.lineage: [] for each in best}
    for each in ranked:
        if each.lineage in inside and len(inside[each.lineage]) < MOMENTS:
            inside[each.lineage].append(each)
    return inside
