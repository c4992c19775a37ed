"""The cache in memory keeps the contract and its bound."""

from collections.abc import Callable

import pytest

from stores.cache.memory import MemoryCache
from tests.contracts.cache import CacheContract


class _Time:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> _Time:
    return _Time()


class TestMemoryCache(CacheContract):
    @pytest.fixture
    def cache(self, clock: _Time) -> MemoryCache:
        return MemoryCache(now=clock)

    @pytest.fixture
    def pass_time(self, clock: _Time) -> Callable[[float], None]:
        def go_on(seconds: float) -> None:
            clock.now += seconds

        return go_on


def test_the_least_recently_used_goes_first() -> None:
    cache = MemoryCache(most_bytes=3_000)
    for key in ("a", "b", "c"):
        cache.set(key, b"x" * 700, 60)
    assert cache.get("a")
    cache.set("d", b"x" * 700, 60)
    assert [bool(cache.get(key)) for key in ("a", "b", "c", "d")] == [True, False, True, True]


def test_a_value_larger_than_the_cache_is_not_kept() -> None:
    cache = MemoryCache(most_bytes=1_000)
    cache.set("small", b"x", 60)
    cache.set("large", b"x" * 2_000, 60)
    assert [cache.get("large"), cache.get("small")] == [None, b"x"]


def test_many_values_never_exceed_the_bound() -> None:
    cache = MemoryCache(most_bytes=10_000)
    for n in range(1_000):
        cache.set(f"key{n}", b"x" * (n % 50), 60)
    kept = [n for n in range(1_000) if cache.get(f"key{n}") is not None]
    assert kept == list(range(kept[0], 1_000))
    assert 10 < len(kept) <= 50
