"""Pictures of one coloured shape on a ground, with what is true of them."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

COLORS = {
    "red": (205, 40, 40),
    "green": (40, 160, 60),
    "blue": (45, 80, 205),
    "yellow": (235, 205, 50),
    "white": (240, 240, 240),
    "black": (25, 25, 25),
}
SHAPES = ("circle", "square", "triangle", "cross")
WORDS = ("a", "on", "background", *COLORS, *SHAPES)
SIDE = 64


@dataclass(frozen=True, slots=True)
class Shown:
    """What a picture shows; as a caption, what is asked for: None where it is left open."""

    color: str | None
    shape: str | None
    ground: str | None

    def is_true_of(self, picture: "Shown") -> bool:
        pairs = zip(
            (self.color, self.shape, self.ground),
            (picture.color, picture.shape, picture.ground),
            strict=True,
        )
        return all(asked in (None, shown) for asked, shown in pairs)

    def caption(self, rng: random.Random) -> str:
        """Return words for it, in one of the ways people say it."""
        subject = " ".join(filter(None, (self.color, self.shape)))
        article = rng.choice(("", "a ")) if self.shape else ""
        where = rng.choice((f" on {self.ground}", f" on a {self.ground} background"))
        return article + subject + (where if self.ground else "")


def drawn_from(rng: random.Random) -> Shown:
    color, ground = rng.sample(sorted(COLORS), 2)
    return Shown(color, rng.choice(SHAPES), ground)


def asked_from(rng: random.Random, shown: Shown) -> Shown:
    """Return a caption that is true of a picture and says some of it."""
    says_color, says_shape = rng.choice(((True, True), (True, True), (True, True), (False, True)))
    return Shown(
        shown.color if says_color else None,
        shown.shape if says_shape else None,
        shown.ground if rng.random() < 0.35 else None,
    )


def draw(shown: Shown, rng: random.Random, side: int = SIDE) -> Image.Image:
    """Draw a shape somewhere, in some size and turn, with colours a little off, and grain."""
    assert shown.color
    assert shown.ground
    assert shown.shape
    image = Image.new("RGB", (side, side), near(COLORS[shown.ground], rng))
    radius = side * rng.uniform(0.16, 0.36)
    x, y = (rng.uniform(radius, side - radius) for _ in range(2))
    canvas, color = ImageDraw.Draw(image), near(COLORS[shown.color], rng)
    for part in outline(shown.shape, rng.uniform(-25, 25)):
        points = [(x + radius * dx, y + radius * dy) for dx, dy in part]
        canvas.polygon(points, fill=color)
    noise = Image.effect_noise((side, side), rng.uniform(5, 40)).convert("RGB")
    return Image.blend(image, noise, rng.uniform(0, 0.12))


def near(color: tuple[int, int, int], rng: random.Random) -> tuple[int, int, int]:
    """Return a colour a little off."""
    red, green, blue = (max(0, min(255, c + rng.randint(-22, 22))) for c in color)
    return red, green, blue


def outline(shape: str, turn: float) -> Sequence[Sequence[tuple[float, float]]]:
    """Return polygons in the unit circle."""
    match shape:
        case "circle":
            return [_polygon(32, 0)]
        case "square":
            return [_polygon(4, 45 + turn)]
        case "triangle":
            return [_polygon(3, -90 + turn)]
    long, thin = _bar(turn), _bar(turn + 90)
    return [long, thin]


def _polygon(corners: int, turn: float) -> list[tuple[float, float]]:
    return [_at(turn + 360 * corner / corners) for corner in range(corners)]


def _bar(turn: float, half: float = 16) -> list[tuple[float, float]]:
    return [_at(turn + angle) for angle in (-half, half, 180 - half, 180 + half)]


def _at(degrees: float) -> tuple[float, float]:
    from math import cos, radians, sin

    return cos(radians(degrees)), sin(radians(degrees))
