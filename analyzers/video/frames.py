"""One decoding pass over the pictures of a piece, each with its time and a tiny copy."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from analyzers import containers
from analyzers.packets import Damage, decoded

if TYPE_CHECKING:
    import numpy as np

    Planes = np.ndarray[Any, np.dtype[np.uint8]]

WIDTH, HEIGHT = 96, 54
LUMA = WIDTH * HEIGHT
"""So many numbers of a tiny copy are brightness; half as many follow, of the two colours."""
THREADS = 2
UNKNOWN_RATE = 25.0
MEASURED = 33
ROUNDED_S = 1e-5
"""Times of pieces are rounded to microseconds."""


@dataclass(frozen=True, slots=True)
class Still:
    """A frame that may stand for its scene."""

    time: float
    sharpness: float
    frame: Any


@dataclass(slots=True)
class Picture:
    """A decoded frame and its tiny copy: 96 by 54 levels of Y, then U and V, in one row."""

    time: float
    small: "Planes"
    frame: Any
    still: Still | None = None
    shown_s: float = 0.0
    """How long it is shown, as far as the container says; 0 if it does not."""
    group: int = 0
    begins: bool = False
    """For scenes from key frames: its group of pictures, and whether it begins a scene."""


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
    The shared scaler and the small copies cost some percent of the decoding (a new scaler for each
    frame would cost more than the shrinking itself).
    """
    from av.video.reformatter import VideoReformatter

    stream.thread_type = "AUTO"
    stream.codec_context.thread_count = THREADS
    scaler, origin, last = VideoReformatter(), containers.origin(stream), -1.0
    step = 1 / rate_of(stream)
    if start > 0:
        container.seek(round((start + origin) / stream.time_base), stream=stream, backward=True)
    for frame in decoded(container, stream, damage):
        time = _time(frame, origin, last, step)
        if time < start - ROUNDED_S or time <= last:
            continue
        last = time
        yield Picture(time, tiny(scaler, frame), frame, shown_s=shown_s(frame))
        if time >= end:
            return


def _time(frame: Any, origin: float, last: float, step: float) -> float:
    """Return the time of a frame; one without a time stamp comes right after the last."""
    at: float | None = frame.time
    return max(0.0, last + step if at is None else at - origin)


def shown_s(frame: Any) -> float:
    return max(0.0, float((frame.duration or 0) * (frame.time_base or 0)))


def tiny(scaler: Any, frame: Any) -> "Planes":
    tiny = scaler.reformat(
        frame, WIDTH, HEIGHT, "yuv420p", interpolation="FAST_BILINEAR", threads=1
    )
    planes: Planes = tiny.to_ndarray().reshape(-1)
    return planes


def difference(a: "Planes", b: "Planes") -> float:
    """Return how different two pictures are: the mean change, 0 to 255."""
    import numpy as np

    return float((np.maximum(a, b) - np.minimum(a, b)).sum(dtype=np.uint32)) / len(a)


def brightness(small: "Planes") -> float:
    """Return the mean level of a tiny picture, 0 to 255."""
    import numpy as np

    return int(np.add.reduce(small[:LUMA], dtype=np.uint32)) / LUMA
