"""A picture is one segment: its keyframe, its thumbnail, and what its header and pixels say."""

import io
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, BinaryIO

from analyzers.api import AnalyzerSpec, Artifact, BaseAnalyzer, Cost, Features, Segment
from analyzers.decoding import Limits
from analyzers.image import decoder
from analyzers.image.decoder import FORMATS, Picture
from analyzers.image.measures import hash_facts, sharpness

if TYPE_CHECKING:
    from PIL.Image import Image

KEY = "image"
THUMBNAIL_SIDE = 320
WHOLE = {"xywh": [0, 0, 100, 100]}


class ImageSegmenter(BaseAnalyzer):
    """Cuts nothing: the picture, upright and in sRGB, is the only segment of its asset."""

    spec = AnalyzerSpec(
        name="image",
        version="1",
        formats=(*dict.fromkeys(FORMATS.values()), "image/heif"),
        emits=("visual", "technical"),
        cost=Cost(0.05, "file"),
    )

    def load(self) -> None:
        decoder.load()
        for _ in self.extract_segments(io.BytesIO(decoder.sample()), {}):
            pass

    def validate_file(self, file: BinaryIO) -> bool:
        decoder.facts(file, Limits())
        return True

    def get_metadata(self, file: BinaryIO) -> dict[str, Any]:
        return decoder.facts(file, Limits())

    def extract_segments(
        self, file: BinaryIO, config: Mapping[str, Any]
    ) -> Iterator[Segment | Artifact]:
        picture = decoder.decode(file, Limits.of(config))
        image = picture.image
        small = image.copy()
        small.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
        features = _features(picture, small)
        yield Segment("image", dict(WHOLE), dict(WHOLE), key=KEY, features=features)
        yield Artifact("keyframe", "image/jpeg", jpeg(image), KEY, _size(image))
        yield Artifact("thumbnail", "image/jpeg", jpeg(small, 80), KEY, _size(small))


def jpeg(image: "Image", quality: int = 88) -> bytes:
    """Return the picture as JPEG, without any metadata of the original."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality, exif=b"", icc_profile=None)
    return buffer.getvalue()


def _features(picture: Picture, small: "Image") -> Features:
    technical = {"image": dict(picture.facts)}
    if picture.exif:
        technical["exif"] = dict(picture.exif)
    if picture.capture:
        technical["capture"] = dict(picture.capture)
    return {
        "visual": {
            **hash_facts(small),
            "sharpness": {"laplacian_variance": sharpness(picture.image)},
        },
        "technical": technical,
    }


def _size(image: "Image") -> dict[str, int]:
    return {"width": image.width, "height": image.height}
