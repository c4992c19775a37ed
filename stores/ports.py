"""The ports: what each kind of store can do, in our own words. Adapters need not import this."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, BinaryIO, Protocol, Self
from uuid import UUID


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """What is known of a stored object; `sha256` is hex, computed in the pass that wrote it."""

    key: str
    size: int
    etag: str
    sha256: str
    version: str
    modified_at: datetime


class ObjectReader(Protocol):
    """Random access to one object. `fileno` is a read-only descriptor, or None if there is none."""

    @property
    def size(self) -> int: ...
    def read(self, offset: int, length: int) -> bytes: ...
    def fileno(self) -> int | None: ...
    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *error: object) -> None: ...


class ObjectStore(Protocol):
    """Keys are server-made, `/`-separated. Writes are atomic. Missing keys raise NotFound."""

    def put(self, key: str, data: bytes | BinaryIO, *, if_absent: bool = False) -> ObjectInfo: ...
    def head(self, key: str) -> ObjectInfo: ...
    def open(self, key: str, version: str | None = None) -> ObjectReader: ...
    def delete(self, key: str) -> None: ...
    def list(self, prefix: str) -> Iterator[ObjectInfo]: ...


@dataclass(frozen=True, slots=True)
class Scope:
    """Who asks and for what: every search runs inside one.

    `subjects`: the caller's user and group ids; `sees_all`: a tenant admin or operator.
    `filters` is a validated filter (functions/search/filters.py), already in the store's terms.
    """

    tenant: UUID
    subjects: tuple[UUID, ...]
    sees_all: bool = False
    filters: Any = None


@dataclass(frozen=True, slots=True)
class VectorRow:
    """One vector to index: `id` is the embedding's id, `segment` what it describes."""

    id: UUID
    tenant: UUID
    segment: UUID
    lineage: UUID
    vector: Sequence[float]


@dataclass(frozen=True, slots=True)
class Match:
    """A near vector: cosine similarity, -1 to 1."""

    segment: UUID
    lineage: UUID
    similarity: float


class VectorIndex(Protocol):
    """One index a space; a space is named modality/model@generation."""

    def ensure(self, space: str, dimensions: int) -> None: ...
    def upsert(self, space: str, rows: Sequence[VectorRow]) -> None: ...
    def near(
        self,
        space: str,
        vector: Sequence[float],
        scope: Scope,
        *,
        limit: int,
        without: UUID | None = None,
    ) -> list[Match]:
        """Return the visible segments nearest to a vector; none of the lineage `without`."""
        ...

    def vector(self, space: str, segment: UUID, tenant: UUID) -> Sequence[float] | None: ...
    def delete(self, space: str, tenant: UUID, lineage: UUID) -> None: ...


@dataclass(frozen=True, slots=True)
class Edge:
    """A typed, weighted relationship; the smaller id first where it is symmetric."""

    id: UUID
    tenant: UUID
    source: UUID
    target: UUID
    type: str
    strength: float
    metadata: Mapping[str, Any] = field(default_factory=dict)


class Graph(Protocol):
    """Relationships between entities."""

    def upsert(self, edges: Iterable[Edge]) -> None: ...
    def neighbours(
        self,
        entity: UUID,
        scope: Scope,
        *,
        types: Sequence[str] = (),
        depth: int = 1,
        limit: int = 50,
    ) -> list[Edge]: ...
    def delete(self, tenant: UUID, entities: Sequence[UUID]) -> None: ...


class Cache(Protocol):
    """Values with a time to live, in seconds."""

    def get(self, key: str) -> bytes | None: ...
    def set(self, key: str, value: bytes, ttl_s: float) -> None: ...
    def delete(self, prefix: str) -> None: ...
