"""Milliseconds of a search in process, over segments with words and vectors.

Run: python -m bench.search [SEGMENTS]
"""

import platform
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any
from uuid import UUID

from dataflux.permissions import Caller
from schemas import ids
from stores.ports import VectorRow
from stores.records import words
from stores.records.access import scope
from stores.records.database import Database
from stores.records.embedded import EmbeddedPostgres
from stores.records.lexemes import lexemes
from stores.records.migrate import migrate
from stores.records.word_stats import rebuild_stats
from stores.vectors.pgvector import PgVectorIndex
from tests.world import World, make_world

PER_ASSET = 20
DIMENSIONS = 384
SPACE = "text/bench@1"
ROUNDS = 60
_VOCABULARY = [f"w{n}ing" for n in range(20_000)]
_WEIGHTS = list(accumulate(1 / (n + 12) ** 1.05 for n in range(20_000)))
KINDS: dict[str, Sequence[range]] = {
    "1 rare word": [range(3_000, 20_000)],
    "2 rare, 2 common words": [range(1_000, 20_000)] * 2 + [range(30)] * 2,
    "3 common words": [range(40)] * 3,
    "8 words": [range(100)] * 3 + [range(100, 2_000)] * 3 + [range(2_000, 20_000)] * 2,
}


def main(count: int) -> None:
    with (
        tempfile.TemporaryDirectory(prefix="dataflux-bench-") as home,
        EmbeddedPostgres(Path(home)) as server,
        Database(server.dsn) as database,
    ):
        with database.installer() as conn:
            migrate(conn)
            row = conn.execute(
                "SELECT version(), extversion FROM pg_extension WHERE extname = 'vector'"
            ).fetchone()
        print(f"Python {platform.python_version()}; {row and row[0]}; pgvector {row and row[1]}")
        world, draw = make_world(database), random.Random(1)
        some, few = fill(world, count, draw)
        admin = world.user("admin")
        for stats in ("counted", "kept"):
            if stats == "kept":
                with world.session(world.tenant, "worker") as conn:
                    rebuild_stats(conn)
            for who, caller in (("all", admin), ("10 %", some), ("1 %", few)):
                _words(world, caller, draw, f"words, {who} visible, statistics {stats}")
        for who, caller in (("all", admin), ("10 %", some), ("1 %", few)):
            _vectors(world, caller, draw, f"vectors, {who} visible")


def fill(world: World, count: int, draw: random.Random) -> tuple[Caller, Caller]:
    """Write segments; return callers who may see a tenth and a hundredth of them."""
    tenth, hundredth = world.collection(), world.collection()
    start, vectors = time.perf_counter(), PgVectorIndex(world.session)
    vectors.ensure(SPACE, DIMENSIONS)
    for n in range(count // PER_ASSET):
        inside = [tenth] * (n % 10 == 0) + [hundredth] * (n % 100 == 0)
        asset = world.asset(*inside)
        segments = [ids.derived(asset, "segment", number) for number in range(PER_ASSET)]
        _write(world, asset, segments, draw)
        vectors.upsert(SPACE, [_vector(world, asset, segment, draw) for segment in segments])
    with world.database.installer() as conn:
        conn.execute("VACUUM ANALYZE")
    print(f"{count} segments written in {time.perf_counter() - start:.0f} s")
    users = world.user(), world.user()
    for user, collection in zip(users, (tenth, hundredth), strict=True):
        world.grant(user.user, collection)
    return users


def _write(world: World, asset: UUID, segments: Sequence[UUID], draw: random.Random) -> None:
    bodies = [" ".join(_drawn(draw, draw.randint(5, 40))) for _ in segments]
    vectors = [lexemes(body, "en", "spoken") for body in bodies]
    with world.app() as conn:
        conn.execute(
            "INSERT INTO entities (id, tenant_id, entity_type, parent_id)"
            " SELECT id, tenant(), 'segment', %s FROM unnest(%s::uuid[]) id",
            (asset, list(segments)),
        )
        conn.execute(
            "INSERT INTO segments (id, tenant_id, asset_id, lineage, run_id, parent_id,"
            " segment_type, sequence_number, start_marker, end_marker)"
            " SELECT id, tenant(), %(a)s, %(a)s, %(a)s, %(a)s, 'utterance', n, '{}', '{}'"
            " FROM unnest(%(s)s::uuid[]) WITH ORDINALITY x (id, n)",
            {"a": asset, "s": list(segments)},
        )
        conn.execute(
            "INSERT INTO texts (id, tenant_id, segment_id, run_id, source, language, body, tsv, dl)"
            " SELECT id, tenant(), id, id, 'spoken', 'en', body, tsv::tsvector, dl"
            " FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::int[]) x (id, body, tsv, dl)",
            (list(segments), bodies, *map(list, zip(*vectors, strict=True))),
        )


def _drawn(draw: random.Random, count: int) -> list[str]:
    return draw.choices(_VOCABULARY, cum_weights=_WEIGHTS, k=count)


def _vector(world: World, asset: UUID, segment: UUID, draw: random.Random) -> VectorRow:
    numbers = [draw.gauss(0, 1) for _ in range(DIMENSIONS)]
    return VectorRow(ids.derived(segment, SPACE), world.tenant, segment, asset, numbers)


def _words(world: World, caller: Caller, draw: random.Random, label: str) -> None:
    def once(query: str) -> list[Any]:
        with world.app() as conn:
            return words.search(conn, query, scope(caller), 50)

    for kind, choices in KINDS.items():
        _report(f"{label}: {kind}", once, questions(choices, draw, ROUNDS))


def questions(choices: Sequence[range], draw: random.Random, count: int) -> list[str]:
    """Return queries of words whose ranks in the vocabulary lie in `choices`."""
    return [" ".join(_VOCABULARY[draw.choice(ranks)] for ranks in choices) for _ in range(count)]


def _vectors(world: World, caller: Caller, draw: random.Random, label: str) -> None:
    index = PgVectorIndex(world.session)
    queries = [[draw.gauss(0, 1) for _ in range(DIMENSIONS)] for _ in range(ROUNDS)]
    _report(label, lambda query: index.near(SPACE, query, scope(caller), limit=50), queries)


def _report(label: str, act: Callable[[Any], Sequence[Any]], queries: Sequence[Any]) -> None:
    act(queries[0])
    times, found = [], 0
    for query in queries:
        start = time.perf_counter()
        found += len(act(query))
        times.append((time.perf_counter() - start) * 1e3)
    p95 = statistics.quantiles(times, n=20)[-1]
    mean = found / len(queries)
    print(f"{label:65s} p50 {statistics.median(times):6.1f} ms  p95 {p95:6.1f} ms  hits {mean:.0f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
