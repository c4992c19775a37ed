"""One pass over a sound track: 16 kHz samples with their time, and what loudness there is."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from analyzers import containers
from analyzers.decoding import decoding

if TYPE_CHECKING:
    import numpy as np

    Samples = np.ndarray[Any, np.dtype[np.float32]]

RATE = 16_000
BLOCK = RATE * 10
"""Samples that are handed on at a time: memory does not grow with the length."""


@dataclass
class Loudness:
    """EBU R128 (ITU-R BS.1770), by FFmpeg's filter: LUFS, LU and dBTP."""

    integrated: float | None = None
    range: float | None = None
    true_peak: float | None = None

    def note(self, metadata: dict[str, str]) -> None:
        """Keep the running values of the latest block."""
        self.integrated = _finite(metadata.get("lavfi.r128.I"), self.integrated)
        self.range = _finite(metadata.get("lavfi.r128.LRA"), self.range)
        peak = _finite(metadata.get("lavfi.r128.true_peak"), None)
        if peak is not None and peak > 0:
            import math

            self.true_peak = 20 * math.log10(peak)

    def facts(self) -> dict[str, float]:
        found = {
            "integrated_lufs": self.integrated,
            "range_lu": self.range,
            "true_peak_dbtp": self.true_peak,
        }
        return {name: round(value, 2) for name, value in found.items() if value is not None}


def _finite(text: str | None, before: float | None) -> float | None:
    """Read a number of the filter's; -70 is what it says of silence."""
    try:
        value = float(text or "nan")
    except ValueError:
        return before
    return value if -70 < value < 100 else before


@dataclass
class Track:
    """Reads a sound track once; `loudness` is known when the samples have been read."""

    container: Any
    stream: Any
    loudness: Loudness = field(default_factory=Loudness)

    def blocks(self) -> Iterator["Samples"]:
        """Yield mono samples at 16 kHz in blocks, the last one shorter; NaN and Inf are silence."""
        import numpy as np

        waiting: list[Samples] = []
        held = 0
        for samples in self._resampled():
            waiting.append(np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0))
            held += len(samples)
            if held >= BLOCK:
                joined = np.concatenate(waiting)
                yield joined[:BLOCK]
                waiting, held = [joined[BLOCK:]], held - BLOCK
        if held:
            yield np.concatenate(waiting)

    def _resampled(self) -> Iterator["Samples"]:
        import av

        resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
        meter = _Meter(self.stream, self.loudness)
        with decoding("audio"):
            for frame in self.container.decode(self.stream):
                meter.push(frame)
                frame.pts = None  # a gap in the time stamps must not become a gap in the samples
                for out in resampler.resample(frame):
                    yield out.to_ndarray()[0]
            for out in resampler.resample(None):
                yield out.to_ndarray()[0]


class _Meter:
    """FFmpeg's ebur128 beside the decoder; a track it cannot measure has no loudness."""

    def __init__(self, stream: Any, loudness: Loudness) -> None:
        from av.filter import Graph

        self._loudness = loudness
        self._graph: Any = Graph()
        source = self._graph.add_abuffer(template=stream)
        meter = self._graph.add("ebur128", "metadata=1:peak=true")
        self._sink = self._graph.add("abuffersink")
        source.link_to(meter)
        meter.link_to(self._sink)
        self._graph.configure()

    def push(self, frame: Any) -> None:
        import av

        if self._graph is None:
            return
        try:
            self._graph.push(frame)
            while True:
                self._loudness.note(self._graph.pull().metadata)
        except (av.error.BlockingIOError, av.error.EOFError):
            return
        except (av.error.FFmpegError, ValueError):  # the layout changes in mid-stream
            self._graph = None


def first_track(container: Any) -> Track | None:
    """Return the first sound track that can be decoded."""
    streams = containers.streams_of(container, "audio")
    return Track(container, streams[0]) if streams else None
