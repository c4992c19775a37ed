"""Does to an installation, in an order that a seed has drawn, what may happen to it in years.

After TigerBeetle's Vortex: real processes on one machine, killed, stopped and cut off.
"""

import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from events.log_bus import LogBus
from functions.targets import BY_NAME
from tests.faults.cluster import Cluster, wait
from tests.faults.poison import Poison, append, kinds
from tests.faults.workload import Workload

UPLOAD_PLACES = (
    "intake.began",
    "objects.written",
    "intake.stored",
    "write.committing",
    "write.committed",
)
WORK_PLACES = (
    "bus.appended",
    "publish.sent",
    "step.claimed",
    "step.ran",
    "step.committing",
    "step.committed",
    "consume.ran",
    "consume.committing",
    "consume.committed",
    "host.ran",
    "host.acknowledged",
)
OTHERS = ("moment", "pause", "cut", "commit", "stall", "refuse", "crash", "dead letters", "drop")
DROPPED = ("ingest", "segment", "stitch", "analyze", "embed", "project", "relate")
"""Functions whose waiting messages may be lost: reconcile finds what they were about."""
PATIENCE_S = 4.0
"""How long a round waits for its failpoint to be passed."""


@dataclass(frozen=True)
class Round:
    """One life of a node: how it ends, and when."""

    kind: str
    failpoints: str = ""
    wait_s: float = 0.0
    poison: bool = False


def deck(seed: int, uploads: int, work: int, others: int) -> list[Round]:
    """Return so many rounds of each kind, shuffled."""
    drawn = random.Random(seed)
    rounds = [
        Round(place, f"{place}:kill@{drawn.randint(1, latest)}", poison=drawn.random() < 0.3)
        for places, count, latest in ((UPLOAD_PLACES, uploads, 3), (WORK_PLACES, work, 6))
        for place in places
        for _ in range(count)
    ]
    rounds += [
        Round(
            kind,
            f"host.burying:fail@1-{drawn.randint(5, 40)}" if kind == "dead letters" else "",
            drawn.uniform(0.1, 1.5),
            poison=kind == "dead letters" or drawn.random() < 0.3,
        )
        for kind in OTHERS
        for _ in range(others)
    ]
    drawn.shuffle(rounds)
    return rounds


@dataclass
class Supervisor:
    """Plays the rounds; every one ends with the death of the node."""

    cluster: Cluster
    workload: Workload
    seed: int
    played: list[str] = field(default_factory=list)
    poison: list[bytes] = field(default_factory=list)
    lost: set[bytes] = field(default_factory=set)
    """Poison that was dropped: it may have been buried before, and its message not yet settled."""
    deaths: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._drawn = random.Random(self.seed + 1)
        self._kinds = self._endless()

    def play(self, rounds: Sequence[Round], uploads: int) -> None:
        """Play all rounds, and spread the uploads over them."""
        for number, one in enumerate(rounds, 1):
            self.workload.allow(max(1, uploads * number // len(rounds)))
            self._play(number, one)
        self.cluster.records.heal()
        self.cluster.api.heal()

    def _play(self, number: int, one: Round) -> None:
        if one.poison:
            self._poison()
        if one.kind == "drop":
            self._drop()
        began = time.monotonic()
        if self.cluster.start(one.failpoints):
            self.workload.open()
            self._misbehave(one)
        hit = not self.cluster.alive
        self.cluster.kill()
        self.workload.open(opened=False)
        self.deaths[one.kind if hit or one.kind in OTHERS else "in time"] += 1
        took = time.monotonic() - began
        self.played.append(f"{number}: {one.kind} {one.failpoints} {took:.1f} s, hit: {hit}")

    def _misbehave(self, one: Round) -> None:
        """Do what the round is about; what is left of the node is killed after it."""
        wait(one.wait_s)
        act: Callable[[], None] | None = {
            "pause": self._pause,
            "cut": self._cut,
            "commit": self._cut_commits,
            "stall": self._stall,
            "refuse": self._refuse,
            "crash": self.cluster.crash_records,
        }.get(one.kind)
        if act is not None:
            act()
            wait(self._drawn.uniform(0.2, 1.0))
        elif one.kind not in OTHERS:
            self.cluster.wait_for_death(PATIENCE_S)

    def _pause(self) -> None:
        """Longer than the lease."""
        self.cluster.signal(signal.SIGSTOP)
        wait(self._drawn.uniform(2.2, 3.0))
        self.cluster.signal(signal.SIGCONT)

    def _cut(self) -> None:
        for _ in range(4):
            self._drawn.choice((self.cluster.records, self.cluster.api)).cut()
            wait(self._drawn.uniform(0.05, 0.3))

    def _cut_commits(self) -> None:
        """The one who commits never learns whether it was committed."""
        for _ in range(5):
            self.cluster.records.cut_after(b"COMMIT")
            wait(self._drawn.uniform(0.1, 0.3))

    def _stall(self) -> None:
        self.cluster.records.stall()
        wait(self._drawn.uniform(0.5, 2.5))
        self.cluster.records.stall(stalling=False)

    def _refuse(self) -> None:
        self.cluster.records.refuse()
        wait(self._drawn.uniform(0.3, 1.5))
        self.cluster.records.refuse(refusing=False)

    def _poison(self) -> None:
        """Put something that nobody can handle among what waits."""
        for _ in range(self._drawn.randint(1, 3)):
            bad = next(self._kinds)
            append(self._bus, bad, self._drawn.randrange(6))
            self.poison.append(bad.raw)

    @staticmethod
    def _endless() -> Iterator[Poison]:
        while True:
            yield from kinds()

    @property
    def _bus(self) -> Path:
        return self.cluster.home / "bus"

    def _drop(self) -> None:
        """Lose what waits for one function, as a broker does whose dead letters are down too."""
        name = self._drawn.choice(DROPPED)
        bus = LogBus(self._bus)
        consumer = bus.subscribe(name, BY_NAME[name].topics)
        lost = 0
        while waiting := consumer.poll(1000, 0):
            for delivery in waiting:
                consumer.ack(delivery)
                lost += 1
                if delivery.value in self.poison:  # gone with the rest: nobody has to bury it
                    self.poison.remove(delivery.value)
                    self.lost.add(delivery.value)
        consumer.close()
        bus.close()
        self.played.append(f"   {lost} messages of {name} are lost")
