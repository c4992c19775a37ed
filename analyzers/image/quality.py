"""How well a picture was taken: blur, noise and exposure, as numbers and as words.

Blur is that of Crete et al., The Blur Effect, 2007: how little a picture changes by being blurred
once more, from 0 (sharp) to 1. Noise is the deviation of what the mask of Immerkaer, Fast Noise
Variance Estimation, 1996, leaves of the smoothest tenth of the picture, in levels of 255: texture
is no noise.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

    Array = np.ndarray[Any, np.dtype[np.float32]]

SIDE = 512
"""Of the middle that is looked at, pixel by pixel: shrinking would hide blur and noise."""
TAPS = 9
BLOCK = 16
CLIPPED = 2
"""Levels from either end that are black or white without detail."""
BLURRED, NOISY = 0.52, 4.0
UNDER, OVER, LOST = 0.18, 0.82, 0.25
FLAT = 2.0


def measured(image: "Image") -> dict[str, Any]:
    """Return blur, noise, the shares lost in black and white, and words for what is amiss."""
    import numpy as np

    gray = np.asarray(_middle(image).convert("L"), np.float32)
    levels = np.asarray(image.convert("L").resize((128, 128)), np.float32)
    found = {
        "blur": round(blur(gray), 3),
        "noise": round(noise(gray), 2),
        "black": round(float((levels <= CLIPPED).mean()), 3),
        "white": round(float((levels >= 255 - CLIPPED).mean()), 3),
    }
    flat = float(levels.std()) < FLAT
    return {**found, "labels": [] if flat else list(_amiss(found, float(levels.mean()) / 255))}


def _amiss(found: dict[str, float], brightness: float) -> Iterator[str]:
    if found["blur"] > BLURRED:
        yield "blurred"
    if found["noise"] > NOISY:
        yield "noisy"
    if brightness < UNDER or found["black"] > LOST:
        yield "underexposed"
    if brightness > OVER or found["white"] > LOST:
        yield "overexposed"


def blur(gray: "Array") -> float:
    """Return the blur of gray levels; 0 for what is too small to tell."""
    import numpy as np

    if min(gray.shape) <= TAPS:
        return 0.0
    ratios = []
    for levels in (gray, gray.T):
        before = np.abs(np.diff(levels, axis=0))
        after = np.abs(np.diff(_averaged(levels), axis=0))
        middle = before[TAPS // 2 : TAPS // 2 + len(after)]
        total = float(middle.sum())
        lost = float((middle - after).clip(0).sum())
        ratios.append((total - lost) / total if total else 0.0)
    return max(ratios)


def _averaged(levels: "Array") -> "Array":
    """Return the running mean of TAPS rows, where all of them are there."""
    import numpy as np

    sums = np.cumsum(levels, axis=0, dtype=np.float64)
    found: Array = ((sums[TAPS - 1 :] - np.vstack([0 * sums[:1], sums[:-TAPS]])) / TAPS).astype(
        np.float32
    )
    return found


def noise(gray: "Array") -> float:
    """Return the deviation of the noise; 0 for what is too small to tell."""
    import numpy as np

    if min(gray.shape) < BLOCK + 2:
        return 0.0
    edges = gray[:-2] - 2 * gray[1:-1] + gray[2:]
    left = edges[:, :-2] - 2 * edges[:, 1:-1] + edges[:, 2:]  # the mask 1 -2 1, -2 4 -2, 1 -2 1
    rows, columns = (side // BLOCK for side in left.shape)
    blocks = np.abs(left[: rows * BLOCK, : columns * BLOCK]).reshape(rows, BLOCK, columns, BLOCK)
    smoothest = float(np.percentile(blocks.mean(axis=(1, 3)), 10))
    return smoothest * float(np.sqrt(np.pi / 2)) / 6


def _middle(image: "Image") -> "Image":
    left, top = (max(0, side - SIDE) // 2 for side in image.size)
    return image.crop((left, top, min(image.width, left + SIDE), min(image.height, top + SIDE)))
