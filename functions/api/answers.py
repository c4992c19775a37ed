"""What the API answers, as its contract says it: the shapes of shapes.py and of search."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model

from schemas.names import AssetStatus, Kind, Lane, RunState


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


def page(model: type[BaseModel]) -> type[BaseModel]:
    """Return the model of a page of a list; `next_cursor` is null on the last one."""
    return create_model(
        f"{model.__name__}Page",
        __base__=_Answer,
        items=(list[model], ...),  # type: ignore[valid-type]
        next_cursor=(str | None, ...),
    )


class Received(_Answer):
    """An upload that is kept; `duplicate_of` is the asset that has these bytes already."""

    id: str
    lineage: str
    sha256: str
    size: int
    location: str
    duplicate_of: str | None


class Rendition(_Answer):
    """A derived object: a thumbnail, a key frame, a text; of several of a kind one `sheet`."""

    kind: str
    sheet: int = 0
    mime_type: str
    size: int
    sha256: str
    metadata: dict[str, Any]


class Asset(_Answer):
    """A version of a file; `done` once it can be found whole or has failed."""

    id: str
    lineage: str
    address: str
    version: int
    is_latest: bool
    kind: Kind | None
    filename: str
    mime_type: str
    size: int
    sha256: str
    status: AssetStatus
    reason: str | None
    detail: str
    priority: int | None
    metadata: dict[str, Any]
    run: str | None
    created_at: str
    finished_at: str | None
    indexed_at: str | None
    done: bool


class AssetWithRenditions(Asset):
    """An asset with the objects derived from it."""

    renditions: list[Rendition]


class Arriving(_Answer):
    """An upload that has not been taken in yet, as its sender is shown it."""

    id: str
    lineage: str
    filename: str
    size: int
    sha256: str
    status: AssetStatus
    reason: str | None
    detail: str
    duplicate_of: str | None
    done: bool


class Text(_Answer):
    """Words in a segment: written, spoken, on screen, or a tag."""

    source: str
    language: str | None
    body: str
    confidence: float | None


class Feature(_Answer):
    """A fact about a segment, and what found it."""

    domain: str
    type: str
    data: Any
    confidence: float | None
    analyzer: str
    model: str | None


class Segment(_Answer):
    """A part of an asset, from one marker to another."""

    id: str
    address: str
    type: str
    parent: str
    number: int
    start: dict[str, Any]
    end: dict[str, Any]
    confidence: float
    children: int
    texts: list[Text]
    features: list[Feature]
    renditions: list[Rendition]


class SegmentWithin(Segment):
    """A segment with its asset and what lies inside it."""

    asset: str
    segments: list[Segment]


class Attempt(_Answer):
    """One try of a piece."""

    n: int
    claimed_at: str
    ended_at: str | None
    outcome: str | None
    error: str | None


class Piece(_Answer):
    """A unit of work of a stage."""

    id: str
    index: int
    params: dict[str, Any]
    state: str
    reason: str | None
    detail: str | None
    error: str | None
    attempts: list[Attempt]


class Stage(_Answer):
    """A stage of a run, with how many of its pieces have ended how."""

    stage: str
    opened_at: str | None
    pending: int
    done: int
    failed: int
    skipped: int
    counts: dict[str, Any]
    pieces: list[Piece]


class Run(_Answer):
    """One processing of an asset."""

    id: str
    state: RunState
    lane: str
    strategy: str
    reason: str | None
    detail: str | None
    to_index: int
    created_at: str
    started_at: str | None
    finished_at: str | None
    indexed_at: str | None
    stages: list[Stage]


class Trace(_Answer):
    """All that happened to an asset."""

    asset: Asset
    runs: list[Run]


class Rerun(_Answer):
    """A new run of an asset."""

    id: str
    run: str
    location: str


class Replayed(_Answer):
    """What was delivered once more, or would be: how many events of which types."""

    id: str
    first: Annotated[str, Field(alias="from")]
    dry_run: bool
    deliveries: int
    types: dict[str, int]


class Signal(_Answer):
    """What speaks for a hit: words, or a vector space; `marks` are offsets in the snippet."""

    signal: str
    score: float
    model: str
    cosine: float | None = None
    source: str | None = None
    terms: list[str] | None = None
    snippet: str | None = None
    marks: list[tuple[int, int]] | None = None


class Moment(_Answer):
    """A segment that was found, and why."""

    address: str
    segment: str
    segment_type: str
    start: dict[str, Any]
    end: dict[str, Any]
    score: float
    signals: list[Signal]


class Hit(Moment):
    """A moment with its asset; by asset, `segments` are all that were found in it."""

    asset: str
    lineage: str
    kind: Kind
    filename: str
    mime_type: str
    thumbnail: str | None
    segments: list[Moment] | None = None


class Answer(_Answer):
    """What was found, best first; `no_good_match` if nothing reached the threshold."""

    hits: list[Hit]
    no_good_match: bool
    threshold: float
    took_ms: float


class Relationship(_Answer):
    """A typed, weighted edge."""

    id: str
    source: str
    target: str
    type: str
    strength: float
    metadata: dict[str, Any]


class DeadLetter(_Answer):
    """A message that was given up, or a piece of an asset that failed for good."""

    id: str
    kind: Literal["message", "piece"]
    group: str
    tenant: str | None
    function: str
    topic: str
    event_id: str | None
    event_type: str | None
    asset: str | None
    reason: str
    detail: str
    attempts: int
    state: Literal["dead", "retried", "replayed", "discarded"]
    origin: dict[str, Any]
    first_at: str
    last_at: str


class DeadLetterWithMessage(DeadLetter):
    """A letter with its bytes in Base64, and what they say if they are an event."""

    message: str
    event: dict[str, Any] | None


class DeadLetterGroup(_Answer):
    """Letters that were given up alike."""

    group: str
    kind: Literal["message", "piece"]
    function: str
    topic: str
    reason: str
    detail: str
    count: int
    attempts: int
    first_at: str
    last_at: str


class Recorded(_Answer):
    """An event, and where the bus keeps it; `event` is a structured CloudEvent."""

    topic: str
    partition: int
    offset: int
    event: dict[str, Any]


class Recording(_Answer):
    """A page of events; `next_cursor` leads on to what has not happened yet."""

    items: list[Recorded]
    next_cursor: str
    at_end: bool


class SettledLetter(_Answer):
    """A letter and, if nothing could be done with it, why."""

    id: str
    kind: Literal["message", "piece"]
    function: str
    reason: str
    refused: str | None


class Settled(_Answer):
    """What was done with the letters that were meant, or would be; more are at the cursor."""

    action: Literal["retry", "replay", "discard"]
    dry_run: bool
    matched: int
    done: int
    refused: int
    items: list[SettledLetter]
    next_cursor: str | None


class Waiting(_Answer):
    """Open pieces of one stage and lane."""

    stage: str
    lane: str
    ready: int
    leased: int
    oldest_s: float


class Status(_Answer):
    """How much the caller can see, what is under way, and what was given up."""

    assets: dict[str, int]
    kinds: dict[str, int]
    reasons: dict[str, int]
    waiting: list[Waiting]
    lag: dict[str, int]
    dead_letters: int
    analyzers: list[str]


class Stats(_Answer):
    """How much the caller can see, by kind and type."""

    kinds: dict[str, int]
    segments: dict[str, int]


class Source(_Answer):
    """Where objects come in; `bucket` is null for uploads and the folder."""

    id: str
    tenant: str
    name: str
    bucket: str | None
    prefix: str
    owner: str
    collection: str | None
    lane: Lane | None
    created_at: str
    swept_at: str | None


class AddedSource(Source):
    """A source with the secret of who tells of its objects, shown once, and where to tell it."""

    secret: str
    notifications: str


class Notified(_Answer):
    """How many new objects a message told of, and what became of the others.

    `kept` are those that nobody takes or understands: a dead letter holds the message.
    """

    taken: int
    known: int
    ignored: int
    kept: int
