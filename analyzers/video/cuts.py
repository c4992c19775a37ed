"""Where one scene ends and the next begins, while the pictures go by.

A cut is a change that is large, the largest near it, and large beside the changes around it, so
that a moving camera is none; after a flash all is as it was before, so it is none either, and what
a camera shows that is torn round is what it showed before, elsewhere. In the middle of a dissolve
the picture is the mean of what was before and what comes, in the middle of a fade it is dark; a
camera that moves gives neither. Both are looked for in steps of time, so that a decision waits for
about a second of pictures.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from math import inf
from statistics import median
from typing import TYPE_CHECKING

from analyzers.video.changes import Change
from analyzers.video.frames import Picture
from analyzers.video.motion import Motion, motion
from analyzers.video.samples import LUMA, difference

if TYPE_CHECKING:
    from analyzers.video.samples import Planes

CHANGE, SLIGHT = 12.0, 6.0
"""Least mean change of a cut, of 255 levels, and of one between two pictures of the same light
where all is calm."""
RATIO, REST = 2.0, 4.0
"""A cut is more than so many times the changes around it, and this much more."""
SUDDEN, SUDDENLY, STILL, CALM = 24.0, 5.0, 0.8, 3
"""A cut between calm and tumult is so large, so many times each of the next changes of the calm
side, and not much less than those of the other; and so many pictures tell that a side is calm."""
LIT = 0.5
"""Least share of its change by which a flash makes a picture brighter."""
CHANGED, SPREAD = 8, 0.13
"""It changes so large a share of the picture by more than so many levels: a thing that leaps does
not."""
LONELY, LONE = 3.5, 2.5
"""A slight cut is so many times the changes around it, and so many times the largest of them."""
AROUND_S, AROUND = 0.2, 3
"""A cut is held against what is so near, and against so many pictures, if they are near in time."""
NEAR_S = 0.5
FLASH_S = 0.2
"""A flash is over after so long, but for two pictures that any may last."""
SWIFT = 1.2
"""So many times its width or height a second a camera turns that is torn round."""
BLENDED, FAINTLY = 14.0, 9.0
"""Least difference between the two ends of a dissolve, and of one that is plain to see."""
RESIDUE, PLAIN = 0.45, 0.3
"""Most distance of its middle from the mean of its ends, as a share of their difference."""
LIGHT, TINT = 0.5, 3.0
"""If less than that share of the change in brightness, and no more than so many levels of colour,
are not of the light of the whole, it is one scene: exposure drifts."""
DARK, BLACK, EVEN = 60.0, 30.0, 6.0
"""Most brightness in the middle of a fade; and of a picture that shows nothing, with the levels
that are to be seen in it."""
SHORTEST_S = 0.3
SPAN_S = 1 / 3
"""Half the length of a slow change."""
LOOKS = 5
"""How often within half its length a slow change is looked for."""

Marked = Iterator[tuple[Picture, Change | None]]
"""Every picture with what begins with it, if anything does."""


def scenes(pictures: Iterable[Picture], rate: float) -> Marked:
    """Yield every picture with what happens there; a scene starts with the first one."""
    detector, held = _Detector(rate), deque[Picture]()
    began: float | None = None
    number = 0

    def settled(until: int) -> Marked:
        nonlocal began, number
        while held and number < until:
            picture = held.popleft()
            change = detector.found.pop(number, None)
            if began is None:
                change = Change.START
            elif change is not None and change.begins:
                rest = held[-1].time - picture.time if held else 0.0
                lasts = rest >= SHORTEST_S or picture.still is not None
                change = change if lasts and picture.time - began >= SHORTEST_S else None
            began = picture.time if change is not None and change.begins else began
            number += 1
            yield picture, change

    for picture in pictures:
        held.append(picture)
        yield from settled(detector.feed(picture))
    detector.end()
    yield from settled(number + len(held))


class _Series:
    """Numbers of the latest pictures by the number of the picture."""

    def __init__(self, kept: int) -> None:
        self._values: deque[float] = deque(maxlen=kept)
        self.count = 0

    def append(self, value: float) -> None:
        self._values.append(value)
        self.count += 1

    def __getitem__(self, number: int) -> float:
        """Return the number of a picture; before the first and after the last it stays as it is."""
        first = self.count - len(self._values)
        return self._values[min(max(number - first, 0), len(self._values) - 1)]

    def between(self, start: int, end: int) -> list[float]:
        """Return those of the pictures `start` to `end`, as far as there are any."""
        first = self.count - len(self._values)
        return [self._values[n - first] for n in range(max(start, first), min(end, self.count))]


class _Detector:
    """Numbers the pictures from 0; `found` is what happens in them, as far as is settled."""

    def __init__(self, rate: float) -> None:
        rate = min(max(rate, 9.0), 120.0)
        self._span, self._flash = round(rate * SPAN_S), max(2, round(rate * FLASH_S))
        self._around = around = max(AROUND, round(rate * AROUND_S))
        self._step = max(1, self._span // LOOKS)
        kept = 8 * self._span + 2 * around
        self._small: deque[Planes] = deque(maxlen=max(2 * self._span, around + self._flash + 2) + 1)
        self._times, self._light, self._change = _Series(kept), _Series(kept), _Series(kept)
        self._apart, self._residue, self._blank = _Series(kept), _Series(kept), _Series(kept)
        self._slow, self._turn = _SlowChanges(self._span, self._step), _Turns()
        self._count = self._quick_done = self._slow_done = 0
        self.found: dict[int, Change] = {}
        self._cuts: deque[int] = deque(maxlen=kept)

    def feed(self, picture: Picture) -> int:
        """Take the next picture; return up to which it is known where scenes begin."""
        self._measure(picture)
        for number in range(self._quick_done, self._count - self._around):
            self._look_for_quick_change(number)
        for number in range(self._slow_done, self._count - 3 * self._span):
            self._look_for_slow_change(number)
        return self._slow.settled(self._slow_done)

    def end(self) -> None:
        """Decide about the last pictures by what there is."""
        for number in range(self._quick_done, self._count):
            self._look_for_quick_change(number)
        for number in range(self._slow_done, self._count - self._span):
            self._look_for_slow_change(number)
        self._note_slow(self._slow.end())

    def _measure(self, picture: Picture) -> None:
        small, before = picture.small, self._small
        self._times.append(picture.time)
        self._light.append(picture.light)
        self._blank.append(_blank(picture))
        self._change.append(difference(small, before[-1]) if before else 0.0)
        before.append(small)
        self._count += 1
        if self._count > 2 * self._span:
            self._measure_ends()

    def _measure_ends(self) -> None:
        """Note how unlike the ends of a span are, and its middle their mean: not at each picture"""
        at = self._apart.count
        if at % self._step:
            self._apart.append(self._apart[at])
            self._residue.append(self._residue[at])
            return
        first, middle, last = (self._small[-1 - n * self._span] for n in (2, 1, 0))
        apart = difference(first, last)
        self._apart.append(apart)
        self._residue.append(_residue(first, middle, last, apart))

    def _look_for_quick_change(self, number: int) -> None:
        self._quick_done = number + 1
        if number == 0 or self._change[number] < SLIGHT:
            self._note_turn(self._turn.end())
            return
        stands_out = self._stands_out(number)
        moved = self._moved(number) if stands_out or self._change[number] >= CHANGE else None
        swift = moved is not None and self._swift(number, moved)
        self._note_turn(self._turn.feed(number, swift))
        if stands_out and moved is not None and not moved.explains:
            if self._comes_back(number):
                if self._lit(number):
                    self.found[number] = Change.FLASH
            elif not self._came_back(number):
                self.found[number] = Change.CUT
                self._cuts.append(number)

    def _stands_out(self, number: int) -> bool:
        change = self._change[number]
        near = self._times[number + 1] - self._times[number - 1] <= NEAR_S
        if near and min(self._change[number - 1], self._change[number + 1]) > STILL * change:
            return False  # all is in motion
        before = self._near(number - self._around, number, number)
        after = self._near(number + 1, number + 1 + self._around, number)
        busy = max(median(side or [0.0]) for side in (before, after))
        most = max([*before, *after, 0.0])
        if change < CHANGE:
            alone = change > max(LONELY * busy, LONE * most)
            return alone and self._elsewhere(number)
        if change > RATIO * busy + REST and change >= most:
            return True
        calm = min(max(side, default=0.0) for side in (before[-CALM:], after[:CALM]))
        return change > max(SUDDEN, SUDDENLY * calm) and change > STILL * busy

    def _elsewhere(self, number: int) -> bool:
        """Return whether more than the light has changed, and in more than a corner."""
        import numpy as np

        before, now = (self._small[n - self._count] for n in (number - 1, number))
        changed = np.abs(now.astype(np.int16) - before) > CHANGED
        return float(changed.mean()) >= SPREAD and not _only_light(before, now)

    def _near(self, start: int, end: int, number: int) -> list[float]:
        """Return changes around a picture: slides that stand for seconds are not near each other.

        The first picture has no change, and says nothing of the ones around it.
        """
        numbers = range(max(start, 1), min(end, self._count))
        now = self._times[number]
        return [self._change[n] for n in numbers if abs(self._times[n] - now) <= NEAR_S]

    def _comes_back(self, number: int) -> bool:
        """Return whether it soon is again as it was before: the light only flickered."""
        later = range(number + 1, min(number + 1 + self._flash, self._count))
        return any(self._alike(number - 1, n, number) for n in later)

    def _lit(self, number: int) -> bool:
        return self._light[number] - self._light[number - 1] >= LIT * self._change[number]

    def _came_back(self, number: int) -> bool:
        """Return whether it is again as it was a little earlier."""
        earlier = range(max(0, number - 1 - self._flash), number - 1)
        return any(self._alike(n, number, number) for n in earlier)

    def _alike(self, before: int, after: int, number: int) -> bool:
        """Return whether two pictures near in time are less unlike than one and its neighbour."""
        near = self._times[after] - self._times[before] <= NEAR_S
        return near and self._apart_of(before, after) <= self._change[number] / 2

    def _apart_of(self, before: int, after: int) -> float:
        first = self._count - len(self._small)
        if before < first:
            return inf
        return difference(self._small[before - first], self._small[after - first])

    def _moved(self, number: int) -> Motion:
        first = self._count - len(self._small)
        return motion(self._small[number - 1 - first], self._small[number - first])

    def _swift(self, number: int, moved: Motion) -> bool:
        step = self._times[number] - self._times[number - 1]
        return moved.explains and moved.share >= SWIFT * step

    def _note_turn(self, began: int | None) -> None:
        if began is not None:
            self.found.setdefault(began, Change.WHIP_PAN)

    def _look_for_slow_change(self, number: int) -> None:
        self._slow_done = number + 1
        if number >= self._span and number % self._step == 0:
            weight = self._slow_weight(number)
            self._note_slow(self._slow.feed(number, weight))

    def _slow_weight(self, number: int) -> tuple[Change, float] | None:
        """Return (what it is, the less the likelier) in a slow change, None outside."""
        if self._fades(number):
            return Change.FADE, self._light[number]
        span, at = self._span, number - self._span
        apart, residue = self._apart[at], self._residue[at]
        if residue == inf:
            return None
        if max(self._change.between(number - span, number + span + 1)) >= 0.5 * apart:
            return None  # that is a cut
        if any(self._blank.between(number - 2 * span, number + 2 * span + 1)):
            return None  # that is half of a fade
        before, after = self._apart[at - 2 * span], self._apart[at + 2 * span]
        alone = max(before, after) < 0.8 * apart or min(before, after) < 0.4 * apart
        return (Change.DISSOLVE, residue / apart) if alone else None

    def _fades(self, number: int) -> bool:
        """Return whether it is dark between two lights, or it has just become so for long."""
        light = self._light[number]
        if light >= DARK:
            return False
        around = number - self._span, number + self._span
        if self._blank[number] and not any(self._blank[n] for n in around):
            return True
        before, after = (self._light[n] for n in around)
        return light < 0.5 * min(before, after) or (light < BLACK and after < BLACK < before / 2)

    def _note_slow(self, found: tuple[int, Change] | None) -> None:
        """Keep the middle of a slow change, unless a cut is near: a scene begins there already."""
        if found is not None:
            middle, change = found
            if not any(abs(n - middle) <= self._span for n in self._cuts):
                self.found[middle] = change


class _Turns:
    """Joins the pictures in which a camera is torn round, and names the first."""

    LEAST = 2

    def __init__(self) -> None:
        self._began, self._lasts = -1, 0

    def feed(self, number: int, swift: bool) -> int | None:
        if not swift:
            return self.end()
        self._began = number if self._lasts == 0 else self._began
        self._lasts += 1
        return None

    def end(self) -> int | None:
        began = self._began if self._lasts >= self.LEAST else None
        self._lasts = 0
        return began


class _SlowChanges:
    """Joins the pictures of one dissolve or fade, and names the likeliest middle."""

    GAP, LEAST = 0.4, 0.3
    """Spans between two pictures of one change, and that one lasts at least."""

    def __init__(self, span: int, step: int) -> None:
        self._longest = 4 * span
        self._gap = max(2, round(self.GAP * span))
        self._least = max(2, round(self.LEAST * span / step))
        self._run: list[tuple[float, int, Change]] = []

    def feed(self, number: int, weight: tuple[Change, float] | None) -> tuple[int, Change] | None:
        if weight is not None:
            self._run.append((weight[1], number, weight[0]))
        if not self._run:
            return None
        gone = number - self._run[-1][1] >= self._gap
        return self.end() if gone or number - self._run[0][1] >= self._longest else None

    def end(self) -> tuple[int, Change] | None:
        """Return the middle of the change and what it is, or None if it was none."""
        run, self._run = self._run, []
        dark = [each for each in run if each[2] is Change.FADE]
        if dark or len(run) >= self._least:
            _, number, change = min(dark or run)
            return number, change
        return None

    def settled(self, done: int) -> int:
        """Return up to which nothing more will be found."""
        return self._run[0][1] if self._run else done


def _blank(picture: Picture) -> bool:
    """Return whether a picture shows nothing."""
    import numpy as np

    if picture.light >= BLACK:
        return False
    levels = picture.small[:LUMA].astype(np.int16)
    return bool(np.abs(levels - round(picture.light)).mean() < EVEN)


def _residue(first: "Planes", middle: "Planes", last: "Planes", apart: float) -> float:
    """Return how far the middle is from the mean of both ends; infinity for no two scenes."""
    import numpy as np

    if apart <= FAINTLY:
        return inf
    mean = (first.astype(np.uint16) + last) >> 1
    residue = difference(mean.astype(np.uint8), middle)
    most = (RESIDUE if apart > BLENDED else PLAIN) * apart
    return inf if residue >= most or _only_light(first, last) else residue


def _only_light(first: "Planes", last: "Planes") -> bool:
    """Return whether a picture has only become lighter or darker as a whole."""
    import numpy as np

    change = last.astype(np.int16) - first
    luma, tint = change[:LUMA], np.abs(change[LUMA:]).mean()
    besides = np.abs(luma - np.median(luma)).mean()
    return bool(besides < LIGHT * np.abs(luma).mean() and tint < TINT)
