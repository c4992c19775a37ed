"""Ids: one shard for a lineage and all that is derived from it, and always the same."""

from uuid import RFC_4122, UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflux.clock import Clock, seeded
from schemas import ids

lineages = st.builds(
    ids.lineage,
    st.integers(1970, 9999),
    st.integers(0, 2**47),
    st.binary(min_size=12, max_size=12),
)
keys = st.lists(st.text(max_size=10) | st.integers(), min_size=1, max_size=3)


@given(lineages, keys)
def test_every_id_is_a_uuid_of_version_8(lineage: UUID, key: list[object]) -> None:
    for id in (lineage, ids.derived(lineage, *key)):
        assert (id.version, id.variant) == (8, RFC_4122)


@given(lineages, keys)
def test_what_is_derived_lies_in_the_shard_of_its_root(lineage: UUID, key: list[object]) -> None:
    low, high = ids.bounds(lineage)
    child = ids.derived(lineage, *key)
    assert low <= lineage <= high
    assert low <= child <= high
    assert low <= ids.derived(child, *key) <= high
    assert ids.bounds(child) == (low, high)


@given(st.integers(1970, 9999), st.binary(min_size=12, max_size=12))
def test_a_year_and_a_quarter_hold_their_lineages(year: int, drawn: bytes) -> None:
    id = ids.lineage(year, 1, drawn)
    quarter = drawn[0] >> 6
    after = ids.edge(year, quarter + 1) if quarter < 3 else ids.edge(year + 1)
    assert ids.edge(year, quarter) <= id < after


@given(lineages, keys)
def test_the_same_key_gives_the_same_id(lineage: UUID, key: list[object]) -> None:
    assert ids.derived(lineage, *key) == ids.derived(lineage, *map(str, key))


def test_a_derived_id_never_changes() -> None:
    """Stored ids depend on this: another value here is another id for every segment there is."""
    root = ids.lineage(2026, 1_700_000_000_000, bytes(range(12)))
    assert str(root) == "07ea0001-018b-8fe5-a800-060708090a0b"
    assert str(ids.derived(root, "segment", 0)) == "07ea0001-ff1b-8da4-9ff8-2e3b06625b59"


def test_keys_and_roots_are_told_apart() -> None:
    root, other = (ids.lineage(2026, 1, bytes([0, 0, n] * 4)) for n in (1, 2))
    made = [
        ids.derived(root, "a", "b"),
        ids.derived(root, "ab"),
        ids.derived(root, "a"),
        ids.derived(root, "a", "b", ""),
        ids.derived(other, "a"),
    ]
    assert len(set(made)) == len(made)


def test_lineages_of_one_moment_differ_and_spread_over_the_shards() -> None:
    make = seeded(1, Clock(lambda: 1_800_000_000_000_000_000))
    made = [make.lineage() for _ in range(500)]
    assert len(set(made)) == 500
    assert {id.int >> 112 for id in made} == {2027}
    assert {(id.int >> 110) & 3 for id in made} == {0, 1, 2, 3}


def test_a_seed_repeats() -> None:
    clock = Clock(lambda: 0)
    first, again, other = seeded(1, clock), seeded(1, clock), seeded(2, clock)
    assert [first.lineage(), first.token()] == [again.lineage(), again.token()]
    assert first.token() != other.token()
    assert first.token().version == 4


@pytest.mark.parametrize(("time_ns", "ms"), [(0, 0), (1_999_999, 1), (2_000_000, 2)])
def test_the_clock_counts_whole_milliseconds(time_ns: int, ms: int) -> None:
    assert Clock(lambda: time_ns).unix_ms() == ms
    assert Clock(lambda: time_ns).now().utcoffset() is not None
