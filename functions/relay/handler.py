"""Publish what a crash left in the outbox."""

from events.event import Event
from functions.deps import Deps

BATCH = 500


def handle(event: Event, deps: Deps) -> None:
    while deps.engine.relay(BATCH) == BATCH:
        pass
