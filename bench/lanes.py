"""How long the urgent wait behind 500 that are not, and one tenant behind the flood of another.

By simulation, and on the embedded bus with threads and real time: there a piece is a wait, so that
the cores of this machine do not matter.

Run: python -m bench.lanes [HOST:PORT of a Kafka]
"""

import itertools
import math
import os
import platform
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import mean
from uuid import NAMESPACE_OID, uuid4, uuid5

from dataflux.policy import WORKERS
from events.bus import Bus
from events.event import PREFIX, Event
from events.log_bus import LogBus
from events.topics import TOPICS, object_topic, work_topic
from functions.disposition import Disposition
from functions.hosts.given_up import GivenUp
from functions.hosts.local import HOLD_S, Hosted, LocalHost
from schemas.names import Lane, Stage
from tests.functions.hosts.simulation import Job, p95, simulate

NAMES = ("object.created", "work.segment", "work.analyze", "work.embed_text")
SECONDS = (0.05, 1.0, 0.8, 0.2)
"""Of an asset's pieces: ingest, segment, analyze, embed; lognormal around these."""
SCALE = 0.2
"""A second of the simulation takes so much of ours on the bus."""
ASSET_S = sum(SECONDS) * math.exp(0.5**2 / 2)
ARCHIVE, URGENT, PROBES, SIMULATED = 500, 60, 60, 2_000


def main() -> None:
    """Simulate; with an address of Kafka as the argument, replay on that too."""
    print(f"python {platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]}")
    urgent("simulated", 4, simulate)
    for slots in (1, 2, 3, 4, 10):
        for load in (0.1, 0.25):
            flood("simulated", slots, load, simulate, SIMULATED)
    for slots in WORKERS.values():
        flood("pools, simulated", slots, 0.25, partial(simulate, pools=True), SIMULATED)
    urgent("on the bus", 4, partial(replay, embedded, False))
    for slots in (3, 10):
        flood("on the bus", slots, 0.1, partial(replay, embedded, False), PROBES)
    for servers in sys.argv[1:]:
        for slots in (3, 10):
            flood(
                "pools on Kafka", slots, 0.1, partial(replay, partial(kafka, servers), True), PROBES
            )


Run = Callable[[list[Job], int], None]


def urgent(how: str, slots: int, run: Run) -> None:
    """Queue 500 low assets, then let urgent ones come in one by one."""
    drawn = random.Random(1)
    low = [job(drawn, Lane.LOW, "archive", 0.0) for _ in range(ARCHIVE)]
    busy_s = sum(one.service_s for one in low) / slots
    high = [job(drawn, Lane.HIGH, "desk", 0.8 * busy_s * n / URGENT + 0.5) for n in range(URGENT)]
    run([*low, *high], slots)
    service_s = mean(one.service_s for one in high)
    waits = p95(one.took_s - one.service_s for one in high) / service_s
    before = sum(one.ended is not None and one.ended <= high[-1].arrives for one in low)
    print(
        f"{how:10}  {slots} slots, {ARCHIVE} low queued: p95 wait of an urgent upload"
        f" {waits:.2f} service times; {before} low ones were done meanwhile"
    )


def flood(how: str, slots: int, load: float, run: Run, count: int) -> None:
    """Let one tenant take so much of the slots, alone and beside a flood: the same uploads."""
    calm, flooded = (p95(desk(slots, load, run, count, flood=f)) for f in (False, True))
    print(
        f"{how:16} {slots:2} slots, of which it takes {load:.0%} itself: p95 of an upload"
        f" {calm:.2f} -> {flooded:.2f} s ({flooded / calm - 1:+.0%})",
        flush=True,
    )


def desk(slots: int, load: float, run: Run, count: int, *, flood: bool) -> list[float]:
    """Return how long each upload takes; the flood is there first, and is longer than we look."""
    drawn = random.Random(2)
    each = ASSET_S / slots / load
    at = list(itertools.accumulate(drawn.expovariate(1 / each) for _ in range(count)))
    mine = [job(drawn, Lane.NORMAL, "desk", arrives) for arrives in at]
    most = round(1.1 * at[-1] * slots / ASSET_S) if flood else 0
    run([*(job(drawn, Lane.NORMAL, "flood", 0.0) for _ in range(most)), *mine], slots)
    return [one.took_s for one in mine]


