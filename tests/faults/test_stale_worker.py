"""A worker that was paused beyond its lease overwrites nothing: no row, no object."""

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

from psycopg import Connection

from functions.disposition import Disposition
from functions.work import Outcome, Work
from stores.objects.disk import DiskObjects
from stores.records.database import Database
from tests.faults.worker import PATIENCE_S, make_engine, outcome_of, run_all
from tests.stores.records.runs_in import add_run, session

PIECES = 100
LEASE_S = 1.0


@contextlib.contextmanager
def worker(*arguments: object) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "tests.faults.worker", *map(str, arguments)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with process:
        try:
            yield process
        finally:
            process.kill()


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_100_of_100_that_wake_up_late_change_nothing(
    database: Database, tenant: UUID, tmp_path: Path
) -> None:
    with session(database, tenant) as conn:
        _, pieces = add_run(conn, tenant, PIECES)
    objects = tmp_path / "objects"

    def expired() -> bool:
        with session(database, tenant) as conn:
            row = conn.execute(
                "SELECT count(*) FROM pieces WHERE run_id = (SELECT run_id FROM pieces"
                " WHERE id = %s) AND lease_until < clock_timestamp()",
                [pieces[0]],
            ).fetchone()
        return row == (PIECES,)

    with worker(database.dsn, objects, LEASE_S, tenant, *pieces) as stale:
        assert stale.stdin is not None
        assert stale.stdout is not None
        assert stale.stdout.readline() == "claimed\n"
        stale.send_signal(signal.SIGSTOP)
        wait_until(expired)
        engine = make_engine(database, objects, 60.0)

        def fresh(work: Work) -> Outcome:
            return outcome_of(work, "fresh")

        assert run_all(engine, tenant, pieces, fresh) == [Disposition.DONE] * PIECES
        before = {info.key: info.sha256 for info in DiskObjects(objects).list("")}
        stale.send_signal(signal.SIGCONT)
        stale.stdin.write("go on\n")
        stale.stdin.flush()
        told = stale.stdout.readline().split()
    assert told == ["done"] * PIECES  # it is not asked again: somebody has done it
    with session(database, tenant) as conn:
        check_rows(conn, pieces)
    check_objects(DiskObjects(objects), before)


def check_rows(conn: Connection[object], pieces: list[UUID]) -> None:
    """Each piece was lost once and done once, and every row is of the fresh worker."""
    made = conn.execute(
        "SELECT p.state, p.output ->> 'by', array_agg(a.outcome ORDER BY a.n) FROM pieces p"
        " JOIN attempts a ON a.piece_id = p.id WHERE p.id = ANY(%s) GROUP BY p.id",
        [pieces],
    ).fetchall()
    assert made == [("done", "fresh", ["lost", "done"])] * PIECES
    features = conn.execute("SELECT feature_data ->> 'by', count(*) FROM features GROUP BY 1")
    assert features.fetchall() == [("fresh", PIECES)]
    stages = conn.execute("SELECT pending, done, failed FROM run_stages WHERE stage = 'segment'")
    assert stages.fetchall() == [(0, PIECES, 0)]
    opened = conn.execute("SELECT count(*) FROM pieces WHERE stage = 'stitch'")
    assert opened.fetchall() == [(1,)]


def check_objects(objects: DiskObjects, before: dict[str, str]) -> None:
    """What was there is as it was; what came late lies where nobody looks."""
    after = {info.key: info for info in objects.list("")}
    assert {key: after[key].sha256 for key in before} == before
    assert {info.version for info in after.values()} == {"000001"}
    late = [key for key in after if key not in before]
    assert len(late) == PIECES
    assert all(key.endswith("/found.txt") for key in late)
