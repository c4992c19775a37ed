"""A bus that another process has: events are posted there, as to any sink of CloudEvents."""

import http.client
import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlsplit

from dataflux.errors import Unavailable, Unsupported
from events.bus import Consumer, Delivery
from events.event import Event
from events.http import Message, to_batch

MOST = 200
"""Events of one request: they stay well below what a receiver takes."""
TIMEOUT_S = 30.0


class HttpBus:
    """Publishes, and asks how far behind groups are; who consumes is fed by the other process."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port
        self._path = parts.path.rstrip("/")

    def publish(self, events: Sequence[Event]) -> None:
        for message in _batches(events):
            self._ask("POST", "/events", *message)

    def lag(self, group: str) -> dict[str, int]:
        found: dict[str, int] = self._ask("GET", f"/lag/{quote(group)}")
        return found

    def oldest(self, group: str) -> dict[str, datetime]:
        found = self._ask("GET", f"/oldest/{quote(group)}")
        return {topic: datetime.fromisoformat(at) for topic, at in found.items()}

    def expire(self) -> None:
        """Leave it to the process that has the bus."""

    def close(self) -> None:
        """Nothing is open."""

    def subscribe(self, group: str, topics: Sequence[str]) -> Consumer:
        raise _elsewhere("subscribe")

    def bounds(self, topic: str) -> list[tuple[int, int]]:
        raise _elsewhere("bounds")

    def since(self, topic: str, at: datetime) -> list[int]:
        raise _elsewhere("since")

    def read(self, topic: str, partition: int, offset: int, limit: int) -> list[Delivery]:
        raise _elsewhere("read")

    def _ask(
        self, method: str, path: str, headers: dict[str, str] | None = None, body: bytes = b""
    ) -> Any:
        line = http.client.HTTPConnection(self._host, self._port, timeout=TIMEOUT_S)
        try:
            line.request(method, self._path + path, body, headers or {})
            answer = line.getresponse()
            said = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise Unavailable(f"bus: nothing answers at {self._host}:{self._port}") from error
        finally:
            line.close()
        if answer.status >= 300:
            raise Unavailable(f"bus: {self._host}:{self._port} answered {answer.status}")
        return json.loads(said) if said else None


def _batches(events: Sequence[Event]) -> Iterator[Message]:
    for start in range(0, len(events), MOST):
        yield to_batch(events[start : start + MOST])


def _elsewhere(what: str) -> Unsupported:
    return Unsupported(f"bus: {what} is for the process that has the bus; this one publishes to it")