def job(drawn: random.Random, lane: Lane, tenant: str, arrives: float) -> Job:
    pieces = [seconds * drawn.lognormvariate(0, 0.5) for seconds in SECONDS]
    return Job(lane, str(uuid5(NAMESPACE_OID, tenant)), arrives, pieces)


@dataclass
class Replay:
    """Functions that wait as long as a job says, on a host with the embedded bus."""

    bus: Bus
    jobs: Sequence[Job]
    began: float = field(default_factory=time.monotonic)
    left: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    served_s: dict[int, float] = field(default_factory=dict)
    """What each job really took in work: a publish takes its time, the longer the busier a disk."""

    def announce(self, number: int, stage: int) -> None:
        one = self.jobs[number]
        key = str(uuid5(NAMESPACE_OID, f"{number}"))
        extensions = {"tenantid": one.tenant, "lane": str(one.lane), "partitionkey": key}
        event = Event(
            id=f"{number}-{stage}",
            type=PREFIX + NAMES[stage],
            source="/dataflux/bench",
            time=datetime.now(UTC),
            data={"job": number, "stage": stage},
            extensions=extensions,
        )
        self.bus.publish([event])

    def warm_up(self) -> None:
        """Let one job through before time begins: by then all have joined their groups."""
        warm = Job(Lane.NORMAL, str(uuid5(NAMESPACE_OID, "warm")), 0.0, [0.0] * len(NAMES))
        self.jobs = [*self.jobs, warm]
        self.announce(len(self.jobs) - 1, 0)
        self.left.acquire()
        self.began = time.monotonic()

    def run(self, events: Sequence[Event]) -> Disposition:
        (event,) = events
        number, stage = event.data["job"], event.data["stage"]
        one, began = self.jobs[number], time.monotonic()
        time.sleep(one.pieces[stage] * SCALE)
        if stage + 1 < len(NAMES):
            self.announce(number, stage + 1)
        served = (time.monotonic() - began) / SCALE
        self.served_s[number] = self.served_s.get(number, 0.0) + served
        if stage + 1 == len(NAMES):
            one.ended, one.pieces = began / SCALE + served, [self.served_s[number]]
            one.ended -= self.began / SCALE
            self.left.release()
        return Disposition.DONE


@contextmanager
def embedded() -> Iterator[Bus]:
    with tempfile.TemporaryDirectory() as folder:
        bus = LogBus(Path(folder))
        yield bus
        bus.close()


@contextmanager
def kafka(servers: str) -> Iterator[Bus]:
    from events.kafka_bus import KafkaBus

    bus = KafkaBus(servers, prefix=f"bench-{uuid4().hex[:8]}.")
    bus.declare(TOPICS.values())
    yield bus
    bus.close()


def replay(
    opened: Callable[[], AbstractContextManager[Bus]],
    pools: bool,
    jobs: list[Job],
    slots: int,
) -> None:
    """Do in real time what `simulate` does in none."""
    with opened() as bus, hosted(bus, jobs, slots, pools=pools) as played:
        played.warm_up()
        for number, one in sorted(enumerate(jobs), key=lambda each: each[1].arrives):
            time.sleep(max(0.0, played.began + one.arrives * SCALE - time.monotonic()))
            one.arrives = (time.monotonic() - played.began) / SCALE
            played.announce(number, 0)
        for _ in jobs:
            played.left.acquire()


@contextmanager
def hosted(bus: Bus, jobs: list[Job], slots: int, *, pools: bool) -> Iterator[Replay]:
    """Run the functions on the same slots, or with `pools` each on so many of its own."""
    played = Replay(bus, jobs)
    functions = [Hosted("ingest", tuple(map(object_topic, Lane)), played.run, heavy=True)]
    for stage in (Stage.SEGMENT, Stage.ANALYZE, Stage.EMBED_TEXT):
        topics = tuple(map(partial(work_topic, stage), Lane))
        functions.append(Hosted(str(stage), topics, played.run, heavy=True))
    hold_s = 0.0 if pools else HOLD_S * SCALE
    groups = [[function] for function in functions] if pools else [functions]
    hosts = [LocalHost(bus, group, bury, slots=slots, hold_s=hold_s) for group in groups]
    for host in hosts:
        host.start()
    yield played
    for host in hosts:
        host.stop()


def bury(given_up: GivenUp) -> None:
    raise AssertionError(given_up)


if __name__ == "__main__":
    main()
