"""Colours by name and tone: the same words for a photo, a scene and a page."""

import pytest
from PIL import Image

from analyzers.api import Segment
from analyzers.image import colors
from analyzers.image.appearance import AppearanceAnalyzer, named, tone
from tests.analyzers.files import encoded

PURE = {
    "black": "#000000", "gray": "#808080", "white": "#ffffff", "red": "#e01010",
    "orange": "#ff8c00", "yellow": "#ffe600", "green": "#1a8f2d", "blue": "#1437d8",
    "purple": "#7b1fa2", "pink": "#ff8fb8", "brown": "#7a4a21",
}  # fmt: skip


def segment(image: Image.Image) -> Segment:
    return Segment("scene", {}, {}, key="s", renditions={"keyframe": encoded(image, "PNG")})


@pytest.mark.parametrize("name", colors.NAMES)
def test_names_each_colour(name: str) -> None:
    assert named(Image.new("RGB", (20, 20), PURE[name]))["names"][0] == name


def test_counts_shares() -> None:
    image = Image.new("RGB", (200, 100), PURE["white"])
    image.paste(PURE["blue"], (0, 0, 50, 100))
    found = named(image)
    assert found["names"] == ["white", "blue"]
    assert found["shares"]["blue"] == pytest.approx(0.25, abs=0.03)
    assert sum(colors.shares(image).values()) == pytest.approx(1, abs=1e-3)


def test_measures_tone() -> None:
    dark = tone(Image.new("RGB", (50, 50), (20, 20, 20)))
    assert (dark["lightness"], dark["contrast"], dark["colorfulness"]) == ("dark", 0, 0)
    board = Image.new("RGB", (64, 64), "black")
    board.paste("white", (0, 0, 32, 64))
    assert tone(board)["contrast"] > 0.9
    assert tone(board)["brightness"] == pytest.approx(0.5, abs=0.05)
    assert tone(Image.new("RGB", (50, 50), "red"))["colorfulness"] > 0.3


def test_tells_grays_from_colours() -> None:
    shades = Image.radial_gradient("L")
    cast = Image.merge("RGB", (shades.point(lambda v: min(255, v + 12)), shades, shades))
    assert tone(shades)["monochrome"]
    assert tone(cast)["monochrome"]
    dotted = shades.convert("RGB")
    dotted.paste("red", (20, 20, 80, 80))
    assert not tone(dotted)["monochrome"]


def test_leaves_out_domains_that_are_not_wanted() -> None:
    analyzer = AppearanceAnalyzer()
    found = analyzer.analyze_segment(segment(Image.new("RGB", (9, 9))), {"style": 0})
    assert found is not None
    assert list(found.features) == ["visual"]
    assert analyzer.analyze_segment(Segment("scene", {}, {}), {}) is None
