"""One partition that ends with its process: for tests that need no disk."""

import threading
import time


class MemoryLog:
    """Does what a PartitionLog does, and keeps nothing."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._records: list[tuple[float, bytes]] = []
        self.start = 0

    @property
    def end(self) -> int:
        with self._lock:
            return self.start + len(self._records)

    def append(self, records: list[bytes]) -> int:
        with self._lock:
            first = self.start + len(self._records)
            self._records += [(time.time(), record) for record in records]
            return first

    def read(self, offset: int, limit: int) -> list[tuple[int, bytes]]:
        with self._lock:
            offset = max(offset, self.start)
            found = self._records[offset - self.start :][:limit]
        return [(n, record) for n, (_, record) in enumerate(found, offset)]

    def since(self, at: float) -> int:
        """Return the first offset that was appended at a time (in seconds) or later."""
        with self._lock:
            return self.start + sum(1 for written, _ in self._records if written < at)

    def expire(self, older_than_s: float) -> None:
        with self._lock:
            before = time.time() - older_than_s
            old = sum(1 for written, _ in self._records if written < before)
            del self._records[:old]
            self.start += old

    def close(self) -> None:
        with self._lock:
            self._records.clear()
