"""How an asset is processed: its strategy and its lane, decided once, from its size and kind."""

from collections.abc import Mapping

from schemas.names import Lane, Strategy

STREAMING_THRESHOLD = 100 * 1024 * 1024
SMALL = 10 * 1024 * 1024
WORKERS = {Lane.HIGH: 5, Lane.NORMAL: 10, Lane.LOW: 3}
FLOOD = 100
"""So many of one source under way in a lane are a flood: what comes after them is less urgent."""
REDELIVERIES = 10
"""So often a dispatcher of the cluster delivers again what failed, before it gives it up."""


def strategy(size: int, mime_type: str) -> Strategy:
    """Return how the bytes are read. A video is cut into GOP pieces whatever its strategy."""
    if size > STREAMING_THRESHOLD:
        return Strategy.STREAM
    return Strategy.CHUNKED if mime_type.startswith("video/") else Strategy.BATCH


def lane(size: int, priority: int | None = None, *, bulk: bool = False) -> Lane:
    """Return the lane: bulk is always low, then an explicit priority of 1-10, then the size."""
    if bulk:
        return Lane.LOW
    if priority is not None:
        return Lane.HIGH if priority <= 3 else Lane.NORMAL if priority <= 7 else Lane.LOW
    return Lane.HIGH if size < SMALL else Lane.NORMAL if size < STREAMING_THRESHOLD else Lane.LOW


def demoted(lane: Lane, under_way: Mapping[Lane, int]) -> Lane:
    """Return the lane for one more of a source that has so many under way in each."""
    below = {Lane.HIGH: Lane.NORMAL, Lane.NORMAL: Lane.LOW}
    while lane in below and under_way.get(lane, 0) >= FLOOD:
        lane = below[lane]
    return lane
