"""Join the segments of all pieces into those of the asset, and commit them."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

import orjson

from analyzers.api import Artifact, Segment
from analyzers.records import segment_from_dict
from functions.deps import Deps
from functions.derived import keep
from functions.findings import feature_rows, text_rows
from functions.stitch import chapters
from functions.work import Fact, Outcome, Work
from schemas import ids
from schemas.names import Stage, TextSource
from stores.records import runs
from stores.records.rows import RenditionRow, Row, SegmentRow, TextRow

TEXT_KINDS = ("application/json", "text/vtt")
"""Artifacts small enough to be read again here, to be joined into one of the whole asset."""


def handle(work: Work, deps: Deps) -> Outcome:
    """Join the pieces of segmentation; once words are known, find the chapters that they make."""
    return chapters.handle(work) if work.stage is Stage.CHAPTERS else _joined(work, deps)


def _joined(work: Work, deps: Deps) -> Outcome:
    run = work.read(runs.get, work.run)
    outputs = work.read(runs.outputs, work.run, Stage.SEGMENT)
    parts = [_segments(deps, output) for output in outputs]
    stored = [artifact for output in outputs for artifact in output["artifacts"]]
    analyzer = deps.registry.get(run.analyzer)
    segments = analyzer.stitch(parts)
    whole = analyzer.stitch_artifacts(segments, [_loaded(deps, a) for a in stored])
    stored += [keep(work, number, artifact) for number, artifact in enumerate(whole)]
    rows = [
        *_rows(work, run.analyzer, segments),
        *_name(work, run.filename, segments),
        *_renditions(work, segments, stored),
    ]
    visual = {a["segment"] for a in stored if a["kind"] == "keyframe"}
    counts = {
        "segments": len(segments),
        "visual": sum(segment.key in visual for segment in segments),
    }
    fact = Fact("asset.segmented", {"run": str(work.run), "counts": counts})
    return Outcome(rows=rows, facts=[fact], counts=counts)


def segment_id(work: Work, key: str) -> UUID:
    return ids.derived(work.lineage, work.run, "segment", key)


def _segments(deps: Deps, output: dict[str, Any]) -> list[Segment]:
    with deps.objects.open(output["segments"]) as kept:
        return [segment_from_dict(d) for d in orjson.loads(kept.read(0, kept.size))]


def _loaded(deps: Deps, stored: dict[str, Any]) -> Artifact:
    """Return the artifact with its data if that is text, without if it is a picture or sound."""
    data = b""
    if stored["mime_type"] in TEXT_KINDS:
        with deps.objects.open(stored["key"]) as kept:
            data = kept.read(0, kept.size)
    return Artifact(
        stored["kind"], stored["mime_type"], data, stored["segment"], stored["metadata"]
    )


def _rows(work: Work, analyzer: str, segments: Sequence[Segment]) -> Iterator[Row]:
    for number, segment in enumerate(segments):
        identity = segment_id(work, segment.key)
        yield SegmentRow(
            id=identity,
            asset_id=work.asset,
            lineage=work.lineage,
            run_id=work.run,
            parent_id=segment_id(work, segment.parent) if segment.parent else work.asset,
            segment_type=segment.type,
            sequence_number=number,
            start_marker=segment.start_marker,
            end_marker=segment.end_marker,
            confidence_score=segment.confidence,
        )
        yield from text_rows(identity, work.run, analyzer, segment.texts)
        yield from feature_rows(identity, work.run, analyzer, segment.features, {}, None)


def _name(work: Work, filename: str, segments: Sequence[Segment]) -> Iterator[TextRow]:
    """Let the words of a file's name find it, at its beginning."""
    first = next((segment for segment in segments if segment.parent is None), None)
    if first is not None:
        identity = segment_id(work, first.key)
        yield TextRow(ids.derived(identity, "name"), identity, work.run, TextSource.NAME, filename)


def _renditions(
    work: Work, segments: Sequence[Segment], stored: Sequence[dict[str, Any]]
) -> Iterator[RenditionRow]:
    """Name each derived object; those of segments that were merged away stay unnamed.

    Several of one kind, such as the sprite sheets of a film's pieces, are numbered in their order.
    """
    known = {segment.key for segment in segments}
    count: Counter[tuple[str | None, str]] = Counter()
    for number, artifact in enumerate(stored):
        key, kind = artifact["segment"], artifact["kind"]
        if key is not None and key not in known:
            continue
        yield RenditionRow(
            id=ids.derived(work.lineage, work.run, "rendition", number),
            entity_id=work.asset if key is None else segment_id(work, key),
            run_id=work.run,
            kind=kind,
            object_key=artifact["key"],
            mime_type=artifact["mime_type"],
            size=artifact["size"],
            sha256=artifact["sha256"],
            metadata={**artifact["metadata"], "number": count[key, kind]},
        )
        count[key, kind] += 1
