"""What a handler takes and what it returns: the whole of its world."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar
from uuid import UUID

from psycopg import Connection

from events.event import Event
from schemas.names import Lane, Reason, Stage, Strategy
from stores.ports import ObjectInfo
from stores.records.rows import Row

P = ParamSpec("P")
T = TypeVar("T")


class Read(Protocol):
    """Run one query of stores/records in a short read transaction of the work's tenant."""

    def __call__(
        self, query: Callable[Concatenate[Connection[Any], P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T: ...


@dataclass(frozen=True)
class Work:
    """One claimed piece: what to do, and the only ways to read records and write objects."""

    tenant: UUID
    lineage: UUID
    asset: UUID
    run: UUID
    piece: UUID
    stage: Stage
    lane: Lane
    index: int
    params: Mapping[str, Any]
    attempt: int
    event: Event
    read: Read
    put: Callable[[str, bytes], ObjectInfo]
    """Store a derived object under this claim's own prefix: a late worker overwrites nothing."""


@dataclass(frozen=True)
class Fact:
    """An event to publish: its name in events/types.py, its data, what it is about.

    A step's facts are about its own asset; a consumer names the lineage and the asset itself.
    """

    name: str
    data: Mapping[str, Any]
    segment: UUID | None = None
    lineage: UUID | None = None
    asset: UUID | None = None
    lane: Lane | None = None
    """Of what waits for a worker."""
    id: UUID | None = None
    """Of the event, where the same one may have to be told again; else a new one."""


@dataclass(frozen=True)
class Write:
    """One write of stores/records, to be run in the transaction that commits the outcome."""

    query: Callable[..., Any]
    args: tuple[Any, ...]


@dataclass(frozen=True)
class NewRun:
    """A run to plan: its first pieces are inserted and announced with the outcome."""

    id: UUID
    asset: UUID
    lineage: UUID
    lane: Lane
    strategy: Strategy
    analyzer: str
    pieces: Sequence[Mapping[str, Any]]
    config: Mapping[str, Any] = field(default_factory=dict)
    stage: Stage = Stage.SEGMENT
    """Of its first pieces."""
    scope: str | None = None
    """Of a run of one analyzer: its name@version; it looks at the segments of the run `base`."""
    base: UUID | None = None


@dataclass(frozen=True)
class Outcome:
    """What a step did. The engine commits it whole, or not at all."""

    rows: Sequence[Row] = ()
    writes: Sequence[Write] = ()
    facts: Sequence[Fact] = ()
    run: NewRun | None = None
    output: Mapping[str, Any] = field(default_factory=dict)
    """Kept on the piece, for the stage that comes next."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """Added up over the stage; the plan of the next stages reads them."""
    failed: Reason | None = None
    detail: str = ""
    limit: str | None = None
