"""What the API shows of assets, segments, runs and renditions."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from schemas.address import Address
from stores.records.assets import Asset
from stores.records.moments import FoundFeature, FoundText, Moment
from stores.records.renditions import Rendition
from stores.records.trace import TracedPiece, TracedRun, TracedStage


def asset(row: Asset) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "lineage": str(row.lineage),
        "address": str(Address(row.lineage, row.version)),
        "version": row.version,
        "is_latest": row.is_latest,
        "kind": row.kind,
        "filename": row.filename,
        "mime_type": row.mime_type,
        "size": row.file_size,
        "sha256": row.file_hash,
        "status": row.processing_status,
        "reason": row.reason,
        "detail": row.detail,
        "priority": row.processing_priority,
        "metadata": row.metadata,
        "run": None if row.run_id is None else str(row.run_id),
        "created_at": moment_of(row.created_at),
        "finished_at": moment_of(row.finished_at),
        "indexed_at": moment_of(row.indexed_at),
        "done": row.processing_status == "failed" or row.indexed_at is not None,
    }


def segment(
    row: Moment,
    version: int | None,
    *,
    texts: Iterable[FoundText] = (),
    features: Iterable[FoundFeature] = (),
    renditions: Iterable[Rendition] = (),
) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "address": str(Address.of(row.lineage, version, row.start_marker, row.end_marker)),
        "type": row.segment_type,
        "parent": str(row.parent_id),
        "number": row.sequence_number,
        "start": row.start_marker,
        "end": row.end_marker,
        "confidence": row.confidence_score,
        "children": row.children,
        "texts": [_text(text) for text in texts if text.segment_id == row.id],
        "features": [_feature(f) for f in features if f.segment_id == row.id],
        "renditions": [rendition(r) for r in renditions if r.entity_id == row.id],
    }


def _text(row: FoundText) -> dict[str, Any]:
    return {
        "source": row.source,
        "language": row.language,
        "body": row.body,
        "confidence": row.confidence,
    }


def _feature(row: FoundFeature) -> dict[str, Any]:
    return {
        "domain": row.feature_domain,
        "type": row.feature_type,
        "data": row.feature_data,
        "confidence": row.confidence,
        "analyzer": row.analyzer_version,
        "model": row.model,
    }


def rendition(row: Rendition) -> dict[str, Any]:
    return {
        "kind": row.kind,
        "mime_type": row.mime_type,
        "size": row.metadata["size"] if "joined" in row.metadata else row.size,
        "sha256": row.sha256,
        "metadata": row.metadata,
    }


def run(row: TracedRun) -> dict[str, Any]:
    return {
        "id": str(row.run.id),
        "state": row.run.state,
        "lane": row.run.lane,
        "strategy": row.run.strategy,
        "analyzer": row.run.scope,
        "reason": row.run.reason,
        "detail": row.run.detail,
        "to_index": row.run.to_index,
        "created_at": moment_of(row.run.created_at),
        "started_at": moment_of(row.run.started_at),
        "finished_at": moment_of(row.run.finished_at),
        "indexed_at": moment_of(row.run.indexed_at),
        "stages": [_stage(stage) for stage in row.stages],
    }


def _stage(row: TracedStage) -> dict[str, Any]:
    return {
        "stage": row.stage,
        "opened_at": moment_of(row.opened_at),
        "pending": row.pending,
        "done": row.done,
        "failed": row.failed,
        "skipped": row.skipped,
        "counts": row.counts,
        "pieces": [_piece(piece) for piece in row.pieces],
    }


def _piece(row: TracedPiece) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "index": row.index,
        "params": row.params,
        "state": row.state,
        "reason": row.reason,
        "detail": row.detail,
        "error": row.error,
        "attempts": [
            {
                "n": a.n,
                "claimed_at": moment_of(a.claimed_at),
                "ended_at": moment_of(a.ended_at),
                "outcome": a.outcome,
                "error": a.error,
                "cold_s": a.cold_s,
            }
            for a in row.attempts
        ],
    }


def moment_of(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat().replace("+00:00", "Z")


def paged(items: Sequence[Any], cursor: str | None) -> dict[str, Any]:
    return {"items": items, "next_cursor": cursor}
