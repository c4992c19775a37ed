"""The rows a step may write: one frozen class a table, field names are its columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class EntityRow:
    """`version_of` is the lineage (of an asset's version 1: itself); None for segments."""

    id: UUID
    entity_type: str  # asset | segment | collection
    parent_id: UUID | None = None
    version: int = 1
    version_of: UUID | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SegmentRow:
    """Its entity row is written with it: `parent_id` is the asset or the parent segment.

    Segments found by `analyze` carry the sequence number of the segment they were found in.
    """

    id: UUID
    asset_id: UUID
    lineage: UUID
    run_id: UUID
    parent_id: UUID
    segment_type: str
    sequence_number: int
    start_marker: Mapping[str, Any]
    end_marker: Mapping[str, Any]
    confidence_score: float = 1.0
    numbered: bool = True
    rests_on: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class TextRow:
    """A body of words of a segment; the store makes its search vector.

    `rests_on`: names of the analyzers whose work a row comes of, the segmenter aside.
    """

    id: UUID
    segment_id: UUID
    run_id: UUID
    source: str
    body: str
    language: str | None = None
    confidence: float | None = None
    rests_on: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class FeatureRow:
    id: UUID
    segment_id: UUID
    run_id: UUID
    feature_domain: str
    feature_type: str
    feature_data: Any
    confidence: float | None
    analyzer_version: str  # name@version
    model: str | None = None
    rests_on: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class EmbeddingRow:
    """The vector itself is row `object_row` of the float32 matrix in `object_key`."""

    id: UUID
    entity_id: UUID
    run_id: UUID
    embedding_type: str  # visual | text | audio | multimodal
    model_name: str
    space: str
    vector_id: str  # "<object_key>#<object_row>"


@dataclass(frozen=True, slots=True)
class RenditionRow:
    """A derived object; `entity_id` is the asset or a segment."""

    id: UUID
    entity_id: UUID
    run_id: UUID
    kind: str
    object_key: str
    mime_type: str
    size: int
    sha256: str
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RelationshipRow:
    id: UUID
    source_id: UUID
    target_id: UUID
    relationship_type: str
    strength: float
    metadata: Mapping[str, Any] = field(default_factory=dict)


Row = EntityRow | SegmentRow | TextRow | FeatureRow | EmbeddingRow | RenditionRow | RelationshipRow
