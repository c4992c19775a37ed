"""What analyzers find in a window of segments, as rows, facts and failures."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from analyzers.api import AnalysisResult, Segment, Text
from dataflux.errors import MediaFailed
from functions.findings import feature_rows, name_of, text_rows
from functions.loading import LoadedSegment
from functions.spending import Spending
from functions.work import Fact, Work
from schemas import ids
from schemas.names import TextSource
from stores.records.rows import Row, SegmentRow, TextRow

LOW_CONFIDENCE = 0.5


@dataclass(frozen=True)
class Worded:
    """What has words that were found, in the numbered segment `within`; its key is its id."""

    segment: Segment
    within: str
    finders: tuple[str, ...]
    """The names of those who found them."""


@dataclass
class Found:
    """What was found in one numbered segment; `unsure`: the facts that say so."""

    analyzers: list[str] = field(default_factory=list)
    domains: set[str] = field(default_factory=set)
    unsure: list[Fact] = field(default_factory=list)


class Gathering:
    """Takes results one by one; `places` are the segments of the window, by key."""

    def __init__(self, work: Work, places: Mapping[str, LoadedSegment], spending: Spending) -> None:
        self._work, self._places, self.spending = work, places, spending
        self._found = {key: Found() for key in places}
        self.rows: list[Row] = []
        self.failures: list[dict[str, Any]] = []
        self.first_failure: MediaFailed | None = None

    def failed(self, analyzer: str, error: MediaFailed) -> None:
        """Keep that an analyzer failed; the others go on."""
        detail = f"{analyzer}: {error.detail.removeprefix(f'{analyzer}: ')}"
        self.failures.append({"analyzer": analyzer, "reason": error.reason, "detail": detail})
        self.first_failure = self.first_failure or MediaFailed(
            error.reason, detail, limit=error.limit
        )
        self.spending.failed(analyzer)

    def seen(self, key: str, analyzer: str, result: AnalysisResult) -> list[Worded]:
        """Take what was found in a numbered segment; return what has words only now."""
        place, rests_on = self._places[key], (name_of(analyzer),)
        self.rows += text_rows(place.id, self._work.run, analyzer, result.texts, rests_on)
        self._features(place.id, key, analyzer, result, rests_on)
        self.rows += self._children(place, analyzer, result)
        return [Worded(each, key, rests_on) for each in self._worded(place, analyzer, result)]

    def read(self, worded: Worded, analyzer: str, result: AnalysisResult) -> None:
        """Take what was found in words that others have found."""
        rests_on = tuple(dict.fromkeys((*worded.finders, name_of(analyzer))))
        segment = UUID(worded.segment.key)
        self._features(segment, worded.within, analyzer, result, rests_on)

    @property
    def words(self) -> int:
        return sum(isinstance(row, TextRow) for row in self.rows)

    @property
    def spoken(self) -> int:
        """How many words were heard."""
        heard = (r for r in self.rows if isinstance(r, TextRow) and r.source == TextSource.SPOKEN)
        return sum(len(row.body.split()) for row in heard)

    def facts(self) -> Iterator[Fact]:
        for key, found in self._found.items():
            if found.analyzers:
                segment = self._places[key].id
                names, domains = list(dict.fromkeys(found.analyzers)), sorted(found.domains)
                data = {"segment": str(segment), "analyzers": names, "domains": domains}
                yield Fact("segment.analyzed", data, segment)
                yield from found.unsure

    def _features(
        self,
        segment: UUID,
        within: str,
        analyzer: str,
        result: AnalysisResult,
        rests_on: Sequence[str],
    ) -> None:
        self.rows += feature_rows(
            segment,
            self._work.run,
            analyzer,
            result.features,
            result.confidence_scores,
            result.model,
            rests_on,
        )
        found = self._found[within]
        found.analyzers.append(analyzer)
        found.domains |= set(result.features)
        found.unsure += _unsure(segment, analyzer, result)

    def _children(
        self, place: LoadedSegment, analyzer: str, result: AnalysisResult
    ) -> Iterator[Row]:
        """Yield the rows of the segments found inside a segment: regions, lines, boxes."""
        work, rests_on = self._work, (name_of(analyzer),)
        for child in result.segments:
            identity = self._child_id(place, analyzer, child.key)
            inside = child.parent and child.parent != place.segment.key
            yield SegmentRow(
                id=identity,
                asset_id=work.asset,
                lineage=work.lineage,
                run_id=work.run,
                parent_id=self._child_id(place, analyzer, child.parent) if inside else place.id,
                segment_type=child.type,
                sequence_number=place.sequence_number,
                start_marker=child.start_marker,
                end_marker=child.end_marker,
                confidence_score=child.confidence,
                numbered=False,
                rests_on=rests_on,
            )
            yield from text_rows(identity, work.run, analyzer, child.texts, rests_on)
            yield from feature_rows(
                identity, work.run, analyzer, child.features, {}, result.model, rests_on
            )

    def _worded(
        self, place: LoadedSegment, analyzer: str, result: AnalysisResult
    ) -> Iterator[Segment]:
        """Yield what has words only now: it was heard, or recognized in a picture."""
        if _says_something(result.texts) and not place.segment.texts:
            start, end = place.segment.start_marker, place.segment.end_marker
            yield Segment(place.segment.type, start, end, key=str(place.id), texts=result.texts)
        for child in result.segments:
            if _says_something(child.texts):
                identity = self._child_id(place, analyzer, child.key)
                yield replace(child, key=str(identity), parent=None)

    def _child_id(self, place: LoadedSegment, analyzer: str, key: str | None) -> UUID:
        return ids.derived(place.id, self._work.run, analyzer, "segment", key)


def _says_something(texts: Sequence[Text]) -> bool:
    """Return whether there is more than labels: those are no prose to be read."""
    return any(text.source != TextSource.TAG for text in texts)


def _unsure(segment: UUID, analyzer: str, result: AnalysisResult) -> Iterator[Fact]:
    for domain, scores in result.confidence_scores.items():
        for score in scores.values():
            if score < LOW_CONFIDENCE:
                data = {
                    "segment": str(segment),
                    "analyzer": analyzer,
                    "domain": domain,
                    "confidence": score,
                }
                yield Fact("analysis.confidence_low", data, segment)
