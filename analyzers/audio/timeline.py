"""The segments of a sound track: who speaks when, where there is music, other sound, silence."""

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from analyzers.api import Artifact, Segment
from analyzers.audio.music import METHOD, MUSIC, Tones
from analyzers.audio.rests import STEP_S, Rest, rests
from analyzers.audio.sound import RATE, Track
from analyzers.audio.voice import MODEL, Span, Utterances, VoiceActivity

if TYPE_CHECKING:
    from analyzers.audio.sound import Samples

MARGIN_S = 0.2
"""Sound kept around an utterance: a recognizer needs the breath before the first word."""
KEPT_S = 45
"""Sound that is held: the longest utterance with its margins, and a block."""
SHORTEST_REST_S = 1.0
PEAKS = 2000


class Timeline:
    """Feeds a track through voice activity; `length_s` and `peaks` are known at the end."""

    def __init__(self, track: Track) -> None:
        self._track = track
        self._tail = _Tail()
        self._tones = Tones()
        self._levels: list[float] = []
        self.length_s = 0.0

    def segments(self) -> Iterator[Segment | Artifact]:
        """Yield the utterances with their sound as they end, then what lies between them."""
        voice, utterances = VoiceActivity(), Utterances()
        spoken: list[Span] = []
        for block in self._track.blocks():
            self._tail.add(block)
            self._tones.feed(block)
            self._levels += levels_of(block)
            self.length_s += len(block) / RATE
            for span in utterances.feed(voice.feed(block)):
                spoken.append(span)
                yield from self._utterance(span)
            if self._track.proxy is not None:
                yield from self._track.proxy.full()
        if self._track.proxy is not None:
            yield from self._track.proxy.rest()
        for span in (*utterances.feed(voice.end()), *utterances.end()):
            spoken.append(span)
            yield from self._utterance(span)
        self._tones.end()
        for span in _between(spoken, self.length_s):
            for rest in rests(span, self._levels, self._tones):
                yield self._rest(rest)

    def waveform(self) -> dict[str, Any]:
        """Return at most 2,000 levels between 0 and 1 over the whole length."""
        levels = self._levels
        step = max(1, -(-len(levels) // PEAKS))
        peaks = [round(max(levels[i : i + step]), 4) for i in range(0, len(levels), step)]
        return {"start_s": self._time(0.0), "step_s": round(step * STEP_S, 3), "peaks": peaks}

    def _time(self, seconds: float) -> float:
        """Return the time in the asset of a time in the sound."""
        return round(max(0.0, seconds + self._track.offset), 3)

    def _utterance(self, span: Span) -> Iterator[Segment | Artifact]:
        start, end = self._time(span.start), self._time(min(span.end, self.length_s))
        probability = min(1.0, round(span.probability, 3))
        sound = self._tail.cut(span.start - MARGIN_S, span.end + MARGIN_S)
        key = f"utterance@{start:.3f}"
        yield Segment(
            "utterance",
            {"time": start},
            {"time": end},
            key=key,
            confidence=probability,
            features={"audio": {"voice": {"probability": probability, "model": MODEL}}},
        )
        yield Artifact("speech", "audio/flac", flac(sound), key, {"before_s": MARGIN_S})

    def _rest(self, rest: Rest) -> Segment:
        start, end = self._time(rest.start), self._time(rest.end)
        segment = Segment(rest.kind, {"time": start}, {"time": end}, key=f"{rest.kind}@{start:.3f}")
        if rest.kind == "music":
            found = {"activation": rest.activation, "method": METHOD}
            segment.features = {"audio": {"music": found}}
            segment.confidence = round(min(1.0, rest.activation / (2 * MUSIC)), 3)
        return segment


class _Tail:
    """The latest seconds of the sound, cut by time."""

    def __init__(self) -> None:
        self._blocks: list[Samples] = []
        self._end = 0

    def add(self, block: "Samples") -> None:
        self._blocks.append(block)
        self._end += len(block)
        while sum(map(len, self._blocks[1:])) >= KEPT_S * RATE:
            self._blocks.pop(0)

    def cut(self, start_s: float, end_s: float) -> "Samples":
        """Return the sound between two times; before the first sample there is silence."""
        import numpy as np

        held = np.concatenate(self._blocks)
        first = self._end - len(held)
        start, end = round(start_s * RATE) - first, round(end_s * RATE) - first
        return np.pad(held[max(0, start) : max(0, end)], (max(0, -start), 0))


def _between(spoken: list[Span], length_s: float) -> Iterator[Span]:
    """Yield what lies before, between and after utterances, if it is longer than a breath."""
    at = 0.0
    for span in sorted([*spoken, Span(length_s, length_s)], key=lambda s: s.start):
        if span.start - at >= SHORTEST_REST_S:
            yield Span(at, span.start)
        at = max(at, span.end)


def levels_of(block: "Samples") -> list[float]:
    """Return the peak of each tenth of a second."""
    import numpy as np

    step = round(RATE * STEP_S)
    padded = np.pad(np.abs(block), (0, -len(block) % step))
    return [min(1.0, float(level)) for level in padded.reshape(-1, step).max(axis=1)]


def flac(samples: "Samples") -> bytes:
    """Return mono samples as 16-bit FLAC."""
    import av
    import numpy as np

    out = io.BytesIO()
    with av.open(out, "w", format="flac") as container:
        stream = container.add_stream("flac", rate=RATE, layout="mono", format="s16")
        pcm = (np.clip(samples, -1, 1) * 32767).astype(np.int16)[None]
        frame = av.AudioFrame.from_ndarray(pcm, format="s16", layout="mono")
        frame.rate = RATE
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return out.getvalue()
