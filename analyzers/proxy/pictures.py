"""The pictures of a proxy: small, upright, of square pixels, in VP9, which no patent pool charges.

What it costs against other codecs is written down in docs/decisions/007-proxy.md.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from analyzers.api import Artifact
from analyzers.proxy import webm
from analyzers.proxy.clusters import Clusters, cell
from analyzers.proxy.webm import Block
from analyzers.scaling import fastest

if TYPE_CHECKING:
    from analyzers.video.frames import Picture
    from analyzers.video.pieces import Window
    from analyzers.video.stills import Shape

CODEC = "libvpx-vp9"
SHORTER = 360
"""Pixels of the shorter side."""
LEAST_STEP_S = 0.031
"""Thirty pictures a second at most: of fifty or sixty every second one is taken."""
MILLISECONDS = Fraction(1, 1000)
OPTIONS = {
    "deadline": "realtime",
    "cpu-used": "8",
    "lag-in-frames": "0",
    "crf": "40",
    "b": "0",
    "static-thresh": "100",
}
"""Constant quality as fast as the encoder goes: decoding stays the dearest part."""


def load() -> None:
    """Encode once: the encoder looks at its processor when it first does so."""
    import av

    encoder = encoder_of(16, 16)
    frame = av.VideoFrame(16, 16, "yuv420p")
    frame.pts, frame.time_base = 0, MILLISECONDS
    encoder.encode(frame)


def encoder_of(width: int, height: int) -> Any:
    import av

    encoder: Any = av.CodecContext.create(CODEC, "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base, encoder.framerate = MILLISECONDS, Fraction(30)
    encoder.options, encoder.thread_count = OPTIONS, 1
    encoder.gop_size = 1 << 20  # key frames are where the grid wants them
    return encoder


def size_of(shape: "Shape", width: int, height: int) -> tuple[int, int]:
    """Return the size of a proxy: even, no larger than its film, before it is turned upright."""
    across, down = max(1, round(width * shape.aspect)), height
    scale = min(1.0, SHORTER / min(across, down))
    return max(2, round(across * scale / 2) * 2), max(2, round(down * scale / 2) * 2)


@dataclass
class PictureProxy:
    """Encodes the pictures of a window as they go by; a first one is always a key frame."""

    shape: "Shape"
    window: "Window"
    _clusters: Clusters = field(default_factory=lambda: Clusters(webm.PICTURES))
    _encoder: Any = None
    _scaler: Any = None
    _size: tuple[int, int] = (0, 0)
    _last: float = -1.0
    _cell: int = -1

    def offer(self, picture: "Picture") -> None:
        """Take a picture, unless it comes too soon after the last one."""
        due = self._last < 0 or picture.time - self._last >= LEAST_STEP_S
        if due and self.window.start <= picture.time < self.window.end:
            self._last = picture.time
            self._encode(picture)

    def full(self) -> Iterator[Artifact]:
        yield from self._clusters.full()

    def rest(self) -> Iterator[Artifact]:
        if self._encoder is not None:
            self._keep(self._encoder.encode(None))
        yield from self._clusters.rest()

    def _encode(self, picture: "Picture") -> None:
        from av.video.frame import PictureType

        if self._encoder is None:
            self._open(picture.frame)
        frame, time_ms = self._upright(picture.frame), round(picture.time * 1000)
        frame.pts, frame.time_base = time_ms, MILLISECONDS
        begins = cell(time_ms) != self._cell
        self._cell = cell(time_ms)
        frame.pict_type = PictureType.I if begins else PictureType.NONE
        self._keep(self._encoder.encode(frame))

    def _open(self, frame: Any) -> None:
        from av.video.reformatter import VideoReformatter

        self._scaler, self._size = (
            VideoReformatter(),
            size_of(self.shape, frame.width, frame.height),
        )
        turned = self._size[::-1] if self.shape.rotation % 180 else self._size
        self._encoder = encoder_of(*turned)
        self._clusters.described = webm.picture_track(*turned)

    def _upright(self, frame: Any) -> Any:
        how = fastest(frame, self._size[0])
        small = self._scaler.reformat(frame, *self._size, "yuv420p", interpolation=how, threads=1)
        return turned(small, self.shape.rotation) if self.shape.rotation else small

    def _keep(self, packets: list[Any]) -> None:
        for packet in packets:
            self._clusters.add(Block(packet.pts, packet.is_keyframe, bytes(packet)))


def turned(frame: Any, rotation: int) -> Any:
    """Return a picture turned counterclockwise by a multiple of 90 degrees."""
    import av
    import numpy as np

    rows, half = frame.height, frame.height // 2
    planes = frame.to_ndarray()
    colors = planes[rows:].reshape(2, half, frame.width // 2)
    parts = [np.rot90(part, rotation // 90) for part in (planes[:rows], *colors)]
    height, width = parts[0].shape
    flat = np.concatenate([np.ascontiguousarray(part).ravel() for part in parts])
    return av.VideoFrame.from_ndarray(flat.reshape(height * 3 // 2, width), format="yuv420p")
