"""How a picture looks: its colours by name, its tone, and how well it was taken."""

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from analyzers.api import AnalysisResult, AnalyzerSpec, BaseAnalyzer, Cost, Segment
from analyzers.decoding import Limits
from analyzers.image import colors, decoder, quality

if TYPE_CHECKING:
    from PIL.Image import Image

NOTABLE = 0.08
"""A colour that covers less of the picture is counted, but does not name it."""
COUNTED = 0.01
GRAY, SPECKS = 0.06, 0.01
"""A pixel this far from the common tint has a colour; so few of them make none."""


class AppearanceAnalyzer(BaseAnalyzer):
    """Reads keyframes, so that a photo, a scene and a page are described in the same words."""

    spec = AnalyzerSpec(
        name="appearance",
        version="1",
        segments=("image", "scene", "page"),
        needs=("keyframe",),
        emits=("visual", "style"),
        cost=Cost(0.02),
    )

    def load(self) -> None:
        decoder.load()
        self.analyze_segment(
            Segment("image", {}, {}, renditions={"keyframe": decoder.sample()}), {}
        )

    def analyze_segment(
        self, segment: Segment, priorities: Mapping[str, int]
    ) -> AnalysisResult | None:
        keyframe = segment.renditions.get("keyframe")
        if keyframe is None:
            return None
        image = decoder.decode(io.BytesIO(keyframe), Limits()).image
        features = {
            "visual": {"colors": named(image), "quality": quality.measured(image)},
            "style": {"tone": tone(image)},
        }
        wanted = {d: f for d, f in features.items() if priorities.get(d, 1) != 0}
        return AnalysisResult(features=wanted) if wanted else None


def named(image: "Image") -> dict[str, Any]:
    """Return the names of the notable colours, most of the picture first, and their shares."""
    shares = colors.shares(image)
    counted = {name: round(share, 3) for name, share in shares.items() if share >= COUNTED}
    return {"names": [n for n, share in shares.items() if share >= NOTABLE], "shares": counted}


def tone(image: "Image") -> dict[str, Any]:
    """Return brightness, contrast and colourfulness, each from 0 to 1, and a word for the first."""
    import numpy as np

    small = image.convert("RGB").resize((128, 128))
    red, green, blue = np.moveaxis(np.asarray(small, np.float32) / 255, 2, 0)
    light = 0.299 * red + 0.587 * green + 0.114 * blue
    brightness = float(light.mean())
    return {
        "brightness": round(brightness, 3),
        "contrast": round(min(1.0, 2 * float(light.std())), 3),
        "monochrome": _monochrome(red, green, blue),
        "colorfulness": round(_colorfulness(red - green, (red + green) / 2 - blue), 3),
        "lightness": "dark" if brightness < 0.3 else "bright" if brightness > 0.7 else "medium",
    }


def _monochrome(red: Any, green: Any, blue: Any) -> bool:
    """Return whether all but specks of a picture are grays, be it with a cast."""
    import numpy as np

    chroma = np.stack([red - green, green - blue])
    away = np.abs(chroma - np.median(chroma, axis=(1, 2), keepdims=True)).max(axis=0)
    return bool((away > GRAY).mean() < SPECKS)


def _colorfulness(red_green: Any, yellow_blue: Any) -> float:
    """Return the measure of Hasler and Süsstrunk (2003), scaled to 0-1."""
    import numpy as np

    spread = np.hypot(red_green.std(), yellow_blue.std())
    offset = np.hypot(red_green.mean(), yellow_blue.mean())
    return min(1.0, float(spread + 0.3 * offset))
