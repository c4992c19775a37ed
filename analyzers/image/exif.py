"""What the camera wrote: facts that can be shown and filtered, whatever state the tags are in."""

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.Image import Image

LONGEST_VALUE = 200
EXIF_IFD, GPS_IFD = 0x8769, 0x8825
UNREADABLE = (
    OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, ArithmeticError,
    AttributeError,
)  # fmt: skip


def load() -> None:
    """Parse one moment: the library for it is imported when first used."""
    _moment("2024:02:29 12:00:00", "+01:00")


def read(image: "Image") -> dict[str, Any]:
    """Return the facts of the picture's EXIF; tags that cannot be read are left out."""
    tags = _guarded(image.getexif)
    if not tags:
        return {}
    camera: Mapping[int, Any] = _guarded(lambda: tags.get_ifd(EXIF_IFD)) or {}
    gps: Mapping[int, Any] = _guarded(lambda: tags.get_ifd(GPS_IFD)) or {}
    found = {
        "make": _text(tags.get(0x010F)),
        "model": _text(tags.get(0x0110)),
        "software": _text(tags.get(0x0131)),
        "orientation": _orientation(tags.get(0x0112)),
        "lens": _text(camera.get(0xA434)),
        "exposure_seconds": _number(camera.get(0x829A)),
        "aperture": _number(camera.get(0x829D)),
        "iso": _number(_first(camera.get(0x8827))),
        "focal_length_mm": _number(camera.get(0x920A)),
        "captured_at": _moment(
            camera.get(0x9003) or tags.get(0x0132), camera.get(0x9011) or camera.get(0x9010)
        ),
        "gps": _place(gps),
    }
    known = {name: value for name, value in found.items() if value is not None}
    return {**known, "has_gps": "gps" in known} if known else {}


def _guarded(step: Callable[[], Any]) -> Any:
    try:
        return step()
    except UNREADABLE:
        return None


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, tuple) and value else value


def _text(value: Any) -> str | None:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if not isinstance(value, str):
        return None
    printable = "".join(c for c in value.split("\0")[0] if c.isprintable() and c != "\ufffd")
    return printable.strip()[:LONGEST_VALUE] or None


def _orientation(value: Any) -> int | None:
    return value if isinstance(value, int) and 1 <= value <= 8 else None


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (*UNREADABLE,):
        return None
    return round(number, 6) if math.isfinite(number) else None


def _moment(value: Any, offset: Any) -> str | None:
    """Return "2024:05:01 12:00:00" as ISO 8601, with its offset from UTC if the camera knew it."""
    from datetime import datetime

    text, zone = _text(value), _text(offset) or ""
    for candidate, form in ((f"{text}{zone}", "%Y:%m:%d %H:%M:%S%z"), (text, "%Y:%m:%d %H:%M:%S")):
        try:
            return datetime.strptime(candidate or "", form).isoformat()
        except ValueError:
            continue
    return None


def _place(gps: Mapping[int, Any]) -> dict[str, float] | None:
    latitude = _degrees(gps.get(2), gps.get(1), 90)
    longitude = _degrees(gps.get(4), gps.get(3), 180)
    if latitude is None or longitude is None:
        return None
    altitude = _number(gps.get(6))
    place = {"latitude": latitude, "longitude": longitude}
    if altitude is None:
        return place
    below = gps.get(5) in (1, b"\x01")
    return {**place, "altitude_m": -altitude if below else altitude}


def _degrees(parts: Any, side: Any, most: int) -> float | None:
    if not isinstance(parts, tuple) or len(parts) != 3:
        return None
    numbers = [_number(part) for part in parts]
    if None in numbers:
        return None
    degrees = sum((n or 0.0) / (1, 60, 3600)[power] for power, n in enumerate(numbers))
    if not 0 <= degrees <= most:
        return None
    return round(-degrees if _text(side) in ("S", "W") else degrees, 6)
