"""Bring the segments of a window together with their texts and derived objects."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from analyzers.api import Segment, Text
from functions.deps import Deps
from functions.findings import name_of
from functions.work import Work
from schemas.names import Stage
from stores.records import segments as records
from stores.records.runs import Run
from stores.records.segments import StoredText


@dataclass(frozen=True)
class LoadedSegment:
    """A stored segment as analyzers see it; its key is its id."""

    id: UUID
    sequence_number: int
    segment: Segment


def load_segments(
    work: Work, deps: Deps, run: Run, *, kinds: Collection[str]
) -> list[LoadedSegment]:
    """Return the numbered segments of the work's window; texts include those found inside them."""
    window = (work.params["from"], work.params["to"])
    stored = work.read(records.of_run, work.lineage, run.segmented_by, *window)
    texts = texts_for(work, run, window)
    renditions = work.read(
        records.renditions_of, work.lineage, [s.id for s in stored], sorted(kinds)
    )
    loaded = {
        s.sequence_number: LoadedSegment(
            s.id,
            s.sequence_number,
            Segment(s.segment_type, s.start_marker, s.end_marker, key=str(s.id)),
        )
        for s in stored
    }
    by_id = {item.id: item.segment for item in loaded.values()}
    for text in texts:
        found = Text(text.source, text.body, text.language, text.confidence)
        loaded[text.sequence_number].segment.texts.append(found)
    for rendition in renditions:
        with deps.objects.open(rendition.object_key) as kept:
            by_id[rendition.entity_id].renditions[rendition.kind] = kept.read(0, kept.size)
    return list(loaded.values())


def texts_for(work: Work, run: Run, window: tuple[int, int]) -> list[StoredText]:
    """Return the texts of a run; of one analyzer's, what it is given or what will be live then."""
    if run.scope is None:
        return work.read(records.texts_of_run, work.lineage, run.id, *window)
    if work.stage is Stage.ANALYZE:
        return work.read(records.texts_of_segmenter, work.lineage, run.segmented_by, *window)
    analyzer = name_of(run.scope)
    return work.read(records.texts_with, work.lineage, work.asset, run.id, analyzer, *window)
