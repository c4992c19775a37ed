"""Hits as a person sees them: where, how sure, and why."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import Connection

from functions.search.fuse import Ranked
from functions.search.signals import Evidence
from schemas.address import Address
from schemas.names import TextSource
from stores.records import found
from stores.records.found import Found, Words
from stores.records.snippet import Snippet

Marker = dict[str, Any]


@dataclass(frozen=True)
class Explained:
    """All that is shown of some segments."""

    places: Mapping[UUID, Found]
    pictures: Mapping[UUID, str]
    spoken: Mapping[UUID, Words]

    @classmethod
    def of(cls, conn: Connection[Any], ranked: Sequence[Ranked]) -> "Explained":
        """Look everything up, whatever number of segments it is."""
        places = found.places(conn, [each.segment for each in ranked])
        around = {each for place in places.values() for each in _around(place)}
        said = [each.segment for each in ranked if _said_in(each) is not None]
        return cls(
            places, found.pictures(conn, around), found.spoken(conn, said) if said else {}
        )  # fmt: skip

    def hits(self, ranked: Iterable[Ranked]) -> Iterator[dict[str, Any]]:
        """Yield moments with their assets; what was deleted this instant is left out."""
        for each in ranked:
            if place := self.places.get(each.segment):
                yield {
                    **self._moment(each, place),
                    "asset": str(place.asset),
                    "lineage": str(place.lineage),
                    "kind": place.kind,
                    "filename": place.filename,
                    "mime_type": place.mime_type,
                    "thumbnail": self._thumbnail(place),
                }

    def moments(self, ranked: Iterable[Ranked]) -> list[dict[str, Any]]:
        """Return moments alone."""
        return [self._moment(r, self.places[r.segment]) for r in ranked if r.segment in self.places]

    def _moment(self, ranked: Ranked, place: Found) -> dict[str, Any]:
        start, end = self._exactly(ranked, place)
        return {
            "address": str(Address.of(place.lineage, place.version, start, end)),
            "segment": str(place.segment),
            "segment_type": place.segment_type,
            "start": start,
            "end": end,
            "score": round(ranked.score, 4),
            "signals": [_signal(evidence) for evidence in ranked.evidence],
        }

    def _exactly(self, ranked: Ranked, place: Found) -> tuple[Marker, Marker]:
        """Return the markers of a hit: of spoken words, when just these were said."""
        snippet = _said_in(ranked)
        said = snippet and said_at(snippet, self.spoken.get(place.segment, ()))
        return ({"time": said[0]}, {"time": said[1]}) if said else (place.start, place.end)

    def _thumbnail(self, place: Found) -> str | None:
        """Return the path of the nearest picture: the segment's own, its parent's, the asset's."""
        for entity in _around(place):
            if entity in self.pictures:
                kind = "assets" if entity == place.asset else "segments"
                return f"/api/v1/{kind}/{entity}/renditions/{self.pictures[entity]}"
        return None


def _around(place: Found) -> tuple[UUID, UUID, UUID]:
    return place.segment, place.parent, place.asset


def _said_in(ranked: Ranked) -> Snippet | None:
    """Return the spoken words that were found, if any were."""
    texts = (e.text for e in ranked.evidence if e.text and e.text.source == TextSource.SPOKEN)
    return next((text.snippet for text in texts if text.snippet.marks), None)


def said_at(snippet: Snippet, words: Words) -> tuple[float, float] | None:
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
