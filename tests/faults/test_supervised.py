"""Kill, stop and cut off an installation at work, and look whether everything holds after it."""

import shutil
import tempfile
import time
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from dataflux.settings import Settings
from functions.deps import build
from tests.e2e.running import processes_of
from tests.faults.cluster import Cluster
from tests.faults.invariants import Found, check_all
from tests.faults.seeds import replayable, seed
from tests.faults.supervisor import Round, Supervisor, deck
from tests.faults.workload import Told, Workload

PATIENCE_S = 90.0
"""Without anything being done; a lost piece takes its lease and thirty seconds."""
UNDER_WAY = (
    "SELECT count(*) FROM pieces WHERE state IN ('ready', 'leased')",
    "SELECT count(*) FROM arrivals WHERE state = 'open'",
    "SELECT count(*) FROM runs WHERE state IN ('planned', 'running')",
    "SELECT count(*) FROM runs WHERE to_index > 0 AND state IN ('completed', 'degraded')",
    "SELECT count(*) FROM runs WHERE to_relate > 0",
    "SELECT count(*) FROM outbox",
)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the server's own user can reach; what failed leaves it behind."""
    made = Path(tempfile.mkdtemp(prefix="dataflux-faults-"))
    yield made
    if not (made / "failed").exists():
        shutil.rmtree(made, ignore_errors=True)


def play(folder: Path, *, uploads: int, largest: int, rounds: Sequence[Round]) -> None:
    """Play a deck of faults while people upload; then heal, wait, and check everything."""
    drawn = seed()
    (folder / "failed").touch()
    with Cluster(folder) as cluster:
        workload = Workload(cluster, drawn, uploads, largest, folder / "history.jsonl")
        supervisor = Supervisor(cluster, workload, drawn)
        with replayable(drawn, folder, Lines(supervisor.played), Lines([cluster.log])):
            assert cluster.start()
            cluster.kill()
            workload.start()
            supervisor.play(rounds, uploads)
            began = time.monotonic()
            assert cluster.start()
            workload.allow(uploads)
            workload.open()
            workload.join()
            settle(cluster, supervisor.poison)
            settled_s = time.monotonic() - began
            assert cluster.stop() == 0
            assert processes_of(cluster.home) == []
            report(supervisor, workload, settled_s)
            check(cluster, supervisor, workload)
    (folder / "failed").unlink()


class Lines:
    """Shown when it is needed: what was done until then, or the end of a file."""

    def __init__(self, lines: Sequence[object]) -> None:
        self._lines = lines

    def __str__(self) -> str:
        shown: list[object] = []
        for line in self._lines[-40:]:
            shown += line.read_text().splitlines()[-25:] if isinstance(line, Path) else [line]
        return "\n  ".join(str(line)[:400] for line in shown)


def settle(cluster: Cluster, poison: Collection[bytes]) -> None:
    """Wait until nothing is under way."""
    before, deadline = None, 0.0
    while left := under_way(cluster, poison):
        if left != before:
            before, deadline = left, time.monotonic() + PATIENCE_S
        assert time.monotonic() < deadline, f"nothing goes on, and still under way: {left}"
        assert cluster.alive, "the node has died without being told to"
        time.sleep(0.2)


def under_way(cluster: Cluster, poison: Collection[bytes]) -> list[tuple[str, int]]:
    with psycopg.connect(cluster.dsn, autocommit=True) as conn:
        counts = [(query, _count(conn, query)) for query in UNDER_WAY]
        buried = {bytes(event) for (event,) in conn.execute("SELECT event FROM dead_letters")}
    counts.append(("poison without a dead letter", len(set(poison) - buried)))
    return [(query, count) for query, count in counts if count]


def _count(conn: psycopg.Connection[tuple[int]], query: str) -> int:
    row = conn.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def report(supervisor: Supervisor, workload: Workload, settled_s: float) -> None:
    told = workload.told()
    print(
        f"\nseed {supervisor.seed}: {told.total()} uploads ({told[Told.OK]} acknowledged,"
        f" {told[Told.UNKNOWN] + told[Told.REFUSED]} not), {supervisor.deaths.total()} kills"
        f" {dict(sorted(supervisor.deaths.items()))}, {len(supervisor.poison)} poison records,"
        f" all at rest {settled_s:.1f} s after the last start"
    )


def check(cluster: Cluster, supervisor: Supervisor, workload: Workload) -> None:
    settings = Settings(home=cluster.home, records=as_url(cluster.dsn))
    with build(settings) as deps:
        with psycopg.connect(cluster.dsn) as conn:
            row = conn.execute("SELECT id FROM tenants").fetchone()
        assert row is not None
        tenant: UUID = row[0]
        violated = check_all(
            Found(deps, tenant, workload.history, supervisor.poison, supervisor.lost)
        )
    assert not violated, "\n".join(f"{name}: {each}" for name, each in violated.items())


def as_url(dsn: str) -> str:
    host = psycopg.conninfo.conninfo_to_dict(dsn)["host"]
    return f"postgresql://postgres@/postgres?host={host}&port=5432"


def test_a_few_faults_lose_nothing(folder: Path) -> None:
    """As many as fit into a minute, of every kind but one after the other."""
    play(folder, uploads=30, largest=16 << 10, rounds=deck(seed(), 1, 1, 1)[:9])


@pytest.mark.faults
def test_hundreds_of_kills_lose_nothing_of_a_thousand_uploads(folder: Path) -> None:
    play(folder, uploads=1_000, largest=4 << 20, rounds=deck(seed(), 25, 30, 3))
