"""An installation in a temporary folder, and where the passages came to lie in it."""

import contextlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from uuid import UUID

from analyzers.models.selection import Selection
from analyzers.models.store import ModelStore
from analyzers.registry import Registry
from analyzers.runtime import Runtime
from analyzers.sandbox import Sandbox
from bench.relevance.files import File
from bench.relevance.topics import Passage, Topic
from functions.search.handler import search
from functions.search.request import SearchRequest
from functions.search.signals import Evidence, gather
from stores.records import access
from stores.records.database import Database
from stores.records.embedded import EmbeddedPostgres
from stores.records.migrate import migrate
from tests.fixtures.platform import Platform, assembled
from tests.fixtures.postgres import add_tenant

WIDE = 100
Ranking = list[UUID]
"""Segments, best first."""


@contextlib.contextmanager
def platform(models: Path | None) -> Iterator[Platform]:
    """Start one with our analyzers; with a folder of models, those take the fallbacks' places."""
    with (
        tempfile.TemporaryDirectory(prefix="dataflux-bench-", ignore_cleanup_errors=True) as home,
        EmbeddedPostgres(Path(home) / "postgres") as server,
        Database(server.dsn) as database,
        contextlib.ExitStack() as stack,
    ):
        with database.installer() as conn:
            migrate(conn)
        store = ModelStore(models or Path(home) / "none")
        registry = Registry.load(models=Selection(store, Runtime("cpu", threads=2)))
        sandbox = Sandbox(registry)
        stack.callback(sandbox.close)
        yield stack.enter_context(
            assembled(database, add_tenant(database), Path(home), (registry, sandbox))
        )


def bring_in(on: Platform, files: Sequence[tuple[str, bytes]]) -> dict[str, UUID]:
    """Ingest files; return the lineage of each by its name."""
    found = {name: on.drop(name, data).lineage for name, data in files}
    on.pump(most=1_000_000)
    return found


def by_signal(on: Platform, query: str, threshold: float) -> dict[str, list[Evidence]]:
    """Return what each signal alone would answer."""
    lists = gather(on.deps, query, access.scope(on.caller, {}), WIDE)
    good = [[each for each in found if each.score >= threshold] for found in lists]
    return {found[0].signal: found for found in good if found}


def fused(on: Platform, query: str) -> list[UUID]:
    """Return the segments of an answer as people get it."""
    hits = search(on.deps, on.caller, SearchRequest(query=query, limit=WIDE))["hits"]
    return [UUID(hit["segment"]) for hit in hits]


def passages(
    on: Platform, files: Sequence[File], topics: Sequence[Topic], lineages: Mapping[str, UUID]
) -> dict[UUID, Passage]:
    """Return which passage each segment stands for: the one with most of its words."""
    bodies = {(t.name, n): {*_words(p)} for t in topics for n, p in enumerate(t.passages, 1)}
    inside = {lineages[name]: held for name, _, held in files}
    found = {}
    for segment, lineage, body in _segments(on):
        words, held = {*_words(body)}, inside[lineage]
        best = max(held, key=lambda each: len(words & bodies[each]))
        if len(held) == 1 or len(words & bodies[best]) > len(bodies[best]) / 2:
            found[segment] = best
    return found


def _segments(on: Platform) -> list[tuple[UUID, UUID, str]]:
    with on.deps.engine.session(on.caller.tenant, "worker") as conn:
        return conn.execute(
            "SELECT s.id, s.lineage, coalesce(string_agg(t.body, ' '), '') FROM segments s"
            " LEFT JOIN texts t ON t.segment_id = s.id AND t.source <> 'name' GROUP BY 1, 2"
        ).fetchall()


def _words(text: str) -> list[str]:
    return [word.strip(".,;:!?").casefold() for word in text.split()]
