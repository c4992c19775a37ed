"""The eleven basic colour names, and how much each of them describes a colour."""

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

    Floats = np.ndarray[Any, np.dtype[np.float32]]

NAMES = (
    "black", "gray", "white", "red", "orange", "yellow", "green", "blue", "purple", "pink", "brown",
)  # fmt: skip

EXAMPLES: dict[str, str] = {
    "black": "000000 101010 1c1c1c 0a0a14 140a0a 0a140a",
    "gray": "404040 606060 808080 a0a0a0 bfbfbf 708090 8c8680",
    "white": "ffffff f5f5f5 ebebeb fffaf0 f0f8ff",
    "red": "ff0000 dc143c b22222 8b0000 e03c31 cd5c5c 5c0a0a",
    "orange": "ffa500 ff8c00 ff7f24 f28c28 ff7f50 e0701a",
    "yellow": "ffff00 ffd700 f0e68c fff44f e6c619 cccc00 fffacd",
    "green": "008000 00ff00 32cd32 228b22 556b2f 2e8b57 90ee90 004d00 6b8e23 9acd32 008b6b 8fbc8f",
    "blue": "0000ff 0033a0 1e3fd8 3355ee 24408e 00008b 1e90ff 87ceeb 4682b4 4169e1 00bfff add8e6 "
    "00ffff 0e1a40 008b8b 5f9ea0",
    "purple": "800080 4b0082 8a2be2 9370db 9932cc 663399 30083d ba55d3 dda0dd",
    "pink": "ffc0cb ff69b4 ff1493 ffb6c1 db7093 ff00ff f4a6c0",
    "brown": "8b4513 654321 a0522d 5c4033 d2b48c 3d2314 9c7248 6f4e37 b8865b",
}
STEPS = 32
SOFTNESS = 9.0  # in CIELAB, where 2 is a difference one just sees


def shares(image: "Image", side: int = 192) -> dict[str, float]:
    """Return which share of the picture each name describes, largest first; they add up to 1."""
    mean = memberships(image, side).mean(axis=(0, 1))
    return {NAMES[i]: float(mean[i]) for i in (-mean).argsort(kind="stable")}


def memberships(image: "Image", side: int) -> "Floats":
    """Return how well each name describes each pixel of the picture shrunk to a square."""
    import numpy as np
    from PIL.Image import Resampling

    small = image.convert("RGB").resize((side, side), Resampling.BOX)
    step = np.asarray(small, np.uint16) * STEPS // 256
    found: Floats = table()[step[..., 0], step[..., 1], step[..., 2]]
    return found


@cache
def table() -> "Floats":
    """Return the memberships of every colour, STEPS a channel: [red, green, blue, name]."""
    import numpy as np

    levels = (np.arange(STEPS) + 0.5) * 256 / STEPS
    grid = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1)
    lab = _lab(grid.reshape(-1, 3))
    nearest = np.stack([_squared_distance(lab, EXAMPLES[name]) for name in NAMES], axis=1)
    nearest -= nearest.min(axis=1, keepdims=True)
    weight = np.exp(-nearest / (2 * SOFTNESS**2))
    weight /= weight.sum(axis=1, keepdims=True)
    return weight.reshape(STEPS, STEPS, STEPS, len(NAMES)).astype(np.float32)


def _squared_distance(lab: Any, examples: str) -> Any:
    """Return the squared distance of each colour to the nearest example."""
    import numpy as np

    points = _lab(np.array([list(bytes.fromhex(code)) for code in examples.split()], float))
    return ((lab[:, None, :] - points[None, :, :]) ** 2).sum(axis=2).min(axis=1)


def _lab(srgb: Any) -> Any:
    """Return sRGB values (0-255) in CIELAB under daylight (D65)."""
    import numpy as np

    part = srgb / 255
    linear = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array(
        [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    )
    xyz = linear @ to_xyz.T / np.array([0.9505, 1.0, 1.089])
    root = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    x, y, z = root[:, 0], root[:, 1], root[:, 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1)
