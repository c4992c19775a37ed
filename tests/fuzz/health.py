"""Asks a process for its health all the while, and remembers how long the answers took."""

import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

EVERY_S = 0.02
PATIENCE_S = 30.0


@dataclass
class Health:
    """Seconds of every answer; `silent` counts those that did not come."""

    took: list[float] = field(default_factory=list)
    silent: int = 0

    @property
    def worst(self) -> float:
        return max(self.took, default=0.0)

    @property
    def slow(self) -> int:
        """Return how many answers took longer than a fifth of a second."""
        return sum(seconds > 0.2 for seconds in self.took)


@contextmanager
def watched(url: str, path: str) -> Iterator[Health]:
    """Ask again and again until the block ends."""
    found, ended = Health(), threading.Event()
    thread = threading.Thread(target=_ask, args=(url, path, found, ended), name="health")
    thread.start()
    try:
        yield found
    finally:
        ended.set()
        thread.join()


def _ask(url: str, path: str, found: Health, ended: threading.Event) -> None:
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=PATIENCE_S)
    while not ended.wait(EVERY_S):
        began = time.perf_counter()
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
            found.silent += answer.status >= 300
        except (OSError, http.client.HTTPException):
            found.silent += 1
            connection.close()
        found.took.append(time.perf_counter() - began)
    connection.close()
