"""What is said of vectors and of runs that have ended: under one id, however often it is said.

So who is told again what was lost on its way does nothing about the rest.
"""

from collections.abc import Sequence
from uuid import UUID

from functions.work import Fact
from schemas import ids
from stores.records import indexing
from stores.records.indexing import Finished


def embedded(segment: UUID, lineage: UUID, asset: UUID, space: str, key: str, row: int) -> Fact:
    """Say that the vector of a segment in a space is row `row` of the matrix `key`."""
    data = {"segment": str(segment), "spaces": [space], "object": key, "row": row}
    id = ids.derived(segment, "segment.embedded", space)
    return Fact("segment.embedded", data, segment, lineage, asset, id=id)


def indexed(segment: UUID, lineage: UUID, space: str) -> Fact:
    """Say that the vector of a segment in a space is found by search."""
    data = {"segment": str(segment), "spaces": [space]}
    id = ids.derived(segment, "segment.indexed", space)
    return Fact("segment.indexed", data, segment, lineage, id=id)


def completed(run: Finished) -> Fact:
    """Say that a run has ended well."""
    data = {"run": str(run.run), "status": run.state, "counts": run.counts, "ms": run.ms}
    name = "asset.processing_completed"
    id = ids.derived(run.lineage, run.run, name)
    return Fact(name, data, lineage=run.lineage, asset=run.asset, id=id)


def for_relate(conn: indexing.Db, runs: Sequence[UUID]) -> list[Fact]:
    """Return all that `relate` is told of runs."""
    vectors = [indexed(one.segment, one.lineage, one.space) for one in indexing.vectors(conn, runs)]
    return vectors + [completed(run) for run in indexing.finished(conn, runs)]


def for_project(conn: indexing.Db, runs: Sequence[UUID]) -> list[Fact]:
    """Return all that `project` is told of runs."""
    facts = []
    for one in indexing.vectors(conn, runs):
        key, _, row = one.vector_id.rpartition("#")
        facts.append(embedded(one.segment, one.lineage, one.asset, one.space, key, int(row)))
    return facts
