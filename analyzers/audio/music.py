"""Music, told from other sounds by tones that stand still.

Continuous frequency activation: K. Seyerlehner, T. Pohle, M. Schedl, G. Widmer, "Automatic music
detection in television productions", DAFx 2007. Notes are horizontal bars in a spectrogram. Of each
spectrum only what rises above its surroundings is kept, as yes or no; over some seconds, bins that
were "yes" for long give steep peaks, and the five steepest make one number. What differs: decibels,
and tones that never end are left out. No model is needed; bench/music.py tells how right it is.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from analyzers.audio.sound import RATE

if TYPE_CHECKING:
    import numpy as np

    from analyzers.audio.sound import Samples

    Activity = np.ndarray[Any, np.dtype[np.bool_]]

METHOD = "continuous-frequency-activation"
WINDOW, HOP = 1536, 384
"""Samples of a spectrum, 96 ms, and between two of them."""
HIGHEST = 5_500
"""Hz; what lies above tells little of tones."""
AROUND = 11
"""Bins that a bin is held against."""
EMPHASIS_DB, AUDIBLE_DB = 9.0, 55.0
"""How far a tone rises above them; what is so far below the loudest is left out."""
SPAN = 54
"""Spectra that are judged together: 1.3 seconds; so many again, less a half, come next."""
STEEPEST = 5
REMEMBERED, STANDING = 12, 0.2
"""A tone that sounds for such a share of each span remembered, 8 seconds, is a hum, no note."""
BESIDE = 3
"""Bins on each side of such a tone that it reaches into."""
MUSIC = 0.25
"""At this activation and above it is music."""


@dataclass
class Tones:
    """Hears a track block by block; `score` tells how much of a time is music."""

    _rest: "Samples | None" = None
    _active: "list[Activity]" = field(default_factory=list)
    _held: int = 0
    _scores: list[float] = field(default_factory=list)
    _shares: "deque[Samples]" = field(default_factory=lambda: deque(maxlen=REMEMBERED))

    def feed(self, samples: "Samples") -> None:
        import numpy as np

        joined = samples if self._rest is None else np.concatenate([self._rest, samples])
        count = max(0, (len(joined) - WINDOW) // HOP + 1)
        self._rest = joined[count * HOP :]
        if count:
            self._active.append(_activity(joined, count))
            self._held += count
            self._judge()

    def score(self, start_s: float, end_s: float) -> float:
        """Return the median activation of a stretch of time; 0 if it is too short to tell."""
        import numpy as np

        step = SPAN // 2 * HOP / RATE
        first, last = round(start_s / step), max(round(start_s / step) + 1, int(end_s / step) - 1)
        within = self._scores[first:last]
        return float(np.median(within)) if within else 0.0

    def end(self) -> None:
        """Judge what is left, if it is at least half a span."""
        if self._held >= SPAN // 2:
            self._scores.append(self._activation(self._joined()))

    def _judge(self) -> None:
        active = self._joined()
        while len(active) >= SPAN:
            self._scores.append(self._activation(active[:SPAN]))
            active = active[SPAN // 2 :]
        self._active, self._held = [active], len(active)

    def _activation(self, active: "Activity") -> float:
        """Return how much the tones of a span are notes: what stands for long is left out."""
        import numpy as np

        share = active.mean(axis=0, dtype=np.float32)
        self._shares.append(share)
        if len(self._shares) < REMEMBERED:
            return steepness(share)
        standing = np.min(self._shares, axis=0) >= STANDING
        beside = np.convolve(standing, np.ones(2 * BESIDE + 1), "same") > 0
        return steepness(np.where(beside, 0, share))

    def _joined(self) -> "Activity":
        import numpy as np

        return np.concatenate(self._active)


def _activity(samples: "Samples", count: int) -> "Activity":
    """Return for each spectrum which of its bins rise above their surroundings."""
    import numpy as np

    frames = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP][:count]
    spectra = np.fft.rfft(frames * np.hanning(WINDOW).astype(np.float32), axis=1)
    level = 20 * np.log10(np.abs(spectra[:, : HIGHEST * WINDOW // RATE]) + 1e-4)
    level = np.maximum(level, level.max() - AUDIBLE_DB)
    sums = np.cumsum(np.pad(level, ((0, 0), (AROUND // 2 + 1, AROUND // 2)), "edge"), axis=1)
    around = (sums[:, AROUND:] - sums[:, :-AROUND]) / AROUND
    active: Activity = level - around > EMPHASIS_DB
    return active


def steepness(share: "Samples") -> float:
    """Return the sum of the steepest peaks of how long each bin was active.

    One peak is never enough: a single tone is a signal, no music.
    """
    return sum(sorted((min(peak, MUSIC / 3) for peak in _peaks(share)), reverse=True)[:STEEPEST])


def _peaks(share: "Samples") -> Iterator[float]:
    """Yield height by width of each peak, between the lowest points beside it."""
    import numpy as np

    turns = np.flatnonzero(np.diff(np.sign(np.diff(share, prepend=2.0, append=2.0))))
    valleys = [0, *(int(t) for t in turns if _is_valley(share, int(t))), len(share) - 1]
    for left, right in pairwise(valleys):
        if right - left < 2:
            continue
        top = left + int(np.argmax(share[left : right + 1]))
        height = min(share[top] - share[left], share[top] - share[right])
        if height > 0:
            yield float(height / (right - left))


def _is_valley(share: "Samples", at: int) -> bool:
    before, after = share[max(0, at - 1)], share[min(len(share) - 1, at + 1)]
    return bool(share[at] <= before and share[at] <= after)
