"""One decoding pass over the pictures of a piece, each with its time and a few samples of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from analyzers import containers
from analyzers.packets import Damage, decoded
from analyzers.video.samples import Sampler, brightness

if TYPE_CHECKING:
    from analyzers.video.samples import Planes

UNKNOWN_RATE = 25.0
MEASURED = 33
ROUNDED_S = 1e-5
"""Times of pieces are rounded to microseconds."""


@dataclass(frozen=True, slots=True)
class Still:
    """A frame that may stand for its scene."""

    time: float
    detail: float
    frame: Any


@dataclass(slots=True)
class Picture:
    """A decoded frame and its samples, which stay when the frame is let go."""

    time: float
    small: "Planes"
    frame: Any
    still: Still | None = None
    shown_s: float = 0.0
    """How long it is shown, as far as the container says; 0 if it does not."""
    group: int = 0
    begins: bool = False
    """For scenes from key frames: its group of pictures, and whether it begins a scene."""
    _light: float = -1.0

    @property
    def light(self) -> float:
        """Return its mean brightness, 0 to 255."""
        if self._light < 0:
            self._light = brightness(self.small)
        return self._light


def rate_of(stream: Any) -> float:
    """Return the pictures a second that the container claims."""
    rate = float(stream.average_rate or stream.guessed_rate or 0)
    return rate if 0 < rate < float("inf") else UNKNOWN_RATE


def measured(pictures: Iterator[Picture]) -> tuple[Iterator[Picture], float]:
    """Return the same pictures, and how many a second there are among the first of them."""
    first = list(islice(pictures, MEASURED))
    span = first[-1].time - first[0].time if first else 0.0
    return chain(first, pictures), (len(first) - 1) / span if span > 0 else UNKNOWN_RATE


def pictures(
    container: Any, stream: Any, start: float, end: float, damage: Damage
) -> Iterator[Picture]:
    """Yield the frames from `start` to `end` in the order of time, and the first that comes after.

    Times begin at 0 and rise. That one after the end tells how long the last one before is shown.
    """
    stream.thread_type = "AUTO"  # as many threads as FFmpeg thinks right for this processor
    sampler, origin, last = Sampler(), containers.origin(stream), -1.0
    step, base = 1 / rate_of(stream), float(stream.time_base)
    if start > 0:
        container.seek(round((start + origin) / stream.time_base), stream=stream, backward=True)
    for frame in decoded(container, stream, damage):
        time = _time(frame, origin, last, step)
        if time < start - ROUNDED_S or time <= last:
            continue
        last = time
        yield Picture(time, sampler.of(frame), frame, shown_s=(frame.duration or 0) * base)
        if time >= end:
            return


def _time(frame: Any, origin: float, last: float, step: float) -> float:
    """Return the time of a frame; one without a time stamp comes right after the last."""
    at: float | None = frame.time
    return max(0.0, last + step if at is None else at - origin)
