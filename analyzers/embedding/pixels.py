"""A picture as a model takes it: the same steps and the same rounding as open_clip's.

open_clip resizes with Pillow's bicubic filter to the short side, cuts the middle and normalizes;
SigLIP resizes both sides to the square, and so do D-FINE and RT-DETR, with the bilinear filter.
YuNet wants the whole picture in its proportions, from the left upper corner.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from analyzers.models.manifest import Pixels

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

    Array = np.ndarray[Any, Any]

LONGEST_SHAPE = 64
"""Times longer than wide; only the middle square of it is looked at anyway."""


def prepared(image: "Image", how: Pixels) -> bytes:
    """Return the square of a picture: size x size x 3 bytes, row by row."""
    from PIL import Image

    picture, resampling = image.convert("RGB"), Image.Resampling[how.filter.upper()]
    if how.resize == "squash":
        return picture.resize((how.size, how.size), resampling).tobytes()
    if how.resize == "pad":
        return _padded(picture, how.size, resampling).tobytes()
    picture = _not_too_long(picture)
    width, height = picture.size
    short = min(width, height)
    scaled = max(how.size, how.size * width // short), max(how.size, how.size * height // short)
    picture = picture.resize(scaled, resampling)
    left, top = (round((side - how.size) / 2.0) for side in picture.size)
    return picture.crop((left, top, left + how.size, top + how.size)).tobytes()


def _not_too_long(picture: "Image") -> "Image":
    """Cut the ends off what is mostly ends: a line of pixels would grow to gigabytes."""
    width, height = picture.size
    most = LONGEST_SHAPE * min(width, height)
    if max(width, height) <= most:
        return picture
    left, top = (max(0, side - most) // 2 for side in picture.size)
    return picture.crop((left, top, width - left, height - top))


def fitted(width: int, height: int, side: int) -> tuple[int, int]:
    """Return the size of a picture whose long side is that of the square it is padded to."""
    longest = max(width, height)
    return max(1, side * width // longest), max(1, side * height // longest)


def _padded(picture: "Image", side: int, resampling: Any) -> "Image":
    from PIL import Image

    square = Image.new("RGB", (side, side))
    square.paste(picture.resize(fitted(*picture.size, side), resampling), (0, 0))
    return square


def length(how: Pixels) -> int:
    return how.size * how.size * 3


def normalized(squares: Sequence[bytes], how: Pixels) -> "Array":
    """Return squares as (n, 3, size, size) float32."""
    import numpy as np

    flat = np.frombuffer(b"".join(squares), np.uint8)
    values = flat.reshape(-1, how.size, how.size, 3).astype(np.float32) / np.float32(255)
    scaled = (values - np.array(how.mean, np.float32)) / np.array(how.std, np.float32)
    return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2))
