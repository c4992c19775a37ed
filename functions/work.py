"""What a handler takes and what it returns: the whole of its world."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar
from uuid import UUID

from psycopg import Connection

from events.event import Event
from schemas.names import Lane, Reason, Stage
from stores.ports import ObjectInfo
from stores.records.rows import Row

P = ParamSpec("P")
T = TypeVar("T")
Query = Callable[Concatenate[Connection[Any], P], T]


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
    """An event to publish: its name in events/types.py, what it is about, its data."""

    name: str
    data: Mapping[str, Any]
    segment: UUID | None = None


@dataclass(frozen=True)
class Outcome:
    """What a step did. The engine commits it whole, or not at all."""

    rows: Sequence[Row] = ()
    facts: Sequence[Fact] = ()
    output: Mapping[str, Any] = field(default_factory=dict)
    """Kept on the piece, for the stage that comes next."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """Added up over the stage; the plan of the next stages reads them."""
    failed: Reason | None = None
    detail: str = ""
    limit: str | None = None
