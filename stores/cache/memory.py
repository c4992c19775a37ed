"""A cache in this process: the least recently used value goes first, expired ones never show."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

_OVERHEAD = 200  # bytes of bookkeeping a value, roughly


class MemoryCache:
    """Holds at most `most_bytes` of keys and values; safe to share between threads."""

    def __init__(
        self, most_bytes: int = 64 * 1024 * 1024, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._most = most_bytes
        self._now = now
        self._lock = threading.Lock()
        self._values: OrderedDict[str, tuple[bytes, float]] = OrderedDict()
        self._size = 0

    def get(self, key: str) -> bytes | None:
        """Return the value of a key, or None if there is none or its time is over."""
        with self._lock:
            value, until = self._values.get(key, (None, 0.0))
            if value is None or until <= self._now():
                self._drop(key)
                return None
            self._values.move_to_end(key)
            return value

    def set(self, key: str, value: bytes, ttl_s: float) -> None:
        """Keep a value for some seconds; one too large for the cache is not kept."""
        with self._lock:
            self._drop(key)
            if self._cost(key, value) > self._most:
                return
            self._values[key] = (bytes(value), self._now() + ttl_s)
            self._size += self._cost(key, value)
            while self._size > self._most:
                self._drop(next(iter(self._values)))

    def delete(self, prefix: str) -> None:
        """Forget every key that begins with `prefix`."""
        with self._lock:
            for key in [key for key in self._values if key.startswith(prefix)]:
                self._drop(key)

    def _drop(self, key: str) -> None:
        if key in self._values:
            value, _ = self._values.pop(key)
            self._size -= self._cost(key, value)

    @staticmethod
    def _cost(key: str, value: bytes) -> int:
        return len(key) + len(value) + _OVERHEAD
