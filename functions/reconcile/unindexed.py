"""Announce again the vectors of runs that have ended and are not searchable: a message was lost."""

from collections.abc import Iterator, Sequence
from functools import partial

from functions.deps import Deps
from functions.reconcile import waiting
from functions.work import Fact
from stores.records import runs
from stores.records.runs import Unindexed

AGAIN_S = 300.0
"""Of one run: what was announced a moment ago may be on its way."""


def announce(deps: Deps, older_than_s: float) -> None:
    """Do so for each run whose messages `project` has passed; the same vectors change nothing."""
    passed = waiting.vectors(deps)
    query = partial(runs.unindexed, older_than_s=older_than_s, waiting_since=passed)
    for tenant, found in deps.engine.each_tenant(query):
        if facts := list(_facts(deps, found)):
            deps.engine.write("reconcile", tenant, [], facts=facts)


def _facts(deps: Deps, found: Sequence[Unindexed]) -> Iterator[Fact]:
    fresh = {run for run in {one.run for one in found} if _is_due(deps, f"reconcile:{run}")}
    for one in found:
        if one.run in fresh:
            key, _, row = one.vector_id.rpartition("#")
            data = {
                "segment": str(one.segment),
                "spaces": [one.space],
                "object": key,
                "row": int(row),
            }
            yield Fact("segment.embedded", data, one.segment, one.lineage, one.asset)


def _is_due(deps: Deps, mark: str) -> bool:
    if deps.cache.get(mark) is not None:
        return False
    deps.cache.set(mark, b"1", AGAIN_S)
    return True
