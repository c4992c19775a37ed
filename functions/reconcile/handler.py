"""Mend what no message will: exhausted pieces, lost work, statistics, the shards of next year."""

from events.event import Event
from functions.deps import Deps


def handle(event: Event, deps: Deps) -> None:
    deps.engine.fail_exhausted()
    deps.engine.emit_lost()
    deps.engine.refresh_statistics()
    deps.engine.ensure_shards()
