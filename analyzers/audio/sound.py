"""One pass over a sound track: 16 kHz samples in the order of time, and what loudness there is."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from analyzers import containers
from analyzers.audio.loudness import Loudness, meter
from analyzers.packets import Damage, decoded
from analyzers.proxy.sound import SoundProxy
from dataflux.errors import MediaFailed
from schemas.names import Reason

if TYPE_CHECKING:
    import numpy as np

    Samples = np.ndarray[Any, np.dtype[np.float32]]

RATE = 16_000
BLOCK = RATE * 10
"""Samples that are handed on at a time: memory does not grow with the length."""
GAP_S = 0.1
"""A hole in the time stamps is filled with silence from this length on."""
LONGEST_S = 12 * 3600


@dataclass
class Track:
    """Reads a sound track once; what else it says is known when the samples have been read."""

    container: Any
    stream: Any
    origin: float | None = None
    """When the times of the asset begin; without one they begin with the sound."""
    offset: float = 0.0
    """When the sound begins in the asset."""
    loudness: Loudness = field(default_factory=Loudness)
    damage: Damage = field(default_factory=Damage)
    proxy: SoundProxy | None = None
    """Hears every frame, if there is to be one."""

    def blocks(self) -> Iterator["Samples"]:
        """Yield mono samples at 16 kHz in blocks, the last one shorter; NaN and Inf are silence."""
        import numpy as np

        waiting: list[Samples] = []
        held = total = 0
        for samples in self._resampled():
            waiting.append(samples)
            held, total = held + len(samples), total + len(samples)
            if total > LONGEST_S * RATE:
                detail = f"duration: at most {LONGEST_S}"
                raise MediaFailed(Reason.DECODE_LIMIT_EXCEEDED, detail, limit="duration")
            if held >= BLOCK:
                joined = _clean(np.concatenate(waiting))
                yield joined[:BLOCK]
                waiting, held = [joined[BLOCK:]], held - BLOCK
        if held:
            yield _clean(np.concatenate(waiting))

    def _resampled(self) -> Iterator["Samples"]:
        length_s = containers.seconds(self.container)
        chain: _Chain | None = None
        for frame in self._gapless(length_s):
            if self.proxy is not None:
                self.proxy.offer(frame, self.offset)
            if chain is None:
                chain = _Chain(frame, meter(length_s), self.loudness)
            elif not chain.takes(frame):
                yield from chain.end()
                self.loudness.metadata = None  # nothing is said of a part only
                chain = _Chain(frame, None, self.loudness)
            yield from chain.push(frame)
        if chain is not None:
            yield from chain.end()

    def _gapless(self, length_s: float) -> Iterator[Any]:
        """Yield the frames, and silent ones where the time stamps leave a hole."""
        due: float | None = None
        for frame in decoded(self.container, self.stream, self.damage):
            at: float | None = frame.time
            if due is None:
                due = at or 0.0
                self.offset = 0.0 if self.origin is None else due - self.origin
            elif at is not None and GAP_S < at - due < max(length_s, GAP_S):
                for silent in _silence(frame, at - due):
                    due += silent.samples / frame.sample_rate
                    yield silent
            due += frame.samples / frame.sample_rate
            yield frame


def _clean(samples: "Samples") -> "Samples":
    import numpy as np

    cleaned: Samples = np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0)
    return cleaned


def _silence(like: Any, seconds: float) -> Iterator[Any]:
    """Yield silent frames of the same kind, none longer than a second."""
    import av

    left = round(seconds * like.sample_rate)
    zero = b"\x80" if like.format.name.startswith("u8") else b"\0"
    while left > 0:
        frame = av.AudioFrame(like.format.name, like.layout, min(left, like.sample_rate))
        frame.sample_rate = like.sample_rate
        for plane in frame.planes:
            plane.update(zero * plane.buffer_size)
        left -= frame.samples
        yield frame


class _Chain:
    """FFmpeg's filters from one kind of frames to mono 16 kHz, by way of the loudness meter."""

    def __init__(self, like: Any, options: str | None, loudness: Loudness) -> None:
        self._kind = _kind(like)
        self._time_base = Fraction(1, like.sample_rate)
        self._loudness = loudness
        self._pushed = 0
        self._graph = _graph(like, options)

    def takes(self, frame: Any) -> bool:
        return _kind(frame) == self._kind

    def push(self, frame: Any) -> Iterator["Samples"]:
        frame.pts, frame.time_base = self._pushed, self._time_base
        self._pushed += frame.samples
        self._graph.push(frame)
        yield from self._pull()

    def end(self) -> Iterator["Samples"]:
        self._graph.push(None)
        yield from self._pull()

    def _pull(self) -> Iterator["Samples"]:
        import av

        latest = None
        try:
            while True:
                latest = self._graph.pull()
                yield latest.to_ndarray()[0]
        except (av.error.BlockingIOError, av.error.EOFError):
            if latest is not None:
                self._loudness.metadata = latest.metadata or self._loudness.metadata


def _kind(frame: Any) -> tuple[str, str, int]:
    return frame.format.name, frame.layout.name, frame.sample_rate


def _graph(like: Any, options: str | None) -> Any:
    """Return the filters; without the meter for a kind of sound that it does not measure."""
    import av
    from av.filter import Graph

    graph = Graph()
    nodes = [_source(graph, like)]
    if options is not None:
        nodes.append(graph.add("ebur128", options))
    nodes += [
        graph.add("aresample", str(RATE)),
        graph.add("aformat", f"sample_fmts=flt:channel_layouts=mono:sample_rates={RATE}"),
        graph.add("abuffersink"),
    ]
    graph.link_nodes(*nodes)
    try:
        graph.configure()
    except (av.error.FFmpegError, ValueError):
        if options is None:
            raise
        return _graph(like, None)
    return graph


def _source(graph: Any, like: Any) -> Any:
    return graph.add_abuffer(
        sample_rate=like.sample_rate,
        format=like.format.name,
        layout=like.layout.name,
        time_base=Fraction(1, like.sample_rate),
    )


def first_track(container: Any, against: Any = None) -> Track | None:
    """Return the first sound track that can be decoded, on the clock of another track if given."""
    streams = containers.streams_of(container, "audio")
    if not streams:
        return None
    return Track(container, streams[0], None if against is None else containers.origin(against))
