"""What cannot be handled is a dead letter, whole; the rest is done, dead letters down or not."""

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from dataflux import failpoints
from events import codec
from events.log_bus import LogBus
from functions.hosts.given_up import GivenUp
from functions.hosts.local import Hosted, LocalHost
from functions.hosts.retries import Backoff
from functions.targets import BY_NAME
from tests.faults.poison import Poison, append, good, kinds
from tests.faults.seeds import replayable, seed
from tests.faults.test_stale_worker import wait_until
from tests.fixtures.platform import Platform

GOOD = 900
TOPIC = "dataflux.work.analyze.high"
QUICK = Backoff(first_s=0.01, longest_s=0.1, tries=3)


def test_there_are_forty_kinds() -> None:
    assert len(list(kinds())) >= 40


@pytest.fixture
def mixed(tmp_path: Path) -> tuple[Path, list[Poison]]:
    """A bus with 1,000 records, every tenth of them poison, in an order that chance has made."""
    poison = [p for _ in range(3) for p in kinds()][:100]
    records: list[Poison] = [
        *poison,
        *(Poison("good", TOPIC, codec.dumps(codec.from_dict(good()))) for _ in range(GOOD)),
    ]
    random.Random(seed()).shuffle(records)
    for number in range(6):
        _append_all(tmp_path, records[number::6], number)
    return tmp_path, poison


def _append_all(folder: Path, records: list[Poison], partition: int) -> None:
    for record in records:
        append(folder, record, partition)


@contextmanager
def hosting(platform: Platform, folder: Path) -> Iterator[LogBus]:
    bus = LogBus(folder, durable=False)
    platform.deps.bus.close()
    platform.deps = replace(platform.deps, bus=bus)
    target = BY_NAME["analyze"]
    hosted = Hosted(target.name, target.topics, partial(target.run, platform.deps), target.batch)
    engine = platform.deps.engine

    def bury(given_up: GivenUp) -> None:
        engine.bury(given_up.letter())

    host = LocalHost(bus, [hosted], bury, slots=4, retry=QUICK)
    host.start()
    try:
        yield bus
    finally:
        host.stop()
        bus.close()


@contextmanager
def armed_with(text: str) -> Iterator[None]:
    failpoints.arm(text)
    try:
        yield
    finally:
        failpoints.arm("")


def letters(platform: Platform) -> list[tuple[Any, ...]]:
    """Return the bytes of each letter, and what it says of them."""
    with platform.deps.engine.system("admin") as conn:
        return conn.execute(
            "SELECT event, reason, attempts, consumer, topic, origin, first_at <= last_at"
            " FROM dead_letters"
        ).fetchall()


@pytest.mark.parametrize("armed", ["", "host.burying:fail@1-60"], ids=["up", "down for a while"])
def test_poison_is_buried_and_everything_else_is_done(
    platform: Platform, mixed: tuple[Path, list[Poison]], armed: str
) -> None:
    folder, poison = mixed
    with platform.deps.engine.system("admin") as conn:
        conn.execute("DELETE FROM dead_letters")
    with replayable(seed()), armed_with(armed), hosting(platform, folder) as bus:
        wait_until(lambda: sum(bus.lag("analyze").values()) == 0)
        kept = letters(platform)
        known = Counter(bytes(raw) for raw, *_ in kept)
        missing = [p.kind for p in poison if not known[p.raw]]
        assert missing == []
        assert known == Counter(p.raw for p in poison)
        assert all(all(about) for _, *about in kept)
