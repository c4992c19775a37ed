"""Numbers that are computed from the pixels of one picture."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

HASHED_SIDE, KEPT_SIDE = 32, 8
HASH_BITS = KEPT_SIDE**2
FLAT = 3.0
"""Deviation of the levels of a picture in which nothing is to be seen: its hash would be noise."""


def perceptual_hash(image: "Image") -> str | None:
    """Return 64 bits as hex: the signs of the 8x8 lowest frequencies against their median.

    A thumbnail has the hash of its original, in a fraction of the time. None for a flat picture.
    """
    import numpy as np

    gray = np.asarray(image.convert("L").resize((HASHED_SIDE, HASHED_SIDE)), np.float64)
    if gray.std() < FLAT:
        return None
    waves = _cosines()
    low = (waves @ gray @ waves.T).ravel()
    median = np.sort(low[1:])[len(low) // 2 - 1]
    bits = (low > median).tolist()
    return f"{int(''.join('1' if bit else '0' for bit in bits), 2):016x}"


def _cosines() -> "np.ndarray[Any, np.dtype[np.float64]]":
    """Return the first rows of the cosine transform of HASHED_SIDE samples."""
    import numpy as np

    at = (2 * np.arange(HASHED_SIDE) + 1) * np.pi / (2 * HASHED_SIDE)
    return np.cos(np.arange(KEPT_SIDE)[:, None] * at[None, :])


def hash_facts(image: "Image") -> dict[str, Any]:
    """Return the perceptual hash as facts; {} for a flat picture."""
    found = perceptual_hash(image)
    return {} if found is None else {"phash": {"hex": found, "bits": HASH_BITS}}


def hamming(one: str, other: str) -> int:
    """Return in how many bits two perceptual hashes differ: 0 to 64."""
    return (int(one, 16) ^ int(other, 16)).bit_count()


def sharpness(image: "Image") -> float:
    """Return the variance of the Laplacian of the gray picture: low where it is blurred."""
    import numpy as np

    gray = np.asarray(image.convert("L"), np.float32)
    if min(gray.shape) < 3:
        return 0.0
    inner = gray[1:-1, 1:-1]
    around = gray[:-2, 1:-1] + gray[2:, 1:-1] + gray[1:-1, :-2] + gray[1:-1, 2:]
    return round(float((around - 4 * inner).var()), 3)
