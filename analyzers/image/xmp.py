"""What XMP says of when and where, for pictures whose EXIF was lost on the way.

Only attributes and elements of the usual prefixes are looked for, as text: no XML of a stranger is
parsed, so no entity is expanded.
"""

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

from analyzers import capture

if TYPE_CHECKING:
    from PIL.Image import Image

MOST_BYTES = 1 << 20
NAMES = (
    "exif:DateTimeOriginal", "photoshop:DateCreated", "xmp:CreateDate", "exif:GPSLatitude",
    "exif:GPSLongitude", "exif:GPSAltitude", "exif:GPSAltitudeRef",
)  # fmt: skip
_VALUE = re.compile(rf"({'|'.join(NAMES)})\s*(?:=\s*[\"']([^\"'<]{{1,64}})|>\s*([^<]{{1,64}})<)")
_DEGREES = re.compile(r"(\d{1,3}),(\d{1,2}(?:\.\d+)?)(?:,(\d{1,2}(?:\.\d+)?))?([NSEW])")


def read(image: "Image") -> tuple[dict[str, Any], dict[str, Any]]:
    """Return when and where by the picture's XMP packet; both empty without one."""
    packet = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp")
    if isinstance(packet, bytes):
        packet = packet[:MOST_BYTES].decode("utf-8", "replace")
    if not isinstance(packet, str):
        return {}, {}
    found = {m[1]: (m[2] or m[3]).strip() for m in _VALUE.finditer(packet[:MOST_BYTES])}
    return capture.when(_moment(found)), _place(found)


def _moment(found: dict[str, str]) -> datetime | None:
    moments = (capture.parsed(found[name]) for name in NAMES[:3] if name in found)
    return next(filter(None, moments), None)


def _place(found: dict[str, str]) -> dict[str, Any]:
    latitude, longitude = (
        _degrees(found.get(f"exif:GPS{side}")) for side in ("Latitude", "Longitude")
    )
    return capture.where(latitude, longitude, _altitude(found))


def _degrees(text: str | None) -> float | None:
    """Read 48,12.49N or 48,12,29.4N."""
    parts = _DEGREES.fullmatch(text or "")
    if parts is None:
        return None
    degrees = int(parts[1]) + float(parts[2]) / 60 + float(parts[3] or 0) / 3600
    return -degrees if parts[4] in "SW" else degrees


def _altitude(found: dict[str, str]) -> float | None:
    above, _, below = found.get("exif:GPSAltitude", "").partition("/")
    try:
        meters = float(above) / float(below or 1)
    except (ValueError, ZeroDivisionError):
        return None
    return -meters if found.get("exif:GPSAltitudeRef") == "1" else meters
