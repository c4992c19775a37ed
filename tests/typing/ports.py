"""One line per adapter: the type checker holds each to its port."""

from typing import Any, cast

from stores.cache.memory import MemoryCache
from stores.graph.postgres import PostgresGraph
from stores.ports import Cache, Graph, VectorIndex
from stores.vectors.pgvector import PgVectorIndex

_any = cast(Any, None)

vectors: VectorIndex = PgVectorIndex(_any)
graph: Graph = PostgresGraph(_any)
cache: Cache = MemoryCache()
