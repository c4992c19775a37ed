"""The public surface for analyzers: what one is, what it takes and what it returns.

An analyzer overrides what it does: a segmenter cuts a file into segments, a feature analyzer finds
facts and text in a segment, an embedder turns segments into vectors. All of them run in a sealed
child process: there is no path, network or environment, only the nameless file they are handed.
"""

from abc import ABC
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Literal

API_VERSION = 1

Marker = dict[str, Any]
"""{time} seconds · {page} from 1 · {page?, char} code points · {page?|time?, xywh} percent ·
{page, row} from 1."""

Features = dict[str, dict[str, Any]]
"""{domain: {feature_type: data}}; data is JSON."""


@dataclass(frozen=True, slots=True)
class Range:
    """One piece of a file: seconds, seconds of sound alone, pages (1.., end exclusive), bytes."""

    unit: Literal["time", "sound", "pages", "bytes"]
    start: float
    end: float


@dataclass(slots=True)
class Text:
    """Words found in a segment; `source` is written, spoken, on_screen or tag."""

    source: str
    body: str
    language: str | None = None
    confidence: float | None = None


@dataclass(slots=True)
class Segment:
    """A part of an asset. `key` is unique among the segments of its asset; `parent` names one."""

    type: str
    start_marker: Marker
    end_marker: Marker
    data: Any = None
    """Raw data while one process holds the segment; never stored or sent."""
    key: str = ""
    parent: str | None = None
    confidence: float = 1.0
    texts: list[Text] = field(default_factory=list)
    features: Features = field(default_factory=dict)
    renditions: dict[str, bytes] = field(default_factory=dict)
    """Derived objects by kind (keyframe, speech, …): filled when a segment is analyzed."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """A derived object: of the segment whose key it names, else of the whole asset."""

    kind: str
    mime_type: str
    data: bytes
    segment: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class AnalysisResult:
    """What one analyzer found in one segment; `confidence_scores` is keyed as `features` is."""

    features: Features = field(default_factory=dict)
    confidence_scores: dict[str, dict[str, float]] = field(default_factory=dict)
    texts: list[Text] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)
    """Child segments (lines, regions, boxes); their `parent` is the analyzed segment."""
    processing_time: float = 0.0
    """CPU seconds; the platform measures them."""
    model: str | None = None


@dataclass(slots=True)
class Embedding:
    """A vector in `space`, named modality/model@generation: `visual/fallback@1`."""

    space: str
    vector: Sequence[float]


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU seconds of one usual core for one unit; what has no pages or no length counts as one.

    A `second` is one of sound or film.
    """

    cpu_s: float
    per: Literal["segment", "second", "page", "file"] = "segment"


@dataclass(frozen=True, slots=True)
class AnalyzerSpec:
    """What an analyzer declares, and the platform decides by.

    `segments`: the types it analyzes or embeds (empty: all). `needs`: the rendition kinds it
    must have ("text": at least one text). `emits`: its feature domains, or its embedding spaces.
    `pool`: the kind of child it runs in: "media" (decoders only), or one with models.
    """

    name: str
    version: str
    formats: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    emits: tuple[str, ...] = ()
    pool: Literal["media", "text", "ocr", "speech"] = "media"
    model: str | None = None
    dimensions: int | None = None
    """Of the vectors, for an embedder."""
    consent: str | None = None
    """What a tenant must have consented to before it runs (schemas.names.Consent)."""
    cost: Cost | None = None
    """What it takes, to be told before a selection is analyzed; it must be declared."""
    api: int = 1
    """The API_VERSION it was written for."""

    @property
    def id(self) -> str:
        return f"{self.name}@{self.version}"


