"""Decode one picture safely: allowed formats only, size checked first, upright, in sRGB."""

import io
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from analyzers.decoding import Limits, decoding
from analyzers.image import exif
from dataflux.errors import MediaFailed
from schemas.names import Reason

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = {
    "JPEG": "image/jpeg",
    "MPO": "image/jpeg",  # a JPEG with more pictures behind it, as phones write them
    "PNG": "image/png",
    "WEBP": "image/webp",
    "GIF": "image/gif",
    "TIFF": "image/tiff",
    "AVIF": "image/avif",
    "HEIF": "image/heic",
}
LONG_SIDE = 1280


@dataclass(frozen=True, slots=True)
class Picture:
    """The first frame, upright, in sRGB, at most LONG_SIDE long; and the facts of the file."""

    image: "Image"
    facts: Mapping[str, Any]
    exif: Mapping[str, Any]
    capture: Mapping[str, Any]


def load() -> None:
    """Import every plugin now: a sealed process cannot import when the first file comes."""
    import pillow_heif
    from PIL import Image, ImageCms

    exif.load()
    Image.init()
    pillow_heif.register_heif_opener()
    srgb = ImageCms.createProfile("sRGB")
    picture = Image.new("RGB", (8, 8))
    ImageCms.profileToProfile(picture, srgb, srgb)
    for name in ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "AVIF", "HEIF"):
        decode(io.BytesIO(_encoded(picture, name)), Limits())


def sample() -> bytes:
    """Return a small picture to run every step on once, before the process is sealed."""
    from PIL import Image

    return _encoded(Image.effect_noise((64, 48), 60).convert("RGB"), "JPEG")


def _encoded(picture: "Image", name: str) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, name)
    return buffer.getvalue()


def facts(file: BinaryIO, limits: Limits) -> dict[str, Any]:
    """Return size (upright), mode, format and frames from the header, without decoding."""
    with _opened(file, limits) as image:
        return _facts(image, limits)


def decode(file: BinaryIO, limits: Limits) -> Picture:
    """Return the picture in a file; MediaFailed says why there is none."""
    with _opened(file, limits) as image:
        found = _facts(image, limits)
        image.draft(None, (LONG_SIDE, LONG_SIDE))
        with _quiet():
            image.load()
        facts_of_camera, capture = exif.read(image), exif.capture_of(image)
        upright = _upright(_shrunk(image), facts_of_camera.get("orientation", 1))
        flat = _flat(upright, image.info.get("icc_profile"))
        return Picture(flat, found, facts_of_camera, capture)


@contextmanager
def _opened(file: BinaryIO, limits: Limits) -> Iterator["Image"]:
    from PIL import Image, UnidentifiedImageError

    file.seek(0)
    with _verdicts(), _quiet():
        try:
            image = Image.open(file, formats=_readable())
        except UnidentifiedImageError as error:
            raise MediaFailed(*_unidentified(file)) from error
        width, height = image.size
        limits.hold("pixels", width * height)
        if not width or not height:
            raise MediaFailed(Reason.CORRUPT_MEDIA, "the picture has no pixels")
        yield image


def _readable() -> list[str]:
    from PIL import Image

    return [name for name in FORMATS if name in Image.OPEN]


SIGNATURES = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"GIF8": "GIF",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"RIFF": "WEBP",
}


def _unidentified(file: BinaryIO) -> tuple[Reason, str]:
    """A known signature that does not open is a broken file; anything else another format."""
    file.seek(0)
    head = file.read(16)
    if not head:
        return Reason.EMPTY_FILE, "the file has no bytes"
    for signature, name in SIGNATURES.items():
        if head.startswith(signature):
            return Reason.CORRUPT_MEDIA, f"a {name} that cannot be read"
    if head[4:8] == b"ftyp" and head[8:12] in (b"avif", b"avis", b"heic", b"heix", b"mif1"):
        return Reason.CORRUPT_MEDIA, "a HEIF or AVIF picture that cannot be read"
    return Reason.UNSUPPORTED_MEDIA_TYPE, "not a picture of an accepted format"


@contextmanager
def _verdicts() -> Iterator[None]:
    """Tell the bombs that Pillow itself refuses from files that are merely broken."""
    from PIL import Image

    with decoding("picture"):
        try:
            yield
        except Image.DecompressionBombError as error:
            raise _exceeded("pixels", error) from error
        except ValueError as error:
            if "too large for" in str(error) or "text memory" in str(error).lower():
                raise _exceeded("metadata", error) from error
            raise


def _exceeded(limit: str, error: Exception) -> MediaFailed:
    return MediaFailed(Reason.DECODE_LIMIT_EXCEEDED, str(error), limit=limit)


@contextmanager
def _quiet() -> Iterator[None]:
    """Pillow warns about odd metadata and large sizes; both are judged here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _facts(image: "Image", limits: Limits) -> dict[str, Any]:
    with _quiet():
        frames = int(getattr(image, "n_frames", 1))
    limits.hold("frames", frames)
    width, height = image.size
    if exif.read(image).get("orientation", 1) >= 5:
        width, height = height, width
    return {
        "width": width,
        "height": height,
        "mode": image.mode,
        "format": image.format,
        "mime_type": FORMATS[str(image.format)],
        "frames": frames,
        "animated": frames > 1 and image.format in ("GIF", "WEBP", "PNG", "AVIF"),
    }


def _shrunk(image: "Image") -> "Image":
    """Return at most LONG_SIDE of it, in a mode that can be resized smoothly."""
    if image.mode == "P":
        image = image.convert("RGBA" if "transparency" in image.info else "RGB")
    elif image.mode == "1":
        image = image.convert("L")
    elif image.mode.startswith(("I", "F")):
        image = _deep_to_gray(image)
    image.thumbnail((LONG_SIDE, LONG_SIDE))  # in place: a copy would be as large as the original
    return image


def _deep_to_gray(image: "Image") -> "Image":
    """Map 16-bit samples by their range; others, whose range is unknown, from least to most."""
    import numpy as np
    from PIL import Image

    values = np.nan_to_num(np.asarray(image, np.float32), posinf=0.0, neginf=0.0)
    low, high = (0.0, 65535.0) if "16" in image.mode else (values.min(), values.max())
    scaled = (values - low) * (255.0 / max(high - low, 1e-9))
    return Image.fromarray(scaled.clip(0, 255).astype(np.uint8))


def _upright(image: "Image", orientation: int) -> "Image":
    from PIL.Image import Transpose

    turns = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    turn = turns.get(orientation)
    return image if turn is None else image.transpose(turn)


def _flat(image: "Image", profile: bytes | None) -> "Image":
    """Return it in sRGB, transparent parts on white."""
    from PIL import Image

    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa"):
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image).convert("RGB")
    return (profile and _in_srgb(image, profile)) or image.convert("RGB")


def _in_srgb(image: "Image", profile: bytes) -> "Image | None":
    """Return the image in sRGB; None for a profile that is broken or of another kind of image."""
    from PIL import ImageCms

    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        target = ImageCms.createProfile("sRGB")
        return ImageCms.profileToProfile(image, source, target, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
