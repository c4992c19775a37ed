"""One decoding pass over the pictures of a piece, each with its time and a tiny copy."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from analyzers import containers
from analyzers.api import Range
from analyzers.decoding import decoding

if TYPE_CHECKING:
    import numpy as np

    Planes = np.ndarray[Any, np.dtype[np.int16]]

WIDTH, HEIGHT = 64, 36
THREADS = 2


@dataclass(slots=True)
class Picture:
    """A decoded frame: `small` is its 64 by 36 planes Y, U, V in one row of numbers."""

    time: float
    small: "Planes"
    frame: Any


def pictures(container: Any, stream: Any, piece: Range | None) -> Iterator[Picture]:
    """Yield every frame of a piece in the order of time; times begin at 0 and never go back.

    The shared scaler and the small copies cost some percent of the decoding (a new scaler for each
    frame would cost more than the shrinking itself).
    """
    import numpy as np
    from av.video.reformatter import VideoReformatter

    stream.thread_type = "AUTO"
    stream.codec_context.thread_count = THREADS
    scaler, origin, last = VideoReformatter(), containers.origin(stream), -1.0
    start, end = (piece.start, piece.end) if piece else (0.0, float("inf"))
    if piece and piece.start > 0:
        target = round((piece.start + origin) / stream.time_base)
        container.seek(target, stream=stream, backward=True)
    with decoding("video"):
        for frame in container.decode(stream):
            time = _time(frame, origin, last)
            if time >= end:
                return
            if time < start or time <= last:
                continue
            last = time
            tiny = scaler.reformat(
                frame, WIDTH, HEIGHT, "yuv444p", interpolation="FAST_BILINEAR", threads=1
            )
            planes = tiny.to_ndarray().astype(np.int16).reshape(-1)
            yield Picture(time, planes, frame)


def _time(frame: Any, origin: float, last: float) -> float:
    """Return the time of a frame; one without a time stamp comes right after the last."""
    if frame.pts is None:
        return last + 0.04
    return max(0.0, float(frame.pts * frame.time_base) - origin)


def difference(a: "Planes", b: "Planes") -> float:
    """Return how different two pictures are: the mean change of a plane, 0 to 1."""
    import numpy as np

    return float(np.abs(a - b).mean()) / 255
