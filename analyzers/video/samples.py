"""A few samples of every picture, enough to tell whether a scene begins.

They are read where the decoder has left them: a scaler would read each picture as a whole.
"""

from typing import TYPE_CHECKING, Any

from analyzers.scaling import fastest

if TYPE_CHECKING:
    import numpy as np

    Planes = np.ndarray[Any, np.dtype[np.uint8]]
    Places = np.ndarray[Any, np.dtype[np.intp]]

WIDTH, HEIGHT = 64, 36
LUMA = WIDTH * HEIGHT
"""So many samples are of brightness; half as many follow, of the two colours."""
WORD = 8
"""A sample of brightness is the mean of so many neighbours, which are read as one number."""
IN_PLACE = frozenset(f"yuv{j}{layout}p" for j in ("", "j") for layout in (420, 422, 444))
"""Formats whose planes hold a byte a pixel; others go through the scaler."""


class Sampler:
    """Takes the samples of the pictures of one film."""

    def __init__(self) -> None:
        from av.video.reformatter import VideoReformatter

        self._scaler: Any = VideoReformatter()
        self._shape: tuple[int, ...] = ()
        self._places: list[Places] = []

    def of(self, frame: Any) -> "Planes":
        """Return 64 by 36 levels of Y, then half as many each way of U and of V, in one row."""
        planes = frame.planes
        if frame.format.name not in IN_PLACE or any(p.line_size % WORD for p in planes):
            return self._scaled(frame)
        self._place(planes)
        return self._read(planes)

    def detail(self, frame: Any) -> float:
        """Return the mean step between neighbours in some rows: low where a picture is blurred."""
        import numpy as np

        if frame.format.name not in IN_PLACE:
            frame = self._scaler.reformat(frame, format="gray", threads=1)
        luma = frame.planes[0]
        levels = np.frombuffer(luma, np.uint8).reshape(-1, luma.line_size)[:, : luma.width]
        rows = levels[luma.height // (2 * HEIGHT) : luma.height : max(1, luma.height // HEIGHT)]
        return difference(rows[:, 1:].ravel(), rows[:, :-1].ravel())

    def _place(self, planes: Any) -> None:
        """Find out where the samples lie, if the pictures are not as those before."""
        shape = tuple(n for p in planes for n in (p.width, p.height, p.line_size))
        if shape != self._shape:
            self._shape = shape
            luma, *colors = planes
            half = WIDTH // 2, HEIGHT // 2
            self._places = [_places(luma, WIDTH, HEIGHT, WORD)]
            self._places += [_places(color, *half, 1) for color in colors]

    def _read(self, planes: Any) -> "Planes":
        import numpy as np

        luma, *colors = planes
        words = np.frombuffer(luma, np.uint64).take(self._places[0], mode="clip")
        read = [
            np.frombuffer(color, np.uint8).take(places, mode="clip")
            for color, places in zip(colors, self._places[1:], strict=True)
        ]
        return np.concatenate([_mean_of_bytes(words), *read])

    def _scaled(self, frame: Any) -> "Planes":
        how = fastest(frame, WIDTH)
        small = self._scaler.reformat(frame, WIDTH, HEIGHT, "yuv420p", interpolation=how, threads=1)
        planes: Planes = small.to_ndarray().reshape(-1)
        return planes


def _places(plane: Any, across: int, down: int, word: int) -> "Places":
    """Return which words of a plane hold the samples of a grid; the last of a row may be padded."""
    import numpy as np

    last = max(0, plane.width // word - 1)
    rows = (np.arange(down) * 2 + 1) * plane.height // (2 * down)
    columns = np.minimum((np.arange(across) * 2 + 1) * plane.width // (2 * across * word), last)
    places: Places = (rows[:, None] * (plane.line_size // word) + columns).ravel()
    return places


def _mean_of_bytes(words: "np.ndarray[Any, np.dtype[np.uint64]]") -> "Planes":
    """Return the mean of the eight bytes of each word: neighbours are added in ever wider lanes."""
    import numpy as np

    bytes_, pairs = np.uint64(0x00FF00FF00FF00FF), np.uint64(0x0000FFFF0000FFFF)
    sums = (words & bytes_) + ((words >> np.uint64(8)) & bytes_)
    sums = (sums & pairs) + ((sums >> np.uint64(16)) & pairs)
    sums += sums >> np.uint64(32)
    mean: Planes = ((sums & np.uint64(0xFFFF)) >> np.uint64(3)).astype(np.uint8)
    return mean


def difference(a: "Planes", b: "Planes") -> float:
    """Return how different two pictures are: the mean change of their samples, 0 to 255."""
    import numpy as np

    apart = np.maximum(a, b)
    apart -= np.minimum(a, b)
    return int(np.add.reduce(apart, dtype=np.uint32)) / max(1, len(apart))


def brightness(small: "Planes") -> float:
    """Return the mean level of the samples of brightness, 0 to 255."""
    import numpy as np

    return int(np.add.reduce(small[:LUMA], dtype=np.uint32)) / LUMA
