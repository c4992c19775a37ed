"""How an asset is processed: the table of sizes, kinds and priorities."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflux.policy import FLOOD, WORKERS, demoted, lane, strategy
from schemas.names import Lane, Strategy

MIB = 1 << 20
HIGH, NORMAL, LOW = Lane.HIGH, Lane.NORMAL, Lane.LOW


@pytest.mark.parametrize(
    ("size", "mime", "expected"),
    [
        (0, "image/png", Strategy.BATCH),
        (100 * MIB, "application/pdf", Strategy.BATCH),
        (100 * MIB + 1, "application/pdf", Strategy.STREAM),
        (1, "video/mp4", Strategy.CHUNKED),
        (100 * MIB, "video/mp4", Strategy.CHUNKED),
        (100 * MIB + 1, "video/mp4", Strategy.STREAM),
        (1, "audio/flac", Strategy.BATCH),
    ],
)
def test_size_and_kind_choose_the_strategy(size: int, mime: str, expected: Strategy) -> None:
    assert strategy(size, mime) is expected


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (0, HIGH),
        (10 * MIB - 1, HIGH),
        (10 * MIB, NORMAL),
        (100 * MIB - 1, NORMAL),
        (100 * MIB, LOW),
        (1 << 40, LOW),
    ],
)
def test_the_size_chooses_the_lane(size: int, expected: Lane) -> None:
    assert lane(size) is expected


@pytest.mark.parametrize(
    ("priority", "expected"),
    [(1, HIGH), (3, HIGH), (4, NORMAL), (7, NORMAL), (8, LOW), (10, LOW)],
)
@pytest.mark.parametrize("size", [0, 50 * MIB, 1 << 40])
def test_a_priority_beats_the_size(size: int, priority: int, expected: Lane) -> None:
    assert lane(size, priority) is expected


@given(st.integers(0, 1 << 50), st.none() | st.integers(1, 10))
def test_bulk_is_always_low(size: int, priority: int | None) -> None:
    assert lane(size, priority, bulk=True) is LOW


def test_every_lane_has_workers() -> None:
    assert WORKERS == {HIGH: 5, NORMAL: 10, LOW: 3}


@pytest.mark.parametrize(
    ("wanted", "under_way", "given"),
    [
        (Lane.HIGH, {}, Lane.HIGH),
        (Lane.HIGH, {Lane.HIGH: FLOOD - 1}, Lane.HIGH),
        (Lane.HIGH, {Lane.HIGH: FLOOD}, Lane.NORMAL),
        (Lane.HIGH, {Lane.LOW: 10 * FLOOD}, Lane.HIGH),
        (Lane.HIGH, {Lane.HIGH: FLOOD, Lane.NORMAL: FLOOD}, Lane.LOW),
        (Lane.LOW, {Lane.LOW: 10 * FLOOD}, Lane.LOW),
    ],
)
def test_a_flood_is_less_urgent(wanted: Lane, under_way: dict[Lane, int], given: Lane) -> None:
    assert demoted(wanted, under_way) is given
