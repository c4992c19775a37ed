"""What every cache does."""

import threading
from collections.abc import Callable

import pytest

from stores.ports import Cache


class CacheContract:
    """Subclass with fixtures `cache` and `pass_time`."""

    @pytest.fixture
    def cache(self) -> Cache:
        raise NotImplementedError("the adapter's test supplies its cache")

    @pytest.fixture
    def pass_time(self) -> Callable[[float], None]:
        raise NotImplementedError("the adapter's test says how its time passes")

    def test_returns_what_was_set_last(self, cache: Cache) -> None:
        cache.set("a", b"1", 60)
        cache.set("a", b"\x00two", 60)
        assert cache.get("a") == b"\x00two"

    def test_answers_none_for_an_absent_key(self, cache: Cache) -> None:
        assert cache.get("absent") is None

    def test_keeps_an_empty_value(self, cache: Cache) -> None:
        cache.set("a", b"", 60)
        assert cache.get("a") == b""

    def test_forgets_after_the_time_to_live(
        self, cache: Cache, pass_time: Callable[[float], None]
    ) -> None:
        cache.set("short", b"1", 1)
        cache.set("long", b"2", 60)
        pass_time(1.1)
        assert cache.get("short") is None
        assert cache.get("long") == b"2"

    def test_deletes_by_prefix_and_takes_it_literally(self, cache: Cache) -> None:
        for key in ("acl:1", "acl:2", "ac*", "other"):
            cache.set(key, b"x", 60)
        cache.delete("ac*")
        assert [cache.get(key) for key in ("acl:1", "ac*")] == [b"x", None]
        cache.delete("acl:")
        assert [cache.get(key) for key in ("acl:1", "acl:2", "other")] == [None, None, b"x"]

    def test_can_be_shared_between_threads(self, cache: Cache) -> None:
        def work(name: str) -> None:
            for n in range(100):
                cache.set(f"{name}:{n}", str(n).encode(), 60)
                cache.delete(f"{name}:{n - 1}")

        threads = [threading.Thread(target=work, args=(f"t{n}",)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [cache.get(f"t{n}:99") for n in range(4)] == [b"99"] * 4
        assert cache.get("t0:50") is None
