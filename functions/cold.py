"""How long the first event of a process has waited for it to start."""

import threading
import time

from events.event import Event


class ColdStart:
    """Made when a process is ready; `born` is when it began, in seconds of the epoch."""

    def __init__(self, born: float) -> None:
        self._born, self._ready = born, time.time()
        self._told = threading.Lock()

    def waited(self, event: Event) -> float | None:
        """Return for how much of the start the first event was there; None if it came later."""
        first = self._told.acquire(blocking=False)
        waited_s = self._ready - max(self._born, event.time.timestamp())
        return waited_s if first and waited_s > 0 else None
