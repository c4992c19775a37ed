"""Pictures of a scene: the sharp frame that stands for it, and its thumbnail."""

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from analyzers.api import Artifact
from analyzers.video.frames import Picture, Still
from analyzers.video.samples import Sampler

if TYPE_CHECKING:
    from PIL.Image import Image

HELD = 1920 * 1088
"""Pixels of the largest frame that is held as it is."""
KEYFRAME = 1280
THUMBNAIL = 320
QUALITY = 82
ASPECTS = 0.1, 10.0
"""Pixels that are narrower or wider than this are a mistake."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How a film's frames become upright pictures of square pixels."""

    rotation: int = 0
    """Degrees counterclockwise: 0, 90, 180 or 270."""
    aspect: float = 1.0
    """Width of a pixel by its height."""

    @classmethod
    def of(cls, stream: Any, frame: Any) -> "Shape":
        aspect = float(stream.sample_aspect_ratio or 1)
        least, most = ASPECTS
        rotation = round((frame.rotation or 0) / 90) * 90 % 360
        return cls(rotation, aspect if least <= aspect <= most else 1.0)

    def upright(self, width: int, height: int) -> tuple[int, int]:
        """Return the size in which frames of this size are shown."""
        shown = max(1, round(width * self.aspect)), height
        return shown[::-1] if self.rotation % 180 else shown

    def image(self, frame: Any, longest: int) -> "Image":
        """Return a frame upright, in RGB, with no side longer than that."""
        from av.video.reformatter import VideoReformatter

        width, height = max(1, round(frame.width * self.aspect)), frame.height
        scale = min(1.0, longest / max(width, height))
        size = max(1, round(width * scale)), max(1, round(height * scale))
        scaler: Any = VideoReformatter()
        small = scaler.reformat(frame, *size, "rgb24", interpolation="AREA", threads=1)
        image: Image = small.to_image()
        return image.rotate(self.rotation, expand=True) if self.rotation else image


def load() -> None:
    """Encode once: Pillow loads what it needs when it first does so."""
    from PIL import Image

    jpeg(Image.new("RGB", (16, 16)))


def still_of(sampler: Sampler, picture: Picture) -> Still:
    """Return the frame of a picture, and how much can be seen in it."""
    return Still(picture.time, sampler.detail(picture.frame), _held(picture.frame))


def _held(frame: Any) -> Any:
    """Return the frame, or a smaller copy of one that is larger than any still needs to be."""
    if frame.width * frame.height <= HELD:
        return frame
    from av.video.reformatter import VideoReformatter

    scale = KEYFRAME / max(frame.width, frame.height)
    size = max(2, round(frame.width * scale)), max(2, round(frame.height * scale))
    return VideoReformatter().reformat(frame, *size, interpolation="AREA", threads=1)


def stills(still: Still, key: str, shape: Shape) -> tuple[list[Artifact], "Image"]:
    """Return the key frame and the thumbnail of a scene, and the latter as it is measured."""
    image, at = shape.image(still.frame, KEYFRAME), {"time": round(still.time, 3)}
    keyframe = Artifact("keyframe", "image/jpeg", jpeg(image), key, _size(image) | at)
    small = shape.image(still.frame, THUMBNAIL)  # the scaler shrinks four times as fast as Pillow
    thumbnail = Artifact("thumbnail", "image/jpeg", jpeg(small), key, _size(small) | at)
    return [keyframe, thumbnail], small


def _size(image: "Image") -> dict[str, Any]:
    return {"width": image.width, "height": image.height}


def jpeg(image: "Image") -> bytes:
    out = io.BytesIO()
    image.convert("RGB").save(out, "JPEG", quality=QUALITY)
    return out.getvalue()
