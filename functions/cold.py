"""How long the first event of a process has waited for it to start."""

import threading
import time

from events.event import Event


class ColdStart:
    """Made when a process is ready; `born` is when it began, in seconds of the epoch."""

    def __init__(self, born: float) -> None:
        self._ready, self._took_s = time.time(), max(0.0, time.time() - born)
        self._told = threading.Lock()

    def waited(self, event: Event) -> float | None:
        """Return the seconds of the start if this is the first event, and it was there before."""
        first = self._told.acquire(blocking=False)
        return self._took_s if first and event.time.timestamp() <= self._ready else None
