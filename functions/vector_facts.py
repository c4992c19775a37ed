"""What is said of vectors and of runs that have ended: under one id, however often it is said.

So who is told again what was lost on its way does nothing about the rest.
"""

from collections.abc import Sequence
from uuid import UUID

from functions.work import Fact
from schemas import ids
from stores.records import indexing
from stores.records.indexing import Finished, Vector


def embedded(one: Vector) -> Fact:
    """Say which row of which matrix is the vector of a segment in a space."""
    key, _, row = one.vector_id.rpartition("#")
    data = {"segment": str(one.segment), "spaces": [one.space], "object": key, "row": int(row)}
    id = ids.derived(one.segment, one.run, "segment.embedded", one.space)
    return Fact("segment.embedded", data, one.segment, one.lineage, one.asset, id=id)


def indexed(run: UUID, segment: UUID, lineage: UUID, space: str) -> Fact:
    """Say that the vector that a run made of a segment in a space is found by search."""
    data = {"segment": str(segment), "spaces": [space], "run": str(run)}
    id = ids.derived(segment, run, "segment.indexed", space)
    return Fact("segment.indexed", data, segment, lineage, id=id)


def completed(run: Finished) -> Fact:
    """Say that a run has ended well."""
    data = {"run": str(run.run), "status": run.state, "counts": run.counts, "ms": run.ms}
    if run.analyzer is not None:
        data["analyzer"] = run.analyzer
    name = "asset.processing_completed"
    id = ids.derived(run.lineage, run.run, name)
    return Fact(name, data, lineage=run.lineage, asset=run.asset, id=id)


def for_relate(conn: indexing.Db, runs: Sequence[UUID]) -> list[Fact]:
    """Return all that `relate` is told of runs."""
    vectors = [
        indexed(one.run, one.segment, one.lineage, one.space)
        for one in indexing.vectors(conn, runs)
    ]
    return vectors + [completed(run) for run in indexing.finished(conn, runs)]


def for_project(conn: indexing.Db, runs: Sequence[UUID]) -> list[Fact]:
    """Return all that `project` is told of runs."""
    return [embedded(one) for one in indexing.vectors(conn, runs)]
