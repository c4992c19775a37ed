"""Whether a picture is the one before it, moved as a whole."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from analyzers.video.samples import HEIGHT, LUMA, WIDTH

if TYPE_CHECKING:
    import numpy as np

    from analyzers.video.samples import Planes

    Levels = np.ndarray[Any, np.dtype[np.float32]]

FURTHEST = 0.4
"""Share of its width or height by which a picture may have moved."""
EXPLAINED = 0.5
"""It has moved if no more of the change is left once it is moved back, nor of what is to see."""


@dataclass(frozen=True, slots=True)
class Motion:
    """By which share of its width or height a picture has moved, and whether that explains it."""

    share: float
    explains: bool


def motion(before: "Planes", after: "Planes") -> Motion:
    """Return the likeliest motion between two pictures, across or down."""
    import numpy as np

    one, two = (s[:LUMA].reshape(HEIGHT, WIDTH).astype(np.float32) for s in (before, after))
    plain = float(np.abs(two - one).mean())
    tried = [(*_shifted(a, b), len(a[0])) for a, b in ((one, two), (one.T, two.T))]
    left, shift, size = min(tried)
    return Motion(abs(shift) / size, left <= EXPLAINED * min(plain, _contrast(two)))


def _contrast(levels: "Levels") -> float:
    """Return how much there is to see: anything fits an even wall."""
    import numpy as np

    return float(np.abs(levels - levels.mean()).mean())


def _shifted(one: "Levels", two: "Levels") -> tuple[float, int]:
    """Return what change is left after the best shift of columns, and that shift."""
    import numpy as np

    shift = _best(one.mean(0), two.mean(0))
    size = one.shape[1]
    here, there = (slice(max(0, shift), size + min(0, shift)) for shift in (shift, -shift))
    return float(np.abs(two[:, here] - one[:, there]).mean()), shift


def _best(one: "Levels", two: "Levels") -> int:
    """Return the shift by which the second row of levels is nearest to the first.

    All differences are written in rows that are one longer than they are, so that each diagonal
    becomes a column.
    """
    import numpy as np

    size = len(one)
    rows = np.zeros(size * (2 * size + 1), np.float32)
    rows[: 2 * size * size].reshape(size, -1)[:, size:] = np.abs(two[None, :] - one[:, None])
    shifts = np.arange(2 * size + 1) - size
    overlaps = np.maximum(size - np.abs(shifts), 1)
    means = rows.reshape(size, -1).sum(0) / overlaps
    means[np.abs(shifts) > FURTHEST * size] = np.inf
    return int(shifts[np.argmin(means)])
