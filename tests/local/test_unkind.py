"""Chaos: what is delivered comes late, in disorder, repeatedly; nothing else is lost."""

import random
import time
from collections import Counter
from pathlib import Path

import pytest

from dataflux.errors import Invalid
from events.bus import Consumer
from events.log_bus import LogBus
from local.chaos import AGAIN_S, MOST_COPIES, Chaos, parse
from local.unkind import UnkindBus
from tests.contracts.bus import FACT, event

COUNT = 200


def drained(consumer: Consumer, quiet_s: float = 0.3) -> list[str]:
    """Take and acknowledge until nothing more comes."""
    found: list[str] = []
    while deliveries := consumer.poll(16, quiet_s):
        for delivery in deliveries:
            assert delivery.event is not None
            found.append(delivery.event.id)
            consumer.ack(delivery)
    return found


def delivered(chaos: Chaos, folder: Path) -> tuple[list[str], dict[str, int]]:
    bus = LogBus(folder, in_memory=True)
    bus.publish([event(n, key=str(n % 7)) for n in range(COUNT)])
    found = drained(UnkindBus(bus, chaos).subscribe("g", [FACT]))
    lag = bus.lag("g")
    bus.close()
    return found, lag


def test_without_a_wish_it_is_kind(tmp_path: Path) -> None:
    found, lag = delivered(Chaos(1), tmp_path)
    assert (sorted(found, key=int), lag) == ([str(n) for n in range(COUNT)], {FACT: 0})


@pytest.mark.parametrize("seed", range(3))
def test_everything_comes_some_of_it_again_and_in_disorder(tmp_path: Path, seed: int) -> None:
    kind, _ = delivered(Chaos(seed), tmp_path)
    found, lag = delivered(Chaos(seed, duplicate=0.3, reorder=True), tmp_path)
    counts = Counter(found)
    assert set(counts) == set(kind)
    assert COUNT * 1.2 < len(found) < COUNT * 2
    assert 2 <= max(counts.values()) <= MOST_COPIES
    firsts = list(dict.fromkeys(found))
    assert sum(a != b for a, b in zip(firsts, kind, strict=True)) > COUNT / 2
    assert lag == {FACT: 0}


def test_everything_comes_late(tmp_path: Path) -> None:
    bus = LogBus(tmp_path, in_memory=True)
    consumer = UnkindBus(bus, Chaos(1, delay_s=0.3)).subscribe("g", [FACT])
    bus.publish([event(1)])
    began = time.monotonic()
    assert consumer.poll(1, 0.05) == []
    assert len(consumer.poll(1, 5)) == 1
    assert 0.25 < time.monotonic() - began < 3
    bus.close()


def test_what_is_dropped_comes_when_its_sender_tries_again() -> None:
    chaos, chance = Chaos(7, drop=0.25), random.Random("7")
    waits = Counter(chaos.wait_s(chance) for _ in range(1000))
    assert waits[0.0] == pytest.approx(750, abs=60)
    assert waits[AGAIN_S] == pytest.approx(190, abs=50)
    assert max(waits) > AGAIN_S


def test_a_seed_draws_the_same_again() -> None:
    chaos = Chaos(7, duplicate=0.5, reorder=True)
    first, again = random.Random("7"), random.Random("7")
    drawn = [(chaos.copies(first), chaos.wait_s(first)) for _ in range(50)]
    assert drawn == [(chaos.copies(again), chaos.wait_s(again)) for _ in range(50)]


def test_what_is_asked_is_read_and_printed() -> None:
    chaos = parse("duplicate=0.1, reorder,delay=200ms,drop-dlq", 42)
    assert chaos == Chaos(42, 0.1, reorder=True, delay_s=0.2, drop_dlq=True)
    assert parse(str(parse("drop=0.05", 3)), 1) == Chaos(3, drop=0.05)
    assert parse(str(chaos), 1) == chaos
    assert parse("delay=1.5s", 1).delay_s == 1.5
    assert parse("", 9) == Chaos(9)


@pytest.mark.parametrize(
    "text",
    [
        "duplicates",
        "duplicate=2",
        "drop=1",
        "drop",
        "duplicate",
        "reorder=1",
        "delay=5",
        "delay=-1s",
        "seed=x",
    ],
)
def test_what_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match=r"chaos: .*use"):
        parse(text, 1)
