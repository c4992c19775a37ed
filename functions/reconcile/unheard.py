"""Tell `project` and `relate` once more what they have never had: its message was lost."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection

from functions.deps import Deps
from functions.reconcile import waiting
from functions.vector_facts import for_project, for_relate
from functions.work import Fact
from stores.records import inbox, indexing

AGAIN_S = 300.0
"""What was told again a moment ago may be on its way."""

Late = Callable[[Connection[Any], float, datetime | None], list[UUID]]
Facts = Callable[[Connection[Any], Sequence[UUID]], list[Fact]]


def tell(deps: Deps, older_than_s: float) -> None:
    """Do so for each run whose messages they have passed."""
    _tell(deps, "project", older_than_s, indexing.unindexed, for_project)
    _tell(deps, "relate", older_than_s, indexing.unrelated, for_relate)


def _tell(deps: Deps, consumer: str, older_than_s: float, late: Late, facts_of: Facts) -> None:
    since = waiting.since(deps, consumer)

    def unheard(conn: Connection[Any]) -> list[Fact]:
        due = [run for run in late(conn, older_than_s, since) if _is_due(deps, consumer, run)]
        facts = facts_of(conn, due)
        ids = inbox.unheard(conn, consumer, [str(fact.id) for fact in facts])
        return [fact for fact in facts if str(fact.id) in ids]

    for tenant, facts in deps.engine.each_tenant(unheard):
        if facts:
            deps.engine.write("reconcile", tenant, [], facts=facts)


def _is_due(deps: Deps, consumer: str, run: UUID) -> bool:
    mark = f"reconcile:{consumer}:{run}"
    if deps.cache.get(mark) is not None:
        return False
    deps.cache.set(mark, b"1", AGAIN_S)
    return True