class BaseAnalyzer(ABC):
    """Base of every analyzer. Heavy imports belong into `load` and the methods, never on top."""

    spec: AnalyzerSpec

    def load(self) -> None:  # noqa: B027
        """Load models. Called once in the process that later forks the children."""

    def get_supported_formats(self) -> list[str]:
        """Return the MIME types this analyzer reads."""
        return list(self.spec.formats)

    def validate_file(self, file: BinaryIO) -> bool:
        """Return whether the file is worth decoding; raise MediaFailed to say why not."""
        return True

    def get_metadata(self, file: BinaryIO) -> dict[str, Any]:
        """Return technical facts of the whole file: JSON, no content."""
        return {}

    def plan_pieces(self, file: BinaryIO, config: Mapping[str, Any]) -> list[Range]:
        """Return how to cut the file into pieces that decode on their own; []: in one piece."""
        return []

    def extract_segments(
        self, file: BinaryIO, config: Mapping[str, Any]
    ) -> Iterator[Segment | Artifact]:
        """Yield the segments and artifacts of a piece; `config["piece"]` is its Range, if any."""
        return iter(())

    def stitch(self, parts: Sequence[Sequence[Segment]]) -> list[Segment]:
        """Return the final segments of the asset from those of its pieces, in order."""
        return [segment for part in parts for segment in part]

    def stitch_artifacts(
        self, segments: Sequence[Segment], artifacts: Sequence[Artifact]
    ) -> list[Artifact]:
        """Return artifacts of the whole asset, from those of the pieces (data of text only)."""
        return []

    def analyze_segment(
        self, segment: Segment, priorities: Mapping[str, int]
    ) -> AnalysisResult | None:
        """Return what was found in one segment; domains with priority 0 are not wanted."""
        return None

    def generate_embeddings(self, segment: Segment) -> list[Embedding]:
        """Return the vectors of one segment: one a space, each of length 1; [] where absent."""
        return []

    def generate_embeddings_batch(self, segments: Sequence[Segment]) -> list[list[Embedding]]:
        """Return the vectors of many segments, in their order."""
        return [self.generate_embeddings(segment) for segment in segments]

    def embed_query(self, query: str | bytes) -> Embedding | None:
        """Return the vector of a text or an encoded image, or None if it says nothing here."""
        return None


class TwoStep(BaseAnalyzer):
    """An analyzer whose model needs threads or a GPU, which no sealed child has.

    `prepare` runs in the sealed child and makes a model's input of what may be hostile: a square of
    pixels, samples, a text. The second step runs in the platform's own process, where pieces share
    a model; it must expect bytes that `prepare` would not have made, and refuse them.
    """

    def prepare(self, segment: Segment) -> bytes | None:
        """Return the model's input for a segment; None if it says nothing here."""
        raise NotImplementedError


class Finder(TwoStep):
    """A feature analyzer in two steps."""

    def find(
        self, segment: Segment, prepared: bytes, priorities: Mapping[str, int]
    ) -> AnalysisResult | None:
        """Return what was found; the segment comes without its texts and derived objects."""
        raise NotImplementedError

    def analyze_segment(
        self, segment: Segment, priorities: Mapping[str, int]
    ) -> AnalysisResult | None:
        prepared = self.prepare(segment)
        return None if prepared is None else self.find(segment, prepared, priorities)


class Encoder(TwoStep):
    """An embedder in two steps."""

    def prepare_query(self, query: bytes) -> bytes:
        """Return the model's input for an encoded image."""
        raise NotImplementedError

    def encode(self, prepared: Sequence[bytes]) -> Sequence[Sequence[float]]:
        """Return vectors of length 1, in the order of their inputs; threads may call at once."""
        raise NotImplementedError

    def generate_embeddings(self, segment: Segment) -> list[Embedding]:
        prepared = self.prepare(segment)
        return [] if prepared is None else self._embeddings([prepared])

    def embed_query(self, query: str | bytes) -> Embedding | None:
        if isinstance(query, str):
            return None
        return self._embeddings([self.prepare_query(query)])[0]

    def _embeddings(self, prepared: Sequence[bytes]) -> list[Embedding]:
        (space,) = self.spec.emits
        return [Embedding(space, vector) for vector in self.encode(prepared)]
