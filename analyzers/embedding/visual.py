"""The visual space without a model: where which colour is, which way edges run, how bright it is.

It finds near pictures and colours asked for by name; it knows nothing of what is shown. Every
vector says so: its space is named `fallback`.
"""

import io
import re
from typing import TYPE_CHECKING, Any, ClassVar

from analyzers.api import AnalyzerSpec, BaseAnalyzer, Cost, Embedding, Segment
from analyzers.decoding import Limits
from analyzers.image import colors, decoder

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

    Vector = np.ndarray[Any, np.dtype[np.float32]]

SPACE = "visual/fallback@1"
GRID, DIRECTIONS, SIDE = 3, 8, 48
DIMENSIONS = GRID * GRID * len(colors.NAMES) + DIRECTIONS + 1
EDGE_WEIGHT, BRIGHTNESS_WEIGHT = 0.45, 0.35
FAINTEST_EDGE = 0.02

COLOR_WORDS = {
    "black": "black schwarz",
    "gray": "gray grey silver grau silbern",
    "white": "white weiß weiss",
    "red": "red crimson scarlet rot",
    "orange": "orange orangefarben",
    "yellow": "yellow golden gelb",
    "green": "green grün gruen",
    "blue": "blue navy turquoise cyan blau türkis",
    "purple": "purple violet lilac lila violett",
    "pink": "pink magenta rosa",
    "brown": "brown beige braun",
}
BRIGHTNESS_WORDS = {
    1.0: "bright light hell",
    -1.0: "dark dim dunkel finster",
}
GERMAN_ENDING = re.compile(r"(e|er|es|en|em)$")


class VisualFallback(BaseAnalyzer):
    """Turns keyframes, query pictures and the colour words of a query into one space."""

    spec = AnalyzerSpec(
        name="visual-fallback",
        version="1",
        segments=("image", "scene", "page"),
        needs=("keyframe",),
        emits=(SPACE,),
        model="fallback",
        dimensions=DIMENSIONS,
        cost=Cost(0.01),
    )
    calibration: ClassVar[dict[str, float]] = {"mean": 0.728, "sd": 0.131}
    """Cosines of random pairs of pictures (bench/calibrate_spaces.py)."""
    query_calibration: ClassVar[dict[str, float]] = {"mean": 0.164, "sd": 0.201, "match": 0.49}
    """Cosines of a query in words with random pictures: a distribution of its own, that never comes
    near 1. `match` is the cosine where a third of the picture has the colour asked for."""

    def load(self) -> None:
        decoder.load()
        self._of_file(decoder.sample())

    def generate_embeddings(self, segment: Segment) -> list[Embedding]:
        keyframe = segment.renditions.get("keyframe")
        return [] if keyframe is None else [self._of_file(keyframe)]

    def embed_query(self, query: str | bytes) -> Embedding | None:
        """Return the vector of a picture, or of the colours and brightness that words ask for."""
        if isinstance(query, bytes):
            return self._of_file(query)
        vector = of_words(query)
        return None if vector is None else Embedding(SPACE, vector)

    def _of_file(self, data: bytes) -> Embedding:
        return Embedding(SPACE, of_image(decoder.decode(io.BytesIO(data), Limits()).image))


def of_image(image: "Image") -> list[float]:
    """Return the vector of a picture."""
    import numpy as np

    gray = np.asarray(image.convert("L").resize((SIDE, SIDE)), np.float32) / np.float32(255)
    brightness = [2 * float(gray.mean()) - 1]
    return _joined(_where_colors_are(image), _directions(gray), brightness)


def of_words(query: str) -> list[float] | None:
    """Return the vector of the colour and brightness words in a query; None if it has neither."""
    import numpy as np

    known = _words()
    found = {known[word] for word in _bare_words(query) if word in known}
    names = {name for name in found if isinstance(name, str)}
    light = sum(value for value in found if isinstance(value, float))
    if not names and not light:
        return None
    cells = np.zeros((GRID * GRID, len(colors.NAMES)), np.float32)
    cells[:, [colors.NAMES.index(name) for name in names]] = 1 / max(1, len(names))
    return _joined(np.sqrt(cells / GRID**2).ravel(), np.zeros(DIRECTIONS), [light])


def _words() -> dict[str, str | float]:
    by_color: dict[str, str | float] = {
        word: name for name, words in COLOR_WORDS.items() for word in words.split()
    }
    by_light = {w: value for value, words in BRIGHTNESS_WORDS.items() for w in words.split()}
    return {**by_color, **by_light}


def _bare_words(query: str) -> list[str]:
    """Return the words as written and without the ending of a German adjective."""
    words = re.findall(r"\w+", query.lower())
    return [form for word in words for form in (word, GERMAN_ENDING.sub("", word))]


def _joined(cells: Any, directions: Any, brightness: Any) -> list[float]:
    """Return the three parts, weighted, as one vector of length 1."""
    import numpy as np

    parts = [cells, EDGE_WEIGHT * directions, BRIGHTNESS_WEIGHT * np.asarray(brightness)]
    vector = np.concatenate(parts).astype(np.float32)
    unit: list[float] = (vector / np.linalg.norm(vector)).tolist()
    return unit


def _where_colors_are(image: "Image") -> "Vector":
    """Return the root of each colour's share in each cell; a pixel counts for the cells near it."""
    import numpy as np

    pixels = colors.memberships(image, SIDE)
    near = _nearness()
    cells = np.einsum("yi,xj,yxc->ijc", near, near, pixels)
    found: Vector = np.sqrt(cells / cells.sum()).ravel()
    return found


def _nearness() -> "Vector":
    """Return how much each row of pixels belongs to each row of cells: linear between centres."""
    import numpy as np

    at = (np.arange(SIDE, dtype=np.float32) + 0.5) * GRID / SIDE
    centre = np.clip(at, 0.5, GRID - 0.5)[:, None] - (np.arange(GRID) + 0.5)[None, :]
    near: Vector = np.clip(1 - np.abs(centre), 0, None).astype(np.float32)
    return near


def _directions(gray: "Vector") -> "Vector":
    """Return the root of each direction's share of all edges; nothing where there are none."""
    import numpy as np

    down, right = np.gradient(gray)
    strength = np.hypot(down, right)
    strength[strength < FAINTEST_EDGE] = 0
    turn = (np.arctan2(down, right) % np.pi) / np.pi * DIRECTIONS
    low = np.floor(turn).astype(int) % DIRECTIONS
    part = turn - np.floor(turn)
    total = np.bincount(low.ravel(), ((1 - part) * strength).ravel(), DIRECTIONS)
    total += np.bincount((low.ravel() + 1) % DIRECTIONS, (part * strength).ravel(), DIRECTIONS)
    found: Vector = np.sqrt(total / max(float(total.sum()), 1e-9)).astype(np.float32)
    return found
