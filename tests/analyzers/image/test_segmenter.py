"""Pictures: every accepted format upright in sRGB, and what is refused with which reason."""

import io

import pytest
from PIL import ExifTags, Image, ImageFilter
from PIL.Image import Transpose

from analyzers.image.measures import hamming, perceptual_hash, sharpness
from analyzers.image.segmenter import ImageSegmenter
from tests.analyzers.files import chunk, encoded, extracted, failure, jpeg_header, lettered, png

FORMATS = ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "AVIF", "HEIF"]
UNDONE = {
    1: None,
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_90,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_270,
}


@pytest.fixture(scope="module")
def segmenter() -> ImageSegmenter:
    made = ImageSegmenter()
    made.load()
    return made


@pytest.fixture
def quarters() -> Image.Image:
    """A wide picture whose four quarters differ."""
    image = Image.new("RGB", (80, 48), "white")
    image.paste("red", (0, 0, 40, 24))
    image.paste("blue", (40, 0, 80, 24))
    image.paste("black", (0, 24, 40, 48))
    return image


def keyframe(segmenter: ImageSegmenter, data: bytes) -> Image.Image:
    _, artifacts = extracted(segmenter, data)
    by_kind = {artifact.kind: artifact for artifact in artifacts}
    assert {a.segment for a in artifacts} == {"image"}
    return Image.open(io.BytesIO(by_kind["keyframe"].data))


def near(one: object, other: tuple[int, int, int]) -> bool:
    return isinstance(one, tuple) and max(abs(a - b) for a, b in zip(one, other, strict=True)) < 30


@pytest.mark.parametrize("name", FORMATS)
def test_reads_each_format(segmenter: ImageSegmenter, quarters: Image.Image, name: str) -> None:
    ((segment,), artifacts) = extracted(segmenter, encoded(quarters, name))
    facts = segment.features["technical"]["image"]
    assert (segment.type, segment.start_marker) == ("image", {"xywh": [0, 0, 100, 100]})
    assert (facts["width"], facts["height"], facts["format"], facts["frames"]) == (80, 48, name, 1)
    assert [artifact.kind for artifact in artifacts] == ["keyframe", "thumbnail"]
    image = Image.open(io.BytesIO(artifacts[0].data))
    assert near(image.getpixel((10, 10)), (255, 0, 0))
    assert near(image.getpixel((70, 10)), (0, 0, 255))


@pytest.mark.parametrize("orientation", sorted(UNDONE))
def test_turns_pictures_upright(
    segmenter: ImageSegmenter, quarters: Image.Image, orientation: int
) -> None:
    undone = UNDONE[orientation]
    stored = quarters if undone is None else quarters.transpose(undone)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    data = encoded(stored, quality=95, exif=exif)
    assert segmenter.get_metadata(io.BytesIO(data))["width"] == 80
    shown = keyframe(segmenter, data)
    assert shown.size == (80, 48)
    assert near(shown.getpixel((10, 10)), (255, 0, 0))
    assert near(shown.getpixel((70, 10)), (0, 0, 255))
    assert near(shown.getpixel((10, 40)), (0, 0, 0))


def test_ignores_an_orientation_that_does_not_exist(
    segmenter: ImageSegmenter, quarters: Image.Image
) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 9
    assert keyframe(segmenter, encoded(quarters, exif=exif)).size == (80, 48)


def test_tells_what_the_camera_wrote(segmenter: ImageSegmenter, quarters: Image.Image) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Lux\0\0"
    exif[ExifTags.Base.Model] = "L1"
    camera = exif.get_ifd(ExifTags.IFD.Exif)
    camera[ExifTags.Base.ExposureTime] = 0.004
    camera[ExifTags.Base.ISOSpeedRatings] = 200
    camera[ExifTags.Base.DateTimeOriginal] = "2024:02:29 12:30:00"
    camera[ExifTags.Base.OffsetTimeOriginal] = "+02:00"
    place = exif.get_ifd(ExifTags.IFD.GPSInfo)
    place.update({1: "S", 2: (33.0, 30.0, 0.0), 3: "E", 4: (151.0, 0.0, 36.0)})
    ((segment,), artifacts) = extracted(segmenter, encoded(quarters, exif=exif))
    found = segment.features["technical"]["exif"]
    assert (found["make"], found["model"], found["iso"]) == ("Lux", "L1", 200)
    assert found["exposure_seconds"] == pytest.approx(0.004)
    assert found["captured_at"] == "2024-02-29T12:30:00+02:00"
    assert found["gps"] == {"latitude": -33.5, "longitude": 151.01}
    assert found["has_gps"] is True
    derived = [Image.open(io.BytesIO(artifact.data)).getexif() for artifact in artifacts]
    assert [dict(tags) for tags in derived] == [{}, {}]


