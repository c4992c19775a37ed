"""One valid event of every type, always the same: to begin with, and to test against."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from events.event import PREFIX, Event
from schemas import ids

TIME = datetime(2026, 3, 4, 5, 6, 7, 890000, UTC)
LINEAGE = ids.lineage(2026, 1_772_600_767_890, bytes(range(12)))
TENANT = "00000000-0000-4000-8000-000000000001"


def _id(name: str) -> str:
    return str(ids.derived(LINEAGE, name))


_RELATED = {
    "relationship": _id("relationship"),
    "source": _id("source"),
    "target": _id("target"),
    "type": "similar_to",
    "strength": 0.75,
}
_MOMENT = {"segment": _id("segment"), "spaces": ["visual/fallback@1"]}
_VECTORS = (
    f"derived/{TENANT}/{LINEAGE}/{_id('run')}/embed_visual/{_id('piece')}-{_id('claim')}/"
    "visual-fallback@1.npy"
)
_WORK = {"piece": _id("piece"), "run": _id("run")}

DATA: dict[str, Mapping[str, Any]] = {
    "object.created": {"source": _id("source"), "key": "in/1", "etag": "abc", "size": 1024},
    "asset.uploaded": {
        "asset": _id("asset"),
        "source": _id("source"),
        "mime": "video/mp4",
        "size": 1024,
    },
    "version.created": {"asset": _id("asset"), "lineage": str(LINEAGE), "version": 2},
    "asset.processing_started": {
        "run": _id("run"),
        "strategy": "CHUNKED",
        "lane": "high",
        "pieces": 3,
    },
    "asset.segmented": {"run": _id("run"), "counts": {"segments": 12, "visual": 9}},
    "segment.analyzed": {
        "segment": _id("segment"),
        "analyzers": ["appearance"],
        "domains": ["visual"],
    },
    "analysis.confidence_low": {
        "segment": _id("segment"),
        "analyzer": "speech",
        "domain": "audio",
        "confidence": 0.25,
    },
    "segment.embedded": {**_MOMENT, "object": _VECTORS, "row": 4},
    "segment.indexed": _MOMENT,
    "asset.processing_completed": {
        "run": _id("run"),
        "status": "degraded",
        "counts": {"segments": 12},
        "ms": 900,
    },
    "asset.processing_failed": {
        "run": _id("run"),
        "stage": "ingest",
        "reason": "decode_limit_exceeded",
        "limit": "pixels",
    },
    "relationship.created": _RELATED,
    "similarity.match_found": _RELATED,
    "collection.suggested": {"collection": _id("collection"), "assets": [_id("asset")]},
    "feedback.received": {"feedback": _id("feedback"), "kind": "search_relevance"},
    "storage.tier_moved": {"asset": _id("asset"), "tier": "cold"},
    "queue.threshold_exceeded": {"topic": "dataflux.work.segment.high", "waiting": 1000},
    "error.critical": {"component": "sandbox", "reason": "sandbox_unavailable"},
    "timer.tick": {"timer": "relay"},
    **{
        f"work.{stage}": {**_WORK, "stage": stage}
        for stage in ("segment", "stitch", "analyze", "embed_visual", "embed_text", "chapters")
    },
}


def sample(name: str) -> Event:
    """Return the sample of a type."""
    extensions = {"tenantid": TENANT, "entityid": str(LINEAGE), "partitionkey": str(LINEAGE)}
    if name.startswith("work."):
        extensions |= {"lane": "normal", "partitionkey": _id("piece")}
    return Event(
        id=_id(name),
        type=PREFIX + name,
        source="/dataflux/test",
        time=TIME,
        data=DATA[name],
        subject=_id("asset"),
        extensions=extensions,
    )
