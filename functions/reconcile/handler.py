"""Mend what no message will: lost work, exhausted pieces, orphaned objects, statistics, shards."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from psycopg import Connection

from analyzers.api import Encoder
from events.event import Event
from functions.deps import Deps
from functions.intake import created
from functions.reconcile import buckets, orphans, probes, unheard, waiting
from stores.records import arrivals, dead_letters, inbox, spaces, tenants, word_stats

LOST_AFTER_S = 20.0
"""Of what the bus is known to hold no message: half a minute after its lease, it is done again."""
STATISTICS_EVERY_S = 300.0
SWEEP_EVERY_S = 6 * 3600.0
REMEMBERED = timedelta(days=30)
"""Longer than any topic keeps a message."""


def handle(event: Event, deps: Deps) -> None:
    deps.engine.fail_exhausted()
    deps.engine.emit_lost(LOST_AFTER_S, waiting.pieces(deps))
    _announce_arrivals(deps)
    unheard.tell(deps, LOST_AFTER_S)
    buckets.sweep(deps)
    _now_and_then(deps, "statistics", STATISTICS_EVERY_S, _refresh)
    _now_and_then(deps, "orphans", SWEEP_EVERY_S, orphans.sweep)
    _now_and_then(deps, "settled", SWEEP_EVERY_S, _forget)


def _now_and_then(deps: Deps, name: str, seconds: float, action: Callable[[Deps], object]) -> None:
    done = f"reconcile:{name}"
    if deps.cache.get(done) is None:
        action(deps)
        deps.cache.set(done, b"1", seconds)


def _announce_arrivals(deps: Deps) -> None:
    """Announce again what came in and was never taken in: its message was lost or given up."""
    unanswered = partial(
        arrivals.unanswered, older_than_s=LOST_AFTER_S, waiting_since=waiting.since(deps, "ingest")
    )
    for tenant, lost in deps.engine.each_tenant(unanswered):
        if lost:
            deps.engine.write("reconcile", tenant, [], facts=[created(each) for each in lost])


def _forget(deps: Deps) -> None:
    """Delete what was settled long ago, and what consumers have had before any redelivery."""
    now = deps.clock.now()
    with deps.engine.system("admin") as conn:
        dead_letters.forget(conn, now - timedelta(days=deps.settings.letters_days))
        inbox.forget(conn, now - REMEMBERED)


def _refresh(deps: Deps) -> None:
    with deps.engine.system("admin") as conn:
        tenants.ensure_shards(conn, deps.clock.now().year)
    deps.bus.expire()
    deps.engine.each_tenant(word_stats.rebuild_stats)
    for embedder in deps.registry.embedders():
        for space in embedder.spec.emits:
            deps.engine.each_tenant(partial(_measure, space))
        if isinstance(embedder, Encoder) and _is_used(deps, embedder):
            asked = probes.vectors(deps, embedder)
            deps.engine.each_tenant(partial(_measure_words, embedder.spec.emits[0], asked))


def _is_used(deps: Deps, encoder: Encoder) -> bool:
    """Return whether an encoder has made vectors and goes on: else its model is not loaded here."""
    with deps.engine.system("app") as conn:
        made = set(encoder.spec.emits) & spaces.known(conn)
    return bool(made) and encoder.spec.name not in deps.registry.retired


def _measure(space: str, conn: Connection[Any]) -> None:
    spaces.measure(conn, space)


def _measure_words(space: str, asked: Sequence[Sequence[float]], conn: Connection[Any]) -> None:
    spaces.measure_words(conn, space, asked)