def test_takes_the_first_frame_of_an_animation(segmenter: ImageSegmenter) -> None:
    frames = [Image.new("RGB", (40, 40), color) for color in ("red", "green", "blue")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    ((segment,), _) = extracted(segmenter, data)
    facts = segment.features["technical"]["image"]
    assert (facts["frames"], facts["animated"]) == (3, True)
    assert near(keyframe(segmenter, data).getpixel((20, 20)), (255, 0, 0))


def test_puts_transparent_parts_on_white(segmenter: ImageSegmenter) -> None:
    data = encoded(Image.new("RGBA", (20, 20), (0, 0, 0, 0)), "PNG")
    assert near(keyframe(segmenter, data).getpixel((5, 5)), (255, 255, 255))


def test_scales_sixteen_bits_to_eight(segmenter: ImageSegmenter) -> None:
    data = encoded(Image.new("I;16", (20, 20), 32768), "PNG")
    assert near(keyframe(segmenter, data).getpixel((5, 5)), (128, 128, 128))


def test_reads_cmyk_and_shrugs_off_a_broken_profile(segmenter: ImageSegmenter) -> None:
    data = encoded(Image.new("CMYK", (20, 20), (0, 255, 255, 0)), icc_profile=b"broken")
    red, green, blue = keyframe(segmenter, data).getpixel((5, 5))  # type: ignore[misc]
    assert red > 150 > green
    assert blue < 100


def test_keeps_derived_pictures_small(segmenter: ImageSegmenter) -> None:
    _, artifacts = extracted(segmenter, encoded(Image.new("RGB", (3000, 1500))))
    sizes = [(a.kind, a.metadata["width"], a.metadata["height"]) for a in artifacts]
    assert sizes == [("keyframe", 1280, 640), ("thumbnail", 320, 160)]


# --- what is refused ------------------------------------------------------------------------------


def test_refuses_too_many_pixels_before_decoding(segmenter: ImageSegmenter) -> None:
    bomb = png(12_000, 12_000)
    assert len(bomb) < 30_000
    assert failure(segmenter, bomb) == ("decode_limit_exceeded", "pixels")
    assert failure(segmenter, jpeg_header(65_500, 65_500)) == ("decode_limit_exceeded", "pixels")
    limits = {"pixels": 100}
    small = encoded(Image.new("RGB", (11, 10)))
    assert failure(segmenter, small, limits=limits) == ("decode_limit_exceeded", "pixels")


def test_refuses_a_text_chunk_that_unfolds(segmenter: ImageSegmenter) -> None:
    import zlib

    text = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(5_000_000), 9))
    assert failure(segmenter, png(8, 8, text)) == ("decode_limit_exceeded", "metadata")


def test_refuses_too_many_frames(segmenter: ImageSegmenter) -> None:
    frames = [Image.new("RGB", (8, 8), (n * 40, 0, 0)) for n in range(5)]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert failure(segmenter, data, limits={"frames": 4}) == ("decode_limit_exceeded", "frames")
    assert extracted(segmenter, data, limits={"frames": 5})


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "AVIF"])
def test_refuses_half_a_picture(segmenter: ImageSegmenter, name: str) -> None:
    picture = Image.effect_noise((200, 200), 80).convert("RGB")
    data = encoded(picture, name)
    assert failure(segmenter, data[: len(data) // 2])[0] == "corrupt_media"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty_file"),
        (b"SIMPLE  =                    T" + b" " * 2850, "unsupported_media_type"),
        (b"just words", "unsupported_media_type"),
        (encoded(Image.new("RGB", (4, 4)), "BMP"), "unsupported_media_type"),
        (b"\x89PNG\r\n\x1a\n", "corrupt_media"),
        (png(0, 5), "corrupt_media"),
    ],
)
def test_says_why_it_is_no_picture(segmenter: ImageSegmenter, data: bytes, reason: str) -> None:
    assert failure(segmenter, data)[0] == reason


def test_reads_a_picture_of_one_pixel(segmenter: ImageSegmenter) -> None:
    assert keyframe(segmenter, encoded(Image.new("RGB", (1, 3)), "PNG")).size == (1, 3)


# --- measures -------------------------------------------------------------------------------------


def test_hash_survives_scaling_and_compression_but_not_another_picture() -> None:
    picture = lettered((400, 300), [(20, 20, 60, "North"), (60, 200, 40, "wind")])
    copy = Image.open(io.BytesIO(encoded(picture.resize((200, 150)), quality=40)))
    other = lettered((400, 300), [(200, 60, 90, "Sea"), (10, 150, 60, "calm")])
    assert apart(picture, copy) <= 6
    assert apart(picture, other) >= 16


def apart(one: Image.Image, other: Image.Image) -> int:
    first, second = perceptual_hash(one), perceptual_hash(other)
    assert first is not None
    assert second is not None
    return hamming(first, second)


def test_a_thumbnail_has_the_hash_of_its_original() -> None:
    picture = lettered((1200, 800), [(60, 60, 160, "North"), (200, 500, 120, "wind")])
    small = picture.copy()
    small.thumbnail((320, 320))
    assert apart(picture, small) <= 2


def test_a_flat_picture_has_no_hash() -> None:
    assert perceptual_hash(Image.new("RGB", (300, 200), "gray")) is None


def test_blur_is_less_sharp() -> None:
    picture = lettered((300, 200), [(20, 50, 50, "focus")])
    assert sharpness(picture.filter(ImageFilter.GaussianBlur(3))) < sharpness(picture) / 10
    assert sharpness(Image.new("RGB", (50, 50), "gray")) == 0
