"""What search ranks for a query, and which passage each segment stands for."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from bench.relevance.files import File
from bench.relevance.topics import Passage, Topic
from functions.search.handler import search
from functions.search.request import SearchRequest
from functions.search.signals import Evidence, gather
from stores.records import access
from tests.fixtures.platform import Platform

WIDE = 100


def by_signal(on: Platform, query: str, threshold: float) -> dict[str, list[Evidence]]:
    """Return what each signal alone would answer."""
    lists = gather(on.deps, query, access.scope(on.caller, {}), WIDE)
    good = [[each for each in found if each.score >= threshold] for found in lists]
    return {found[0].signal: found for found in good if found}


def fused(on: Platform, query: str) -> list[UUID]:
    """Return the segments of an answer as people get it."""
    hits = search(on.deps, on.caller, SearchRequest(query=query, limit=WIDE))["hits"]
    return [UUID(hit["segment"]) for hit in hits]


def passages(
    on: Platform, files: Sequence[File], topics: Sequence[Topic], lineages: Mapping[str, UUID]
) -> dict[UUID, Passage]:
    """Return which passage each segment stands for: the one with most of its words."""
    bodies = {(t.name, n): {*_words(p)} for t in topics for n, p in enumerate(t.passages, 1)}
    inside = {lineages[name]: held for name, _, held in files}
    found = {}
    for segment, lineage, body in _segments(on):
        words, held = {*_words(body)}, inside[lineage]
        best = max(held, key=lambda each: len(words & bodies[each]))
        if len(held) == 1 or len(words & bodies[best]) > len(bodies[best]) / 2:
            found[segment] = best
    return found


def _segments(on: Platform) -> list[tuple[UUID, UUID, str]]:
    with on.deps.engine.session(on.caller.tenant, "worker") as conn:
        return conn.execute(
            "SELECT s.id, s.lineage, coalesce(string_agg(t.body, ' '), '') FROM segments s"
            " LEFT JOIN texts t ON t.segment_id = s.id AND t.source <> 'name' GROUP BY 1, 2"
        ).fetchall()


def _words(text: str) -> list[str]:
    return [word.strip(".,;:!?").casefold() for word in text.split()]
