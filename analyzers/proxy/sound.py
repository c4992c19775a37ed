"""The sound of a proxy: Opus, at a rate at which speech and music are still pleasant to hear."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from analyzers.api import Artifact
from analyzers.proxy import webm
from analyzers.proxy.clusters import Clusters
from analyzers.proxy.webm import Block

RATE = 48_000
BIT_RATES = {1: 40_000, 2: 64_000}
EFFORT = "3"
"""Of 10: two thirds of the time, for a difference that is not heard in a preview."""


def load() -> None:
    encoder_of(1).open()


def encoder_of(channels: int) -> Any:
    import av

    encoder: Any = av.CodecContext.create("libopus", "w")
    encoder.sample_rate, encoder.format = RATE, "flt"
    encoder.layout = "mono" if channels == 1 else "stereo"
    encoder.bit_rate, encoder.time_base = BIT_RATES[channels], Fraction(1, RATE)
    encoder.options = {"compression_level": EFFORT}
    return encoder


@dataclass
class SoundProxy:
    """Encodes the frames of a track as they go by; those of a film may begin after its pictures."""

    _clusters: Clusters = field(default_factory=lambda: Clusters(webm.SOUND))
    _encoder: Any = None
    _resampler: Any = None
    _waiting: Any = None
    """Samples that are no whole packet yet."""
    _kind: tuple[Any, ...] = ()
    _begins: int = 0
    """When the sound begins in the asset, in samples; before 0 nothing is kept."""
    _delay: int = 0
    """Samples that a decoder leaves away: an encoder's first packet comes so much too early."""
    _pushed: int = 0

    def offer(self, frame: Any, offset_s: float) -> None:
        """Take the next frame; `offset_s` is when the first one begins."""
        if self._encoder is None:
            self._open(frame, offset_s)
        kind = (frame.format.name, frame.layout.name, frame.sample_rate)
        if kind != self._kind:
            self._drain()
            self._resampler, self._kind = self._new_resampler(), kind
        self._push(self._resampler.resample(frame))

    def full(self) -> Iterator[Artifact]:
        yield from self._clusters.full()

    def rest(self) -> Iterator[Artifact]:
        if self._encoder is not None:
            self._drain()
            if (last := self._waiting.read(partial=True)) is not None:
                self._encode(last)
            self._keep(self._encoder.encode(None))
        yield from self._clusters.rest()

    def _open(self, frame: Any, offset_s: float) -> None:
        from av.audio.fifo import AudioFifo

        channels, self._waiting = min(2, frame.layout.nb_channels), AudioFifo()
        self._encoder = encoder_of(channels)
        self._encoder.open()
        self._begins = round(offset_s * RATE)
        head = bytes(self._encoder.extradata)
        self._delay = int.from_bytes(head[10:12], "little")
        delay_ns = self._delay * 1_000_000_000 // RATE
        self._clusters.described = webm.sound_track(RATE, channels, head, delay_ns)

    def _new_resampler(self) -> Any:
        from av.audio.resampler import AudioResampler

        return AudioResampler("flt", self._encoder.layout.name, RATE)

    def _drain(self) -> None:
        if self._resampler is not None:
            self._push(self._resampler.resample(None))

    def _push(self, frames: list[Any]) -> None:
        for frame in frames:
            frame.pts = None
            self._waiting.write(frame)
        for frame in self._waiting.read_many(self._encoder.frame_size):
            self._encode(frame)

    def _encode(self, frame: Any) -> None:
        frame.pts, frame.time_base = self._pushed, Fraction(1, RATE)
        self._pushed += frame.samples
        self._keep(self._encoder.encode(frame))

    def _keep(self, packets: list[Any]) -> None:
        for packet in packets:
            at = self._begins + packet.pts + self._delay
            if at >= 0:
                self._clusters.add(Block(at * 1000 // RATE, True, bytes(packet)))
