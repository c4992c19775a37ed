"""Pictures of several coloured shapes on a ground, with the class and the box of each."""

import random
from dataclasses import dataclass

from PIL import Image, ImageDraw

from tests.models.shapes import COLORS, SHAPES, near, outline

Box = tuple[float, float, float, float]
"""Left, top, right, bottom, as shares of the picture."""

CROWDED = 200
"""Places that are tried before a shape is left out."""


@dataclass(frozen=True, slots=True)
class Thing:
    shape: str
    color: str
    box: Box


@dataclass(frozen=True, slots=True)
class Scene:
    image: Image.Image
    things: tuple[Thing, ...]


def scene(rng: random.Random, side: int = 256, most: int = 5) -> Scene:
    """Draw up to `most` shapes that do not overlap, in any colour but that of the ground."""
    ground, *colors = rng.sample(sorted(COLORS), len(COLORS))
    image = Image.new("RGB", (side, side), near(COLORS[ground], rng))
    canvas = ImageDraw.Draw(image)
    things: list[Thing] = []
    for _ in range(rng.randint(1, most)):
        shape, color = rng.choice(SHAPES), rng.choice(colors)
        parts = _free_place(rng, shape, [thing.box for thing in things])
        if parts is None:
            continue
        fill = near(COLORS[color], rng)
        for part in parts:
            canvas.polygon([(x * side, y * side) for x, y in part], fill=fill)
        things.append(Thing(shape, color, _around(parts)))
    grain = Image.effect_noise((side, side), rng.uniform(5, 40)).convert("RGB")
    return Scene(Image.blend(image, grain, rng.uniform(0, 0.12)), tuple(things))


Parts = list[list[tuple[float, float]]]


def _free_place(rng: random.Random, shape: str, taken: list[Box]) -> Parts | None:
    for _ in range(CROWDED):
        radius = rng.uniform(0.07, 0.2)
        x, y = (rng.uniform(radius, 1 - radius) for _ in range(2))
        parts = [
            [(x + radius * dx, y + radius * dy) for dx, dy in part]
            for part in outline(shape, rng.uniform(-25, 25))
        ]
        if not any(_overlap(_around(parts), box) for box in taken):
            return parts
    return None


def _around(parts: Parts) -> Box:
    across, down = zip(*(point for part in parts for point in part), strict=True)
    return min(across), min(down), max(across), max(down)


def _overlap(one: Box, other: Box) -> bool:
    return (
        one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
    )  # fmt: skip
