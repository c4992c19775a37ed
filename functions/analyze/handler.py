"""Find features and text in a window of segments, from their derived objects only."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from analyzers.api import AnalysisResult, Segment, Text
from dataflux.errors import MediaFailed
from functions.deps import Deps
from functions.findings import feature_rows, text_rows
from functions.loading import LoadedSegment, load_segments
from functions.spending import Spending
from functions.work import Fact, Outcome, Work
from schemas import ids
from schemas.names import TextSource
from stores.records import consents, runs
from stores.records.rows import Row, SegmentRow, TextRow

LOW_CONFIDENCE = 0.5


@dataclass(frozen=True)
class Unsure:
    """A finding in a segment, or in one found inside it, of which its analyzer is not sure."""

    segment: UUID
    analyzer: str
    domain: str
    confidence: float


@dataclass
class Found:
    """What all analyzers together found in one segment."""

    rows: list[Row] = field(default_factory=list)
    analyzers: list[str] = field(default_factory=list)
    domains: set[str] = field(default_factory=set)
    unsure: list[Unsure] = field(default_factory=list)


@dataclass
class Failures:
    """What failed, by which analyzer; it counts in what each has spent."""

    spending: Spending
    all: list[tuple[str, MediaFailed]] = field(default_factory=list)

    def add(self, analyzer: str, failed: MediaFailed) -> None:
        detail = f"{analyzer}: {failed.detail.removeprefix(f'{analyzer}: ')}"
        self.all.append((analyzer, MediaFailed(failed.reason, detail, limit=failed.limit)))
        self.spending.failed(analyzer)

    @property
    def output(self) -> dict[str, Any]:
        first = [
            {"analyzer": analyzer, "reason": failed.reason, "detail": failed.detail}
            for analyzer, failed in self.all[:10]
        ]
        return {"failures": first, **self.spending.output}


def handle(work: Work, deps: Deps) -> Outcome:
    run = work.read(runs.get, work.run)
    loaded = load_segments(work, deps, kinds=deps.registry.rendition_kinds())
    places = {item.segment.key: item for item in loaded}
    found = {key: Found() for key in places}
    priorities, failures = run.config.get("priorities", {}), Failures(Spending(deps.registry))
    worded: dict[str, tuple[Segment, Found]] = {}
    segments = {key: item.segment for key, item in places.items()}
    for key, analyzer, result in deps.sandbox.analyze(
        list(segments.values()),
        deps.registry.analyzer_ids(work.read(consents.purposes)),
        priorities,
        failures.spending.on(segments),
    ):
        if isinstance(result, MediaFailed):
            failures.add(analyzer, result)
        else:
            _collect(found[key], work, places[key], analyzer, result)
            for segment in _with_words(places[key], analyzer, result):
                worded[segment.key] = segment, found[key]
    _read(work, deps, worded, priorities, failures)
    rows = [row for one in found.values() for row in one.rows]
    outcome = Outcome(
        rows=rows,
        facts=[fact for key, one in found.items() for fact in _facts(places[key].id, one)],
        counts={
            "analyzed": len(loaded),
            "failures": len(failures.all),
            "spoken": _spoken(rows),
        },
        output=failures.output,
    )
    if failures.all and not outcome.rows:
        raise failures.all[0][1]
    return outcome


def _collect(
    found: Found, work: Work, place: LoadedSegment, analyzer: str, result: AnalysisResult
) -> None:
    found.analyzers.append(analyzer)
    found.domains |= set(result.features)
    found.rows += text_rows(place.id, work.run, analyzer, result.texts)
    found.rows += feature_rows(
        place.id, work.run, analyzer, result.features, result.confidence_scores, result.model
    )
    found.rows += _children(work, place, analyzer, result)
    found.unsure += _unsure(place.id, analyzer, result)


def _unsure(segment: UUID, analyzer: str, result: AnalysisResult) -> Iterator[Unsure]:
    for domain, scores in result.confidence_scores.items():
        for score in scores.values():
            if score < LOW_CONFIDENCE:
                yield Unsure(segment, analyzer, domain, score)


def _children(
    work: Work, place: LoadedSegment, analyzer: str, result: AnalysisResult
) -> Iterator[Row]:
    """Yield the rows of the segments found inside a segment: regions, lines, boxes."""
    for child in result.segments:
        identity = _child_id(place.id, analyzer, child)
        inside = child.parent and child.parent != place.segment.key
        yield SegmentRow(
            id=identity,
            asset_id=work.asset,
            lineage=work.lineage,
            run_id=work.run,
            parent_id=ids.derived(place.id, analyzer, "segment", child.parent)
            if inside
            else place.id,
            segment_type=child.type,
            sequence_number=place.sequence_number,
            start_marker=child.start_marker,
            end_marker=child.end_marker,
            confidence_score=child.confidence,
            numbered=False,
        )
        yield from text_rows(identity, work.run, analyzer, child.texts)
        yield from feature_rows(identity, work.run, analyzer, child.features, {}, result.model)


def _with_words(place: LoadedSegment, analyzer: str, result: AnalysisResult) -> Iterator[Segment]:
    """Yield what has words only now: it was heard, or recognized in a picture."""
    if _says_something(result.texts) and not place.segment.texts:
        start, end = place.segment.start_marker, place.segment.end_marker
        yield Segment(place.segment.type, start, end, key=str(place.id), texts=result.texts)
    for child in result.segments:
        if _says_something(child.texts):
            yield replace(child, key=str(_child_id(place.id, analyzer, child)), parent=None)


def _says_something(texts: Sequence[Text]) -> bool:
    """Return whether there is more than labels: those are no prose to be read."""
    return any(text.source != TextSource.TAG for text in texts)


def _read(
    work: Work,
    deps: Deps,
    worded: Mapping[str, tuple[Segment, Found]],
    priorities: Mapping[str, int],
    failures: Failures,
) -> None:
    """Have the found words read by those who need nothing else."""
    readers = deps.registry.reader_ids()
    if not (readers and worded):
        return
    segments = {key: segment for key, (segment, _) in worded.items()}
    meter = failures.spending.on(segments)
    for key, analyzer, result in deps.sandbox.analyze(
        list(segments.values()), readers, priorities, meter
    ):
        if isinstance(result, MediaFailed):
            failures.add(analyzer, result)
            continue
        found = worded[key][1]
        found.domains |= set(result.features)
        found.unsure += _unsure(UUID(key), analyzer, result)
        found.rows += feature_rows(
            UUID(key), work.run, analyzer, result.features, result.confidence_scores, result.model
        )


def _spoken(rows: Sequence[Row]) -> int:
    """Return how many words were heard."""
    heard = (r for r in rows if isinstance(r, TextRow) and r.source == TextSource.SPOKEN)
    return sum(len(row.body.split()) for row in heard)


def _child_id(parent: UUID, analyzer: str, child: Segment) -> UUID:
    return ids.derived(parent, analyzer, "segment", child.key)


def _facts(segment: UUID, found: Found) -> Sequence[Fact]:
    if not found.analyzers:
        return []
    data = {
        "segment": str(segment),
        "analyzers": found.analyzers,
        "domains": sorted(found.domains),
    }
    unsure = [
        Fact(
            "analysis.confidence_low",
            {
                "segment": str(one.segment),
                "analyzer": one.analyzer,
                "domain": one.domain,
                "confidence": one.confidence,
            },
            one.segment,
        )
        for one in found.unsure
    ]
    return [Fact("segment.analyzed", data, segment), *unsure]
