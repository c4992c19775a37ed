"""How a film is cut into pieces that decode on their own: at key frames."""

from collections.abc import Iterator
from typing import Any

from analyzers import containers
from analyzers.api import Range

LENGTH_S = 40.0
"""Least length of a piece: one decodes in well under a minute."""


def gop_ranges(container: Any, stream: Any) -> list[Range]:
    """Return ranges of time that begin at key frames; [] for a film of one piece."""
    length = containers.seconds(container)
    if length < 2 * LENGTH_S:
        return []
    origin, starts = containers.origin(stream), [0.0]
    for time in _key_times(container, stream):
        if time - origin - starts[-1] >= LENGTH_S and length - (time - origin) >= LENGTH_S / 2:
            starts.append(round(time - origin, 6))
    ends = [*starts[1:], length + LENGTH_S]  # containers understate their length
    return [Range("time", start, end) for start, end in zip(starts, ends, strict=True)]


def _key_times(container: Any, stream: Any) -> Iterator[float]:
    """Yield the times of the key frames: from the index, else by reading the packets."""
    indexed = [e.timestamp for e in stream.index_entries if e.is_keyframe]
    if len(indexed) > 1 and container.format.name.startswith("mov"):
        # an index holds decoding times: a piece begins at the presentation time after seeking
        yield from _presented(container, stream, indexed)
        return
    for packet in container.demux(stream):
        if packet.is_keyframe and packet.pts is not None:
            yield float(packet.pts * stream.time_base)


def _presented(container: Any, stream: Any, indexed: list[int]) -> Iterator[float]:
    """Yield the presentation times of the indexed key frames that may begin a piece."""
    wanted = -LENGTH_S
    for timestamp in indexed:
        time = float(timestamp * stream.time_base)
        if time - wanted < LENGTH_S:
            continue
        container.seek(timestamp, stream=stream, backward=True)
        for packet in container.demux(stream):
            if packet.is_keyframe and packet.pts is not None:
                yield float(packet.pts * stream.time_base)
                break
        wanted = time
