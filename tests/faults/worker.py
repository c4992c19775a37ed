"""Claims pieces, all at once, and works on each until it is told to go on.

Run: python -m tests.faults.worker DSN OBJECTS LEASE_S TENANT PIECE...
It says "claimed" once it holds every piece, and waits for a line before it commits anything.
"""

import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from uuid import UUID, uuid4

from dataflux.clock import Clock, IdFactory
from events.event import PREFIX, Event
from events.log_bus import LogBus
from functions.disposition import Disposition
from functions.engine import Engine
from functions.work import Fact, Outcome, Work
from schemas import ids
from stores.objects.disk import DiskObjects
from stores.records.database import Database
from stores.records.rows import FeatureRow, SegmentRow

PATIENCE_S = 60.0


def make_engine(database: Database, objects: Path, lease_s: float) -> Engine:
    clock, bus = Clock(), LogBus(Path("/nonexistent"), in_memory=True)
    store = DiskObjects(objects)
    return Engine(
        database, bus, store, clock, IdFactory(clock), lease_s=lease_s, renew_s=lease_s / 3
    )


def event_of(tenant: UUID, piece: UUID) -> Event:
    """Return a message that asks for a piece."""
    data = {"piece": str(piece), "run": str(uuid4()), "stage": "segment"}
    extensions = {"tenantid": str(tenant), "entityid": str(piece), "partitionkey": str(piece)}
    now = Clock().now()
    return Event(str(uuid4()), f"{PREFIX}work.segment", "/test", now, data, None, extensions)


def outcome_of(work: Work, by: str) -> Outcome:
    """Put an object and return rows, all of which say who made them; the same ids whoever does."""
    kept = work.put("found.txt", by.encode())
    segment = ids.derived(work.lineage, work.run, "segment", str(work.index))
    segment_row = SegmentRow(
        segment, work.asset, work.lineage, work.run, work.asset, "scene", work.index, {}, {}
    )
    feature = FeatureRow(
        id=ids.derived(segment, "by"),
        segment_id=segment,
        run_id=work.run,
        feature_domain="technical",
        feature_type="by",
        feature_data={"by": by},
        confidence=None,
        analyzer_version="test@1",
    )
    fact = Fact("asset.segmented", {"run": str(work.run), "counts": {}})
    return Outcome(rows=[segment_row, feature], facts=[fact], output={"by": by, "object": kept.key})


def run_all(
    engine: Engine, tenant: UUID, pieces: Sequence[UUID], handler: Callable[[Work], Outcome]
) -> list[Disposition]:
    """Run a step on every piece, each on a thread of its own."""
    done: list[Disposition] = []

    def run(piece: UUID) -> None:
        done.append(engine.step(event_of(tenant, piece), handler))

    threads = [threading.Thread(target=run, args=[piece]) for piece in pieces]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return done


def main(dsn: str, objects: str, lease_s: str, tenant: str, *pieces: str) -> None:
    claimed, go_on = threading.Barrier(len(pieces) + 1), threading.Event()

    def handler(work: Work) -> Outcome:
        work.put("early.txt", b"stale")
        claimed.wait(PATIENCE_S)
        go_on.wait()
        return outcome_of(work, "stale")

    def converse() -> None:
        claimed.wait(PATIENCE_S)
        print("claimed", flush=True)
        sys.stdin.readline()
        go_on.set()

    threading.Thread(target=converse).start()
    with Database(dsn, timeout_s=PATIENCE_S) as database:
        engine = make_engine(database, Path(objects), float(lease_s))
        done = run_all(engine, UUID(tenant), [UUID(piece) for piece in pieces], handler)
    print(*done, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
