"""Since when messages wait on the bus: what was announced after that is in a queue, not lost."""

from datetime import datetime, timedelta

from events.topics import work_topic
from functions.deps import Deps
from functions.targets import BY_NAME, TARGETS
from schemas.names import Lane, Stage

SKEW = timedelta(seconds=10)
"""How far the clocks of those who send and of the database may be apart."""


def pieces(deps: Deps) -> dict[tuple[str, str], datetime]:
    """Return since when the oldest work waits, by stage and lane; not where nothing waits."""
    oldest = {topic: at for target in TARGETS for topic, at in deps.bus.oldest(target.name).items()}
    return {
        (stage, lane): oldest[topic] - SKEW
        for stage in Stage
        for lane in Lane
        if (topic := work_topic(stage, lane)) in oldest
    }


def since(deps: Deps, function: str) -> datetime | None:
    """Return since when the oldest message of all waits for a function."""
    oldest = deps.bus.oldest(BY_NAME[function].name).values()
    return min(oldest) - SKEW if oldest else None
