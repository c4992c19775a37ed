"""Milliseconds of POST /api/v1/search over HTTP: words and vectors, fused and explained.

Run: python -m bench.search_http [SEGMENTS]
"""

import platform
import random
import statistics
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path

import httpx

from analyzers.embedding.words import SPACE, embed
from bench.search import KINDS, fill, questions
from dataflux.settings import Settings
from functions.api.app import create_app
from functions.deps import Deps, build
from local.server import Server
from schemas import ids
from stores.ports import VectorRow
from stores.records import people
from stores.records.word_stats import rebuild_stats
from tests.world import World, make_world

GOAL_P95_MS = 200.0
ROUNDS = 60
BATCH = 500


def main(count: int) -> None:
    with (
        tempfile.TemporaryDirectory(prefix="dataflux-bench-") as home,
        build(Settings(home=Path(home))) as deps,
        Server(create_app(deps), "127.0.0.1", 0) as server,
    ):
        _versions(deps)
        world, draw = make_world(deps.engine.database), random.Random(1)
        fill(world, count, draw)
        _embed(deps, world)
        headers = {"authorization": f"Bearer {_token(world)}"}
        with httpx.Client(base_url=server.url, headers=headers, timeout=60) as http:
            print(f"POST /api/v1/search, {count} segments, goal p95 < {GOAL_P95_MS:.0f} ms")
            for kind, choices in KINDS.items():
                _report(http, kind, questions(choices, draw, ROUNDS))


def _versions(deps: Deps) -> None:
    with deps.engine.database.installer() as conn:
        row = conn.execute(
            "SELECT version(), extversion FROM pg_extension WHERE extname = 'vector'"
        ).fetchone()
    print(f"Python {platform.python_version()}; {row and row[0]}; pgvector {row and row[1]}")
    print(", ".join(f"{n} {metadata.version(n)}" for n in ("fastapi", "uvicorn", "httpx")))


def _embed(deps: Deps, world: World) -> None:
    """Index every text in the space that a laptop has."""
    rows = []
    query = "SELECT s.id, s.lineage, t.body FROM texts t JOIN segments s ON s.id = t.segment_id"
    for segment, lineage, body in world.run(query):
        vector = embed(body)
        if vector is not None:
            rows.append(
                VectorRow(ids.derived(segment, SPACE), world.tenant, segment, lineage, vector)
            )
    deps.vectors.ensure(SPACE, len(rows[0].vector))
    for at in range(0, len(rows), BATCH):
        deps.vectors.upsert(SPACE, rows[at : at + BATCH])
    with world.session(world.tenant, "worker") as conn:
        rebuild_stats(conn)


def _token(world: World) -> str:
    token = people.new_token(world.make.randomness)
    admin = world.user("admin")
    with world.session(world.tenant, "admin") as conn:
        people.add_key(conn, people.NewKey(world.make.token(), admin.user, token))
    return token


def _report(http: httpx.Client, kind: str, asked: list[str]) -> None:
    times, found = [], 0
    for number, query in enumerate([asked[0], *asked]):
        start = time.perf_counter()
        answer = http.post("/api/v1/search", json={"query": query})
        took = (time.perf_counter() - start) * 1e3
        answer.raise_for_status()
        if number:  # the first opens the connection
            times.append(took)
            found += len(answer.json()["hits"])
    p95 = statistics.quantiles(times, n=20)[-1]
    p50, mean = statistics.median(times), found / len(asked)
    print(f"{kind:24} p50 {p50:6.1f} ms  p95 {p95:6.1f} ms  hits {mean:.0f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
