"""Small films whose scenes are known."""

import io
from collections.abc import Callable, Iterable
from fractions import Fraction
from itertools import chain
from typing import TYPE_CHECKING, Any

import av
import numpy as np

if TYPE_CHECKING:
    Frame = np.ndarray[Any, np.dtype[np.uint8]]

RATE = 25
SIZE = (320, 180)
Look = Callable[[int], "Frame"]


def plain(color: tuple[int, int, int], seed: int = 0) -> Look:
    """Return a look of one colour with a pattern and a block that moves."""
    noise = np.random.default_rng(seed).integers(-25, 25, (SIZE[1], SIZE[0], 1))

    def frame(number: int) -> "Frame":
        image = np.full((SIZE[1], SIZE[0], 3), color, np.int16) + noise
        left = 10 + 3 * number % 250
        image[60:110, left : left + 50] = 255 - np.array(color)
        bounded: Frame = np.clip(image, 0, 255).astype(np.uint8)
        return bounded

    return frame


LOOKS = (
    plain((200, 40, 40), 1),
    plain((30, 60, 190), 2),
    plain((60, 160, 60), 3),
    plain((230, 220, 200), 4),
)


def scenes(*lengths: int) -> list["Frame"]:
    """Return the frames of scenes of some lengths, each of another look."""
    return [LOOKS[n % 4](i) for n, length in enumerate(lengths) for i in range(length)]


def film(
    frames: Iterable["Frame"],
    *,
    codec: str = "libx264",
    container: str = "mp4",
    gop: int = 25,
    times: list[int] | None = None,
    sound: "np.ndarray[Any, Any] | None" = None,
    sound_at: float = 0.0,
    rotation: int = 0,
    pixels: str = "yuv420p",
    options: dict[str, str] | None = None,
    interlaced: bool = False,
) -> bytes:
    """Return an encoded film; `times` are its time stamps in milliseconds.

    The sound is mono at 48 kHz and begins at `sound_at`; `rotation` is what a player is told.
    """
    out = io.BytesIO()
    with av.open(out, "w", format=container) as target:
        own = {"sc_threshold": "0"} if codec == "libx264" else {}  # key frames: only every gop
        stream: Any = target.add_stream(codec, rate=RATE, options=own | (options or {}))
        images = iter(frames)
        first = next(images)
        stream.height, stream.width = first.shape[:2]
        stream.pix_fmt = pixels
        stream.codec_context.gop_size = gop
        if interlaced:
            stream.codec_context.flags |= av.codec.context.Flags.interlaced_dct
        if rotation:
            stream.set_display_rotation(rotation)
        track: Any = None
        if sound is not None:
            track = target.add_stream("libopus" if container == "webm" else "aac", rate=48_000)
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        for number, image in enumerate(chain([first], images)):
            frame = av.VideoFrame.from_ndarray(image, "rgb24")
            if times is not None:
                frame.pts, frame.time_base = times[number], stream.codec_context.time_base
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
        if sound is not None:
            pcm = av.AudioFrame.from_ndarray(sound[None].astype(np.float32), "flt", "mono")
            pcm.rate = 48_000
            pcm.pts, pcm.time_base = round(sound_at * 48_000), Fraction(1, 48_000)
            target.mux(track.encode(pcm))
            target.mux(track.encode(None))
    return out.getvalue()
