"""Pictures inside documents as segments of their own: seen, read and found like any other."""

import io
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from analyzers.api import Artifact, Marker, Segment, Text
from analyzers.decoding import Limits
from analyzers.image import decoder
from analyzers.image.measures import hash_facts, sharpness
from analyzers.image.segmenter import THUMBNAIL_SIDE, jpeg
from dataflux.errors import MediaFailed

if TYPE_CHECKING:
    from PIL.Image import Image

SHORTEST_SIDE = 48
"""Smaller ones are bullets, rules and icons."""


def worth_keeping(width: int, height: int) -> bool:
    return min(width, height) >= SHORTEST_SIDE


def embedded(
    data: bytes, key: str, marker: Marker, parent: str | None, text: Text | None, limits: Limits
) -> Iterator[Segment | Artifact]:
    """Yield the segment of a picture file in a document; one that is broken says only why."""
    try:
        found = decoder.decode(io.BytesIO(data), limits)
    except MediaFailed as error:
        facts = {"unread": str(error.reason)}
        yield _segment(key, marker, parent, {"technical": {"image": facts}}, text)
        return
    if worth_keeping(*found.image.size):
        yield from pictured(found.image, key, marker, parent, found.facts, text)


def pictured(
    image: "Image",
    key: str,
    marker: Marker,
    parent: str | None,
    facts: Mapping[str, Any],
    text: Text | None = None,
) -> Iterator[Segment | Artifact]:
    """Yield a picture's segment with its measures, then how it looks."""
    small = image.copy()
    small.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    features = {
        "visual": {
            **hash_facts(small),
            "sharpness": {"laplacian_variance": sharpness(image)},
        },
        "technical": {"image": dict(facts)},
    }
    yield _segment(key, marker, parent, features, text)
    yield Artifact("keyframe", "image/jpeg", jpeg(image), key, _size(image))
    yield Artifact("thumbnail", "image/jpeg", jpeg(small, 80), key, _size(small))


def _segment(
    key: str, marker: Marker, parent: str | None, features: Any, text: Text | None
) -> Segment:
    return Segment(
        "image",
        dict(marker),
        dict(marker),
        key=key,
        parent=parent,
        features=features,
        texts=[text] if text else [],
    )


def _size(image: "Image") -> dict[str, int]:
    return {"width": image.width, "height": image.height}
