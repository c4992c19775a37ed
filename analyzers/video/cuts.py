"""Where one scene ends and the next begins, while the pictures go by.

A cut is a change that is large, the largest near it, and large beside the changes around it, so
that a moving camera is none; after a flash all is as it was before, so it is none either. In the
middle of a dissolve the picture is the mean of what was before and what comes, in the middle of a
fade it is dark; a camera that moves gives neither. Both are looked for in steps of time, so that a
decision waits for about a second of pictures.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from math import inf
from statistics import median
from typing import TYPE_CHECKING

from analyzers.video.frames import LUMA, Picture, brightness, difference

if TYPE_CHECKING:
    from analyzers.video.frames import Planes

CHANGE = 12.0
"""Least mean change of a cut, of 255 levels."""
RATIO, REST = 2.0, 4.0
"""A cut is more than so many times the changes around it, and this much more."""
AROUND = 6
"""Pictures before and after a cut that it is held against, if they are near in time."""
NEAR_S = 0.5
BLENDED = 14.0
"""Least difference between the two ends of a dissolve."""
RESIDUE = 0.45
"""Most distance of its middle from the mean of its ends, as a share of their difference."""
LIGHT, TINT = 0.5, 3.0
"""If less than that share of the change in brightness, and no more than so many levels of colour,
are not of the light of the whole, it is one scene: exposure drifts."""
DARK = 60.0
SHORTEST_S = 0.3
SPAN_S = 1 / 3
"""Half the length of a slow change."""


def scenes(pictures: Iterable[Picture], rate: float) -> Iterator[tuple[Picture, bool]]:
    """Yield every picture with whether it begins a scene; the first one does."""
    detector, held = _Detector(rate), deque[Picture]()
    began: float | None = None
    number = 0

    def settled(until: int) -> Iterator[tuple[Picture, bool]]:
        nonlocal began, number
        while held and number < until:
            picture = held.popleft()
            rest = held[-1].time - picture.time if held else 0.0
            begins = began is None or (
                number in detector.found
                and picture.time - began >= SHORTEST_S
                and (rest >= SHORTEST_S or picture.still is not None)
            )
            began = picture.time if begins else began
            number += 1
            yield picture, begins

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
    """Numbers the pictures from 0; `found` are those that begin a scene, as far as is settled."""

    def __init__(self, rate: float) -> None:
        self._span = round(min(max(rate, 9.0), 120.0) * SPAN_S)
        kept = 8 * self._span + 2 * AROUND
        self._small: deque[Planes] = deque(maxlen=2 * self._span + 1)
        self._times, self._light = _Series(kept), _Series(kept)
        self._change, self._change3 = _Series(kept), _Series(kept)
        self._apart, self._residue = _Series(kept), _Series(kept)
        self._slow = _SlowChanges(self._span)
        self._count = self._cuts_done = self._slow_done = 0
        self.found: set[int] = set()

    def feed(self, picture: Picture) -> int:
        """Take the next picture; return up to which it is known where scenes begin."""
        self._measure(picture)
        for number in range(self._cuts_done, self._count - AROUND):
            self._look_for_cut(number)
        for number in range(self._slow_done, self._count - 3 * self._span):
            self._look_for_slow_change(number)
        return self._slow.settled(self._slow_done)

    def end(self) -> None:
        """Decide about the last pictures by what there is."""
        for number in range(self._cuts_done, self._count):
            self._look_for_cut(number)
        for number in range(self._slow_done, self._count - self._span):
            self._look_for_slow_change(number)
        self._note(self._slow.end())

    def _measure(self, picture: Picture) -> None:
        small, before, span = picture.small, self._small, self._span
        self._times.append(picture.time)
        self._light.append(brightness(small))
        self._change.append(difference(small, before[-1]) if before else 0.0)
        self._change3.append(difference(small, before[-3]) if len(before) > 2 else 0.0)
        before.append(small)
        self._count += 1
        if len(before) == 2 * span + 1:
            apart = difference(before[0], small)
            self._apart.append(apart)
            self._residue.append(_residue(before[0], before[span], small, apart))

    def _look_for_cut(self, number: int) -> None:
        self._cuts_done = number + 1
        if number and self._is_cut(number):
            self.found.add(number)

    def _is_cut(self, number: int) -> bool:
        change = self._change[number]
        if change < CHANGE:
            return False
        before = self._near(number - AROUND, number, number)
        after = self._near(number + 1, number + 1 + AROUND, number)
        around = max(median(before or [0.0]), median(after or [0.0]))
        return (
            change > RATIO * around + REST
            and change >= max([*before, *after, 0.0])
            and not self._is_flash(number)
        )

    def _near(self, start: int, end: int, number: int) -> list[float]:
        """Return changes around a picture: slides that stand for seconds are not near each other.

        The first picture has no change, and says nothing of the ones around it.
        """
        numbers = range(max(start, 1), min(end, self._count))
        now = self._times[number]
        return [self._change[n] for n in numbers if abs(self._times[n] - now) <= NEAR_S]

    def _is_flash(self, number: int) -> bool:
        """Return whether it soon is, or is again, as it was before: the light only flickered."""
        least, now = self._change[number] / 2, self._times[number]
        later, earlier = number + 2, number - 3
        goes = (
            later < self._count
            and self._times[later] - now <= NEAR_S
            and self._change3[later] <= least
        )
        returns = earlier >= 0 and now - self._times[earlier] <= NEAR_S
        return goes or (returns and self._change3[number] <= least)

    def _look_for_slow_change(self, number: int) -> None:
        self._slow_done = number + 1
        if number >= self._span:
            weight = self._slow_weight(number)
            self._note(self._slow.feed(number, weight))

    def _slow_weight(self, number: int) -> tuple[bool, float] | None:
        """Return (whether it is dark, the less the likelier) in a slow change, None outside."""
        span, light = self._span, self._light[number]
        around = min(self._light[number - span], self._light[number + span])
        if light < DARK and light < 0.5 * around:
            return True, light
        at = number - span  # the series begin with the first picture that has both ends
        apart, residue = self._apart[at], self._residue[at]
        if residue >= RESIDUE * apart:
            return None
        if max(self._change.between(number - span, number + span + 1)) >= 0.5 * apart:
            return None  # that is a cut
        before, after = self._apart[at - 2 * span], self._apart[at + 2 * span]
        alone = max(before, after) < 0.8 * apart or min(before, after) < 0.4 * apart
        return (False, residue / apart) if alone else None

    def _note(self, middle: int | None) -> None:
        """Keep the middle of a slow change, unless a cut is near: a scene begins there already."""
        if middle is not None:
            near = range(middle - self._span, middle + self._span + 1)
            if not any(n in self.found for n in near):
                self.found.add(middle)


class _SlowChanges:
    """Joins the pictures of one dissolve or fade, and names the likeliest middle."""

    GAP, LEAST = 4, 3

    def __init__(self, span: int) -> None:
        self._longest = 4 * span
        self._run: list[tuple[int, bool, float]] = []

    def feed(self, number: int, weight: tuple[bool, float] | None) -> int | None:
        if weight is not None:
            self._run.append((number, *weight))
        if not self._run:
            return None
        gone = number - self._run[-1][0] >= self.GAP
        return self.end() if gone or number - self._run[0][0] >= self._longest else None

    def end(self) -> int | None:
        """Return the middle of the change, or None if it was none."""
        run, self._run = self._run, []
        dark = [(weight, number) for number, is_dark, weight in run if is_dark]
        if dark or len(run) >= self.LEAST:
            return min(dark or [(weight, number) for number, _, weight in run])[1]
        return None

    def settled(self, done: int) -> int:
        """Return up to which nothing more will be found."""
        return self._run[0][0] if self._run else done


def _residue(first: "Planes", middle: "Planes", last: "Planes", apart: float) -> float:
    """Return how far the middle is from the mean of both ends; infinity for no two scenes."""
    import numpy as np

    if apart <= BLENDED:
        return inf
    mean = (first.astype(np.uint16) + last) >> 1
    residue = difference(mean.astype(np.uint8), middle)
    return inf if residue < RESIDUE * apart and _only_light(first, last) else residue


def _only_light(first: "Planes", last: "Planes") -> bool:
    """Return whether a picture has only become lighter or darker as a whole."""
    import numpy as np

    change = last.astype(np.int16) - first
    luma, tint = change[:LUMA], np.abs(change[LUMA:]).mean()
    besides = np.abs(luma - np.median(luma)).mean()
    return bool(besides < LIGHT * np.abs(luma).mean() and tint < TINT)
