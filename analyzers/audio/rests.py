"""What is heard where nobody speaks: music, other sounds, or nothing."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import ceil

from analyzers.audio import music
from analyzers.audio.music import Tones
from analyzers.audio.voice import Span

SILENCE_DBFS = -50.0
STEP_S = 0.1
"""Of the levels."""
SECOND_S = 1.0
"""How finely kinds are told apart."""
NEAR = 2
"""Seconds before and after that a second is outvoted by: a drum is no music, a pause no end."""


@dataclass(frozen=True, slots=True)
class Rest:
    """A stretch of one kind; how much of it is music, by its tones."""

    kind: str
    start: float
    end: float
    activation: float = 0.0


def rests(span: Span, levels: Sequence[float], tones: Tones) -> Iterator[Rest]:
    """Yield what lies between two utterances, cut where its kind changes."""
    seconds = max(1, ceil(span.end - span.start - 0.5))
    heard = [_kind(span.start + n, levels, tones) for n in range(seconds)]
    smooth = [_most(heard[max(0, n - NEAR) : n + NEAR + 1]) for n in range(seconds)]
    at = 0
    for kind, run in groupby(smooth):
        first, at = at, at + len(list(run))
        start = span.start + first * SECOND_S
        end = span.end if at == seconds else span.start + at * SECOND_S
        yield Rest(kind, start, end, round(tones.score(start, end), 3))


def _kind(start: float, levels: Sequence[float], tones: Tones) -> str:
    first = int(start / STEP_S)
    loudest = max(levels[first : first + round(SECOND_S / STEP_S)], default=0.0)
    if loudest <= 10 ** (SILENCE_DBFS / 20):
        return "silence"
    return "music" if tones.score(start - 1, start + 2) >= music.MUSIC else "sound"


def _most(kinds: Sequence[str]) -> str:
    return Counter(kinds).most_common(1)[0][0]
