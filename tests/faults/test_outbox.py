"""What is committed is published, what is rolled back is not, whoever dies in between."""

import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import pytest

from events import codec
from events.event import PREFIX, Event
from events.log_bus import LogBus
from functions import engine as engines
from stores.records import outbox
from tests.faults.seeds import replayable, seed
from tests.fixtures.platform import Platform

WRITERS = 16
PER_TRANSACTION = 4
TOPIC = "dataflux.timer.tick"
RELAY_PLACES = ("relay.taken", "bus.appended", "relay.published", "relay.deleted")


class Undone(Exception):
    """A transaction is rolled back on purpose."""


@dataclass
class Writer(threading.Thread):
    """Commits `rows` outbox rows, each transaction after a random delay; undoes some of them."""

    platform: Platform
    number: int
    rows: int
    longest_s: float
    undo: float
    drawn: random.Random
    committed: list[str] = field(default_factory=list)
    undone: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(name=f"writer-{self.number}")

    def __hash__(self) -> int:
        return self.number

    def run(self) -> None:
        while len(self.committed) < self.rows:
            self._transact()

    def _transact(self) -> None:
        pause, ids = threading.Event(), list[str]()
        undo = self.drawn.random() < self.undo
        try:
            with self.platform.deps.engine.session(self.platform.caller.tenant, "app") as conn:
                for _ in range(PER_TRANSACTION):
                    event = self._event()
                    outbox.add(conn, self.platform.caller.tenant, [codec.to_dict(event)])
                    ids.append(event.id)
                    pause.wait(self.drawn.uniform(0, self.longest_s / PER_TRANSACTION))
                if undo:
                    raise Undone
        except Undone:
            self.undone += ids
        else:
            self.committed += ids

    def _event(self) -> Event:
        made = str(UUID(bytes=self.drawn.randbytes(16), version=4))
        now = self.platform.deps.clock.now()
        data, extensions = {"timer": "x"}, {"partitionkey": made}
        return Event(made, f"{PREFIX}timer.tick", "/test", now, data, None, extensions)


def writers(platform: Platform, seed: int, rows: int, longest_s: float) -> list[Writer]:
    """Start 16 writers that together commit `rows` rows."""
    started = [
        Writer(platform, n, rows // WRITERS, longest_s, 0.1, random.Random(seed * 100 + n))
        for n in range(WRITERS)
    ]
    for writer in started:
        writer.start()
    return started


def published(bus: LogBus) -> Counter[str]:
    return Counter(d.event.id for d in bus.tail(TOPIC) if d.event is not None)


def check(found: Counter[str], wrote: Sequence[Writer], most: float) -> None:
    """Everything that was committed is there, at most `most` times; nothing else is."""
    committed = {id for writer in wrote for id in writer.committed}
    undone = {id for writer in wrote for id in writer.undone}
    assert committed - set(found) == set(), "skipped"
    assert set(found) - committed == set(), "published what was not committed"
    assert undone
    assert max(found.values()) <= most


def relay_while(platform: Platform, writing: Callable[[], bool]) -> None:
    """Relay until nobody writes any more and nothing is left."""
    last = False
    while not last:
        last = not writing()
        while platform.deps.engine.relay(100):
            last = False


def skip_none(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, *, rows: int, longest_s: float
) -> None:
    """Let two relays race with 16 writers."""
    monkeypatch.setattr(engines, "RELAY_AFTER_S", 0.0)
    drawn = seed()
    with replayable(drawn):
        wrote = writers(platform, drawn, rows, longest_s)

        def writing() -> bool:
            return any(writer.is_alive() for writer in wrote)

        relays = [threading.Thread(target=relay_while, args=[platform, writing]) for _ in range(2)]
        for relay in relays:
            relay.start()
        for thread in (*wrote, *relays):
            thread.join()
        assert isinstance(platform.deps.bus, LogBus)
        check(published(platform.deps.bus), wrote, most=1)


def test_no_event_is_skipped(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    skip_none(platform, monkeypatch, rows=1_600, longest_s=0.02)


@pytest.mark.faults
def test_no_event_of_20_000_is_skipped(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    skip_none(platform, monkeypatch, rows=20_000, longest_s=0.2)


def kill_relays(platform: Platform, folder: Path, *, kills: int, rows: int) -> None:
    """Kill a relay at each of its places, `kills` times, while 16 writers write."""
    drawn = seed()
    chance, dsn = random.Random(drawn), platform.deps.engine.database.dsn
    with replayable(drawn):
        wrote = writers(platform, drawn, rows, 0.2)
        ended: Counter[str] = Counter()
        for place in [p for p in RELAY_PLACES for _ in range(kills)]:
            armed = f"{place}:kill@{chance.randint(1, 3)}"
            command = [sys.executable, "-m", "tests.faults.relaying", dsn, str(folder), armed]
            if subprocess.run(command).returncode == -signal.SIGKILL:
                ended[place] += 1
        for writer in wrote:
            writer.join()
        calm = [sys.executable, "-m", "tests.faults.relaying", dsn, str(folder), ""]
        subprocess.run(calm, check=True)
        bus = LogBus(folder)
        found = published(bus)
        bus.close()
        print(f"{ended.total()} relays killed {dict(ended)}, {found.total() - len(found)} repeated")
        check(found, wrote, most=1 + ended.total())
        assert ended.total() >= 0.75 * kills * len(RELAY_PLACES)


def test_relays_that_are_killed_lose_nothing(platform: Platform, tmp_path: Path) -> None:
    kill_relays(platform, tmp_path / "relayed", kills=1, rows=640)


@pytest.mark.faults
def test_200_relays_that_are_killed_lose_nothing(platform: Platform, tmp_path: Path) -> None:
    kill_relays(platform, tmp_path / "relayed", kills=50, rows=8_000)
