"""Every event type with the shape of its data: facts, work and triggers.

Data carries ids, numbers, references and names from closed lists; never file names or content.
"""

from enum import StrEnum
from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dataflux.errors import Invalid
from events.event import PREFIX, Event
from schemas.names import Lane, LimitName, Reason, RunState, Stage, Strategy

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Counts = dict[str, Count]


class Delivery(StrEnum):
    """Critical events are never dropped; optional ones may be, under pressure."""

    CRITICAL = "critical"
    OPTIONAL = "optional"


class Purpose(StrEnum):
    """A fact says what has happened, work what is to be done; a trigger starts something."""

    FACT = "fact"
    WORK = "work"
    TRIGGER = "trigger"


class Data(BaseModel):
    """Base of all event data: frozen; what a newer writer adds is kept.

    A validator is built when its first event comes: a function sees few of all types.
    """

    model_config = ConfigDict(frozen=True, extra="allow", defer_build=True)
    name: ClassVar[str]
    delivery: ClassVar[Delivery] = Delivery.CRITICAL
    purpose: ClassVar[Purpose] = Purpose.FACT


class ObjectCreated(Data):
    """Bytes have come in at a source; `key` is where they are.

    That is a key of the object store, or `s3://…` for what stays in the bucket of its source.
    """

    name = "object.created"
    purpose = Purpose.TRIGGER
    source: UUID
    key: str = Field(min_length=1, max_length=4096)
    etag: str = Field(min_length=1)
    size: Count
    lineage: UUID | None = None
    priority: Annotated[int, Field(ge=1, le=10)] | None = None
    bulk: bool = False


class AssetUploaded(Data):
    name = "asset.uploaded"
    asset: UUID
    source: UUID
    mime: str
    size: Count


class VersionCreated(Data):
    name = "version.created"
    asset: UUID
    lineage: UUID
    version: int = Field(ge=2)


class ProcessingStarted(Data):
    name = "asset.processing_started"
    run: UUID
    strategy: Strategy
    lane: Lane
    pieces: Count
    analyzer: str | None = None
    """Of a run of one analyzer: its name@version."""


class AssetSegmented(Data):
    name = "asset.segmented"
    run: UUID
    counts: Counts


class SegmentAnalyzed(Data):
    name = "segment.analyzed"
    segment: UUID
    analyzers: list[str]
    domains: list[str]


class ConfidenceLow(Data):
    name = "analysis.confidence_low"
    delivery = Delivery.OPTIONAL
    segment: UUID
    analyzer: str
    domain: str
    confidence: Share


class SegmentEmbedded(Data):
    """The vector is row `row` of the matrix in `object`."""

    name = "segment.embedded"
    segment: UUID
    spaces: list[str] = Field(min_length=1)
    object: str
    row: Count


class SegmentIndexed(Data):
    name = "segment.indexed"
    segment: UUID
    spaces: list[str] = Field(min_length=1)
    run: UUID | None = None
    """Whose vector it is."""


class ProcessingCompleted(Data):
    name = "asset.processing_completed"
    run: UUID
    status: Literal[RunState.COMPLETED, RunState.DEGRADED]
    counts: Counts
    ms: Count
    analyzer: str | None = None


class ProcessingFailed(Data):
    name = "asset.processing_failed"
    run: UUID
    stage: Stage | Literal["ingest"]
    reason: Reason
    limit: LimitName | None = None
    analyzer: str | None = None


class RelationshipCreated(Data):
    name = "relationship.created"
    relationship: UUID
    source: UUID
    target: UUID
    type: str
    strength: Share


class MatchFound(RelationshipCreated):
    name = "similarity.match_found"
    delivery = Delivery.OPTIONAL


class CollectionSuggested(Data):
    name = "collection.suggested"
    collection: UUID
    assets: list[UUID]


class FeedbackReceived(Data):
    name = "feedback.received"
    delivery = Delivery.OPTIONAL
    feedback: UUID
    kind: Literal["search_relevance", "analysis_accuracy"]


class TierMoved(Data):
    name = "storage.tier_moved"
    delivery = Delivery.OPTIONAL
    asset: UUID
    tier: Literal["hot", "warm", "cold"]


class ThresholdExceeded(Data):
    name = "queue.threshold_exceeded"
    delivery = Delivery.OPTIONAL
    topic: str
    waiting: Count


class CriticalError(Data):
    name = "error.critical"
    component: str
    reason: Reason


class TimerTick(Data):
    name = "timer.tick"
    purpose = Purpose.TRIGGER
    timer: str = Field(min_length=1)


class Work(Data):
    """Do one piece of a stage of a run."""

    purpose = Purpose.WORK
    piece: UUID
    run: UUID
    stage: Stage


class WorkSegment(Work):
    name = "work.segment"


class WorkStitch(Work):
    name = "work.stitch"


class WorkAnalyze(Work):
    name = "work.analyze"


class WorkEmbedVisual(Work):
    name = "work.embed_visual"


class WorkEmbedText(Work):
    name = "work.embed_text"


class WorkChapters(Work):
    name = "work.chapters"


TYPES: dict[str, type[Data]] = {
    model.name: model
    for model in (
        ObjectCreated,
        AssetUploaded,
        VersionCreated,
        ProcessingStarted,
        AssetSegmented,
        SegmentAnalyzed,
        ConfidenceLow,
        SegmentEmbedded,
        SegmentIndexed,
        ProcessingCompleted,
        ProcessingFailed,
        RelationshipCreated,
        MatchFound,
        CollectionSuggested,
        FeedbackReceived,
        TierMoved,
        ThresholdExceeded,
        CriticalError,
        TimerTick,
        WorkSegment,
        WorkStitch,
        WorkAnalyze,
        WorkEmbedVisual,
        WorkEmbedText,
        WorkChapters,
    )
}


def is_optional(event: Event) -> bool:
    """Say whether the event may be dropped under pressure."""
    model = TYPES.get(event.name)
    return model is not None and model.delivery is Delivery.OPTIONAL


def validate(event: Event) -> Data:
    """Return the event's data as its model; raise Invalid that names every bad field."""
    model = TYPES.get(event.name) if event.type.startswith(PREFIX) else None
    if model is None:
        raise Invalid(f"no event type {event.type!r}; known: {', '.join(sorted(TYPES))}")
    try:
        return model.model_validate(event.data)
    except ValidationError as error:
        fields = {".".join(map(str, e["loc"])): e["msg"] for e in error.errors()}
        raise Invalid(f"data of {event.type} {event.id!r} is bad: {fields}", fields) from None
