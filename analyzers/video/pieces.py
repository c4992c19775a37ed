"""How a film is cut into pieces that decode on their own: at key frames, with some overlap.

A piece decides where scenes begin a little after its start and until a little after its end, so
that it always knows the pictures before and after: its decisions are those of one pass over all.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf
from typing import Any, Self

from analyzers import containers
from analyzers.api import Range

LENGTH_S = 40.0
"""Least length of a piece: one decodes in well under a minute."""
BEFORE_S, AFTER_S = 1.5, 1.5
"""What a decision about a picture looks at before and after it."""


@dataclass(frozen=True, slots=True)
class Window:
    """The pictures a piece decides about, from `start` to `end`, and those it reads for that."""

    read_from: float
    start: float
    end: float
    read_until: float

    @classmethod
    def of(cls, piece: Range | None) -> Self:
        if piece is None:
            return cls(0.0, 0.0, inf, inf)
        end = piece.end + BEFORE_S
        start = piece.start + BEFORE_S if piece.start > 0 else 0.0
        return cls(piece.start, start, end, end + AFTER_S)


def length_of(container: Any, stream: Any) -> float:
    """Return the length in seconds: what is claimed, else what the packets say."""
    claimed = containers.seconds(container)
    if claimed:
        return claimed
    times = [_packet_end(p) for p in container.demux(stream) if p.pts is not None]
    container.seek(0)
    return max(0.0, max(times, default=0.0) - containers.origin(stream))


def _packet_end(packet: Any) -> float:
    return float((packet.pts + (packet.duration or 0)) * packet.time_base)


def planned(container: Any, stream: Any) -> list[Range]:
    """Return the pieces of a film: its sound, if it has any, and ranges of its pictures.

    So both are worked on at once, by different workers.
    """
    ranges = gop_ranges(container, stream)
    if not containers.streams_of(container, "audio"):
        return ranges
    if not ranges and (length := length_of(container, stream)):
        ranges = [Range("time", 0.0, length + LENGTH_S)]  # containers understate their length
    return [Range("sound", 0.0, ranges[-1].end), *ranges] if ranges else []


def gop_ranges(container: Any, stream: Any) -> list[Range]:
    """Return ranges of time that begin at key frames; [] for a film of one piece."""
    length = length_of(container, stream)
    if length < 2 * LENGTH_S:
        return []
    starts = [0.0]
    for time in _key_times(container, stream, length):
        if time - starts[-1] >= LENGTH_S and length - time >= LENGTH_S / 2:
            starts.append(round(time, 6))
    ends = [*starts[1:], length + LENGTH_S]  # containers understate their length
    return [Range("time", start, end) for start, end in zip(starts, ends, strict=True)]


def _key_times(container: Any, stream: Any, length: float) -> Iterator[float]:
    """Yield the times of the key frames: from the index, else by reading the packets."""
    import av

    origin = containers.origin(stream)
    indexed = indexed_keys(container, stream, length)
    found = _presented(container, stream, indexed) if indexed else _read(container, stream)
    try:
        for time in found:
            yield time - origin
    except av.error.FFmpegError:  # the file ends here; what comes before can be read
        return


def indexed_keys(container: Any, stream: Any, length: float) -> list[int]:
    """Return the time stamps of the key frames that an index of the whole film has; [] without one.

    Matroska's is read with the first jump, and may end early.
    """
    matroska = container.format.name.startswith("matroska")
    if not matroska and not container.format.name.startswith("mov"):
        return []
    if matroska and not _jump(container, length):
        return []
    known = [e.timestamp for e in stream.index_entries if e.is_keyframe]
    reached = float(known[-1] * stream.time_base) if len(known) > 1 else -inf
    whole = not matroska or reached - containers.origin(stream) > length - LENGTH_S
    return known if len(known) > 1 and whole else []


def _jump(container: Any, to: float) -> bool:
    """Go to a time and back; return whether that is possible."""
    import av

    try:
        container.seek(int(to * av.time_base))
        container.seek(0)
    except av.error.FFmpegError:
        return False
    return True


def _read(container: Any, stream: Any) -> Iterator[float]:
    for packet in container.demux(stream):
        if packet.is_keyframe and packet.pts is not None:
            yield float(packet.pts * packet.time_base)


def _presented(container: Any, stream: Any, indexed: list[int]) -> Iterator[float]:
    """Yield when the indexed key frames that may begin a piece are shown.

    An index holds decoding times: a piece begins at the time of presentation.
    """
    last = -LENGTH_S
    for timestamp in indexed:
        time = float(timestamp * stream.time_base)
        if time - last < LENGTH_S:
            continue
        last = time
        container.seek(timestamp, stream=stream, backward=True)
        for packet in container.demux(stream):
            if packet.is_keyframe and packet.pts is not None:
                yield float(packet.pts * packet.time_base)
                break
