"""What the API answers, as its contract says it: the shapes of shapes.py and of search."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, create_model

from schemas.names import AssetStatus, Kind, Lane, RunState


class Shape(BaseModel):
    """Of an answer: these fields and no others."""

    model_config = ConfigDict(extra="forbid")


def page(model: type[BaseModel]) -> type[BaseModel]:
    """Return the model of a page of a list; `next_cursor` is null on the last one."""
    return create_model(
        f"{model.__name__}Page",
        __base__=Shape,
        items=(list[model], ...),  # type: ignore[valid-type]
        next_cursor=(str | None, ...),
    )


class Received(Shape):
    """An upload that is kept; `duplicate_of` is the asset that has these bytes already."""

    id: str
    lineage: str
    sha256: str
    size: int
    location: str
    duplicate_of: str | None


class Rendition(Shape):
    """A derived object: a thumbnail, a key frame, a text; of several of a kind one `sheet`."""

    kind: str
    sheet: int = 0
    mime_type: str
    size: int
    sha256: str
    metadata: dict[str, Any]


class Asset(Shape):
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


class Arriving(Shape):
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


class Text(Shape):
    """Words in a segment: written, spoken, on screen, or a tag."""

    source: str
    language: str | None
    body: str
    confidence: float | None


class Feature(Shape):
    """A fact about a segment, and what found it."""

    domain: str
    type: str
    data: Any
    confidence: float | None
    analyzer: str
    model: str | None


class Segment(Shape):
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


class Attempt(Shape):
    """One try of a piece."""

    n: int
    claimed_at: str
    ended_at: str | None
    outcome: str | None
    error: str | None
    cold_s: float | None
    """How long it had waited for its process to start."""


class Piece(Shape):
    """A unit of work of a stage."""

    id: str
    index: int
    params: dict[str, Any]
    state: str
    reason: str | None
    detail: str | None
    error: str | None
    attempts: list[Attempt]


class Stage(Shape):
    """A stage of a run, with how many of its pieces have ended how."""

    stage: str
    opened_at: str | None
    pending: int
    done: int
    failed: int
    skipped: int
    counts: dict[str, Any]
    pieces: list[Piece]


class Run(Shape):
    """One processing of an asset; `analyzer`: of a run of one analyzer alone."""

    id: str
    state: RunState
    lane: str
    strategy: str
    analyzer: str | None
    reason: str | None
    detail: str | None
    to_index: int
    created_at: str
    started_at: str | None
    finished_at: str | None
    indexed_at: str | None
    stages: list[Stage]


class Trace(Shape):
    """All that happened to an asset."""

    asset: Asset
    runs: list[Run]


class Rerun(Shape):
    """A new run of an asset."""

    id: str
    run: str
    location: str


class Replayed(Shape):
    """What was delivered once more, or would be: how many events of which types."""

    id: str
    first: Annotated[str, Field(alias="from")]
    dry_run: bool
    deliveries: int
    types: dict[str, int]


class Signal(Shape):
    """What speaks for a hit: words, a vector space, or the hash of a copy.

    `marks` are offsets in the snippet, `distance` is in bits of 64.
    """

    signal: str
    score: float
    model: str
    cosine: float | None = None
    distance: int | None = None
    source: str | None = None
    terms: list[str] | None = None
    snippet: str | None = None
    marks: list[tuple[int, int]] | None = None


class Moment(Shape):
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


class Answer(Shape):
    """What was found, best first; `no_good_match` if nothing reached the threshold."""

    hits: list[Hit]
    no_good_match: bool
    threshold: float
    took_ms: float


class Relationship(Shape):
    """A typed, weighted edge."""

    id: str
    source: str
    target: str
    type: str
    strength: float
    metadata: dict[str, Any]


class Waiting(Shape):
    """Open pieces of one stage and lane."""

    stage: str
    lane: str
    ready: int
    leased: int
    oldest_s: float


class Status(Shape):
    """How much the caller can see, what is under way, and what was given up."""

    assets: dict[str, int]
    kinds: dict[str, int]
    reasons: dict[str, int]
    waiting: list[Waiting]
    lag: dict[str, int]
    dead_letters: int
    analyzers: list[str]


class Stats(Shape):
    """How much the caller can see, by kind and type."""

    kinds: dict[str, int]
    segments: dict[str, int]


class Consent(Shape):
    """What the tenant has consented to."""

    purpose: str
    given_by: str
    given_at: str


class Source(Shape):
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


class User(Shape):
    """Somebody of the tenant; without roles they see what they own and what they are granted."""

    id: str
    name: str
    roles: list[str]


class AddedUser(User):
    """A user with their API key, which is shown once."""

    token: str


class AddedSource(Source):
    """A source with the secret of who tells of its objects, shown once, and where to tell it."""

    secret: str
    notifications: str


class Notified(Shape):
    """How many new objects a message told of, and what became of the others.

    `kept` are those that nobody takes or understands: a dead letter holds the message.
    """

    taken: int
    known: int
    ignored: int
    kept: int


class Recorded(Shape):
    """An event, and where the bus keeps it; `event` is a structured CloudEvent."""

    topic: str
    partition: int
    offset: int
    event: dict[str, Any]


class Recording(Shape):
    """A page of events; `next_cursor` leads on to what has not happened yet."""

    items: list[Recorded]
    next_cursor: str
    at_end: bool
