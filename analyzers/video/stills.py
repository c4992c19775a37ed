"""Pictures of a scene: the sharp frame that stands for it, its thumbnail, the scrub sprite."""

import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from analyzers.api import Artifact
from analyzers.image.measures import perceptual_hash, sharpness

if TYPE_CHECKING:
    from PIL.Image import Image

    from analyzers.video.frames import Picture

EVERY_S = 0.5
"""How often a frame is looked at as a candidate."""
EDGE_S = 0.2
"""Frames this near to a cut may still be blended with the other scene."""
KEYFRAME = 1280
THUMBNAIL = 320
TILE = (160, 90)
COLUMNS = 10
QUALITY = 82


def load() -> None:
    """Encode once: Pillow loads what it needs when it first does so."""
    from PIL import Image

    jpeg(Image.new("RGB", (16, 16)))


@dataclass
class Candidate:
    """The sharpest frame of a scene so far."""

    _next: float = 0.0
    _sharpness: float = -1.0
    picture: "Picture | None" = None

    def offer(self, picture: "Picture", since: float) -> None:
        """Look at a frame now and then; the first stands in until there is a better one."""
        if self.picture is not None and picture.time < self._next:
            return
        self._next = picture.time + EVERY_S
        value = _sharpness(picture)
        if picture.time - since < EDGE_S:
            value *= 0.5
        if value > self._sharpness:
            self.picture, self._sharpness = picture, value


def _sharpness(picture: "Picture") -> float:
    from PIL import Image

    gray = picture.frame.reformat(320, 180, "gray").to_ndarray()
    return float(sharpness(Image.fromarray(gray)))


def image_of(frame: Any, rotation: int) -> "Image":
    """Return a frame as an upright RGB image."""
    image: Image = frame.to_image()
    return image.rotate(rotation, expand=True) if rotation else image


def stills(picture: "Picture", key: str, rotation: int) -> tuple[list[Artifact], str]:
    """Return the key frame and the thumbnail of a scene, and its perceptual hash."""
    image = image_of(picture.frame, rotation)
    at = {"time": round(picture.time, 3)}
    image.thumbnail((KEYFRAME, KEYFRAME))
    keyframe = Artifact("keyframe", "image/jpeg", jpeg(image), key, at)
    hashed = perceptual_hash(image)
    image.thumbnail((THUMBNAIL, THUMBNAIL))
    return [keyframe, Artifact("thumbnail", "image/jpeg", jpeg(image), key, at)], hashed


def jpeg(image: "Image") -> bytes:
    out = io.BytesIO()
    image.convert("RGB").save(out, "JPEG", quality=QUALITY)
    return out.getvalue()


@dataclass
class Sprite:
    """Small pictures at regular times, for a player's seek bar; one sheet a piece."""

    every_s: float
    rotation: int
    _tiles: list["Image"] = field(default_factory=list)
    _times: list[float] = field(default_factory=list)

    def offer(self, picture: "Picture") -> None:
        if self._times and picture.time < self._times[-1] + self.every_s:
            return
        tile = image_of(picture.frame.reformat(*TILE, "rgb24"), self.rotation)
        tile.thumbnail(TILE)
        self._tiles.append(tile)
        self._times.append(round(picture.time, 3))

    def artifact(self) -> Artifact | None:
        """Return the sheet, which says where each tile is and from when."""
        from PIL import Image

        if not self._tiles:
            return None
        rows = -(-len(self._tiles) // COLUMNS)
        sheet = Image.new("RGB", (COLUMNS * TILE[0], rows * TILE[1]))
        for number, tile in enumerate(self._tiles):
            sheet.paste(tile, (number % COLUMNS * TILE[0], number // COLUMNS * TILE[1]))
        metadata = {"tile": list(TILE), "columns": COLUMNS, "times": self._times}
        return Artifact("sprite", "image/jpeg", jpeg(sheet), None, metadata)
