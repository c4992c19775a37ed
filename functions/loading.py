"""Bring the segments of a window together with their texts and derived objects."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from analyzers.api import Segment, Text
from functions.deps import Deps
from functions.work import Work
from stores.records import segments as records


@dataclass(frozen=True)
class LoadedSegment:
    """A stored segment as analyzers see it; its key is its id."""

    id: UUID
    sequence_number: int
    segment: Segment


def load_segments(work: Work, deps: Deps, *, kinds: Collection[str]) -> list[LoadedSegment]:
    """Return the numbered segments of the work's window; texts include those found inside them."""
    window = (work.params["from"], work.params["to"])
    stored = work.read(records.of_run, work.lineage, work.run, *window)
    texts = work.read(records.texts_of_run, work.lineage, work.run, *window)
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
