"""Where one scene ends and the next begins, while the pictures go by.

A cut is a change that is large, and large beside the changes around it (as in PySceneDetect's
adaptive detector), so that a moving camera is none. After a flash all is as it was before, so it is
none either. A slow change is found by looking back a second.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from analyzers.video.frames import Picture, difference

if TYPE_CHECKING:
    from analyzers.video.frames import Planes

CHANGE = 0.05
"""Least mean change of a cut."""
RATIO = 3.0
"""Least ratio of a cut to the mean change around it."""
SLOW_CHANGE = 0.13
"""Least difference to a second ago of a dissolve or a fade."""
SETTLED = 0.012
"""Most change from one picture to the next where a slow change has ended."""
AROUND = 2
"""Pictures looked at before and after."""
SHORTEST_S = 0.3
BACK_S = 1.0


@dataclass(slots=True)
class _Step:
    """A picture and its change from the one before."""

    picture: Picture
    change: float


def scenes(pictures: Iterable[Picture]) -> Iterator[tuple[Picture, bool]]:
    """Yield every picture with whether it begins a scene; the first one does."""
    detector = _Detector()
    for window, position in _windows(_steps(pictures)):
        yield window[position].picture, detector.begins(window, position)


def _steps(pictures: Iterable[Picture]) -> Iterator[_Step]:
    before: Planes | None = None
    for picture in pictures:
        yield _Step(picture, 0.0 if before is None else difference(picture.small, before))
        before = picture.small


def _windows(steps: Iterable[_Step]) -> Iterator[tuple[list[_Step], int]]:
    """Yield each step as a position in a list with its neighbours, as far as there are any."""
    held: deque[_Step] = deque(maxlen=2 * AROUND + 1)
    waiting = 0
    for step in steps:
        held.append(step)
        waiting += 1
        if waiting > AROUND:
            yield list(held), len(held) - waiting
            waiting -= 1
    for position in range(len(held) - waiting, len(held)):
        yield list(held), position


class _Detector:
    def __init__(self) -> None:
        self._began: float | None = None
        self._past: deque[tuple[float, Planes]] = deque()

    def begins(self, window: list[_Step], position: int) -> bool:
        picture = window[position].picture
        new = self._began is None or (
            picture.time - self._began >= SHORTEST_S
            and (_is_cut(window, position) or self._slow_change_ends(window[position]))
        )
        if new:
            self._began = picture.time
            self._past.clear()
        self._past.append((picture.time, picture.small))  # not the frame: a second has many
        while self._past[0][0] < picture.time - BACK_S:
            self._past.popleft()
        return new

    def _slow_change_ends(self, step: _Step) -> bool:
        """Return whether the picture has changed within a second and now stands still."""
        if step.change > SETTLED or step.picture.time - self._past[0][0] < BACK_S * 0.8:
            return False
        long_ago = islice(self._past, AROUND + 1)  # more than one: it may have been a flash
        return all(difference(step.picture.small, s) >= SLOW_CHANGE for _, s in long_ago)


def _is_cut(window: list[_Step], position: int) -> bool:
    change = window[position].change
    around = [s.change for i, s in enumerate(window) if i != position]
    mean = sum(around) / len(around) if around else 0.0
    return change >= CHANGE and change >= RATIO * mean and not _is_flash(window, position)


def _is_flash(window: list[_Step], position: int) -> bool:
    """Return whether it soon is, or is again, as it was before: the light has only flickered."""
    small = [step.picture.small for step in window]
    like = window[position].change / 3
    goes = any(difference(later, small[position - 1]) < like for later in small[position + 1 :])
    returns = any(difference(small[position], early) < like for early in small[: position - 1])
    return position > 0 and (goes or returns)
