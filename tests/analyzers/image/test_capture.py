"""When and where a photo was taken: EXIF with all its corners, else XMP."""

from typing import Any

import pytest
from PIL import ExifTags, Image

from analyzers.image.segmenter import ImageSegmenter
from tests.analyzers.files import encoded, extracted

XMP = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description
 exif:GPSLatitude="48,12.492N" exif:GPSLongitude='16,22,26.4W' exif:GPSAltitude="1710/10"
 exif:DateTimeOriginal="2019-12-31T23:59:58.25+01:00">
 <photoshop:DateCreated>2001-01-01T00:00:00</photoshop:DateCreated>
 </rdf:Description></rdf:RDF></x:xmpmeta>"""


@pytest.fixture(scope="module")
def segmenter() -> ImageSegmenter:
    made = ImageSegmenter()
    made.load()
    return made


def captured(
    segmenter: ImageSegmenter, exif: Image.Exif | None = None, form: str = "JPEG", **more: Any
) -> dict[str, Any]:
    given = more if exif is None else {"exif": exif, **more}
    ((segment,), _) = extracted(segmenter, encoded(Image.new("RGB", (40, 30)), form, **given))
    found: dict[str, Any] = segment.features["technical"].get("capture", {})
    return found


def taken(gps: dict[int, Any] | None = None, **tags: Any) -> Image.Exif:
    exif = Image.Exif()
    for name, value in tags.items():
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base[name]] = value
    exif.get_ifd(ExifTags.IFD.GPSInfo).update(gps or {})
    return exif


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        (
            {"OffsetTimeOriginal": "+02:00", "SubsecTimeOriginal": "25"},
            {"local": "2024-02-29T23:30:00.250000", "utc": "2024-02-29T21:30:00.250000"},
        ),
        ({}, {"local": "2024-02-29T23:30:00"}),
        ({"OffsetTimeOriginal": "nonsense"}, {"local": "2024-02-29T23:30:00"}),
        ({"SubsecTimeOriginal": "  "}, {"local": "2024-02-29T23:30:00"}),
        (
            {"OffsetTimeOriginal": "-11:00"},
            {"local": "2024-02-29T23:30:00", "utc": "2024-03-01T10:30:00"},
        ),
    ],
)
def test_time_with_what_the_camera_knew_of_it(
    segmenter: ImageSegmenter, tags: dict[str, Any], expected: dict[str, str]
) -> None:
    assert captured(segmenter, taken(DateTimeOriginal="2024:02:29 23:30:00", **tags)) == expected


def test_the_satellites_tell_utc(segmenter: ImageSegmenter) -> None:
    gps = {7: (21.0, 29.0, 58.0), 29: "2024:02:29"}
    found = captured(segmenter, taken(DateTimeOriginal="2024:02:29 23:30:00", gps=gps))
    assert found == {"local": "2024-02-29T23:30:00", "utc": "2024-02-29T21:29:58"}


@pytest.mark.parametrize(
    "moment", ["0000:00:00 00:00:00", "1970:01:01 00:00:00", "2024:02:30 1:1:1"]
)
def test_a_clock_that_was_never_set_says_nothing(segmenter: ImageSegmenter, moment: str) -> None:
    assert captured(segmenter, taken(DateTimeOriginal=moment)) == {}


@pytest.mark.parametrize(
    ("gps", "expected"),
    [
        (
            {1: "S", 2: (33.0, 30.0, 0.0), 3: "W", 4: (70.0, 0.0, 36.0), 5: b"\x01", 6: 12.5},
            {"latitude": -33.5, "longitude": -70.01, "altitude_m": -12.5},
        ),
        (
            {1: "N", 2: (33.0, 30.0, 0.0), 3: "E", 4: (70.0, 0.0, 36.0)},
            {"latitude": 33.5, "longitude": 70.01},
        ),
        ({1: "N", 2: (0.0, 0.0, 0.0), 3: "E", 4: (0.0, 0.0, 0.0)}, {}),
        ({1: "N", 2: (33.0, 30.0, 0.0), 3: "E", 4: (70.0, 0.0, 36.0), 9: "V"}, {}),
        ({1: "N", 2: (93.0, 30.0, 0.0), 3: "E", 4: (70.0, 0.0, 36.0)}, {}),
        ({2: (33.0, 30.0)}, {}),
    ],
)
def test_a_place_on_the_right_side_of_the_earth(
    segmenter: ImageSegmenter, gps: dict[int, Any], expected: dict[str, float]
) -> None:
    assert captured(segmenter, taken(gps=gps)) == expected


@pytest.mark.parametrize("form", ["JPEG", "WEBP"])
def test_xmp_says_what_exif_does_not(segmenter: ImageSegmenter, form: str) -> None:
    found = captured(segmenter, form=form, xmp=XMP.encode())
    assert found == {
        "local": "2019-12-31T23:59:58.250000",
        "utc": "2019-12-31T22:59:58.250000",
        "latitude": 48.2082,
        "longitude": -16.374,
        "altitude_m": 171.0,
    }


def test_exif_is_believed_before_xmp(segmenter: ImageSegmenter) -> None:
    found = captured(segmenter, taken(DateTimeOriginal="2024:02:29 23:30:00"), xmp=XMP.encode())
    assert (found["local"], found["latitude"]) == ("2024-02-29T23:30:00", 48.2082)
    assert "utc" not in found


def test_odd_xmp_harms_nothing(segmenter: ImageSegmenter) -> None:
    odd = b'<a exif:GPSLatitude="99,99,99N" exif:GPSAltitude="1/0" xmp:CreateDate="\xff' * 2_000
    assert captured(segmenter, xmp=odd[:60_000]) == {}


def test_a_picture_without_any_has_none(segmenter: ImageSegmenter) -> None:
    assert captured(segmenter) == {}
