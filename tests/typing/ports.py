"""One line per adapter: the type checker holds each to its port."""

from typing import Any, cast

from events.bus import Bus
from events.log_bus import LogBus
from stores.cache.memory import MemoryCache
from stores.graph.postgres import PostgresGraph
from stores.objects.disk import DiskObjects
from stores.ports import Cache, Graph, ObjectStore, VectorIndex
from stores.vectors.pgvector import PgVectorIndex

_any = cast(Any, None)

vectors: VectorIndex = PgVectorIndex(_any)
graph: Graph = PostgresGraph(_any)
cache: Cache = MemoryCache()
objects: ObjectStore = DiskObjects(_any)
bus: Bus = LogBus(_any)
