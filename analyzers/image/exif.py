"""What the camera wrote: facts that can be shown and filtered, whatever state the tags are in."""

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from analyzers import capture
from analyzers.image import xmp

if TYPE_CHECKING:
    from PIL.Image import Image

LONGEST_VALUE = 200
EXIF_IFD, GPS_IFD = 0x8769, 0x8825
FORM = "%Y:%m:%d %H:%M:%S"
UNREADABLE = (
    OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, ArithmeticError,
    AttributeError,
)  # fmt: skip


def load() -> None:
    """Parse one moment: the library for it is imported when first used."""
    _moment("2024:02:29 12:00:00", "+01:00", "5")


def read(image: "Image") -> dict[str, Any]:
    """Return the facts of the picture's EXIF; tags that cannot be read are left out."""
    tags = _guarded(image.getexif)
    if not tags:
        return {}
    camera: Mapping[int, Any] = _guarded(lambda: tags.get_ifd(EXIF_IFD)) or {}
    gps: Mapping[int, Any] = _guarded(lambda: tags.get_ifd(GPS_IFD)) or {}
    moment = _taken(tags, camera)
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
        "captured_at": moment.isoformat() if moment else None,
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


def capture_of(image: "Image") -> dict[str, Any]:
    """Return when and where a picture was taken, from its EXIF or else its XMP."""
    tags: Any = _guarded(image.getexif) or {}
    camera: Mapping[int, Any] = _guarded(lambda: tags.get_ifd(EXIF_IFD)) or {}
    gps: Mapping[int, Any] = _guarded(lambda: tags.get_ifd(GPS_IFD)) or {}
    taken = capture.when(_taken(tags, camera), _time_of_gps(gps))
    otherwise, elsewhere = xmp.read(image)
    return (taken or otherwise) | (_place(gps) or elsewhere)


def _taken(tags: Mapping[int, Any], camera: Mapping[int, Any]) -> datetime | None:
    """Return when the picture was taken, digitized or changed: the first that is known."""
    moments = (
        _moment(camera.get(0x9003), camera.get(0x9011), camera.get(0x9291)),
        _moment(camera.get(0x9004), camera.get(0x9012), camera.get(0x9292)),
        _moment(tags.get(0x0132), camera.get(0x9010), camera.get(0x9290)),
    )
    return next(filter(None, moments), None)


def _moment(value: Any, offset: Any, fraction: Any) -> datetime | None:
    """Return "2024:05:01 12:00:00" with its fraction, and its offset if the camera knew it."""
    text, zone = _text(value) or "", _text(offset) or ""
    digits = _text(fraction) or ""
    part = f".{digits[:6]}" if digits.isascii() and digits.isdigit() else ".0"
    for candidate, form in (
        (f"{text}{part}{zone}", f"{FORM}.%f%z"),
        (f"{text}{part}", f"{FORM}.%f"),
    ):
        try:
            return datetime.strptime(candidate, form)
        except ValueError:
            continue
    return None


def _time_of_gps(gps: Mapping[int, Any]) -> datetime | None:
    """Return the time that the satellites told, which is UTC."""
    parts = [_number(part) for part in gps.get(7) or ()] if isinstance(gps.get(7), tuple) else []
    if len(parts) != 3 or None in parts:
        return None
    hours, minutes, seconds = (int(part or 0) for part in parts)
    text = f"{_text(gps.get(29))} {hours:02}:{minutes:02}:{seconds:02}"
    try:
        return datetime.strptime(text, FORM).replace(tzinfo=UTC)
    except ValueError:
        return None


def _place(gps: Mapping[int, Any]) -> dict[str, float] | None:
    latitude = _degrees(gps.get(2), gps.get(1), 90)
    longitude = _degrees(gps.get(4), gps.get(3), 180)
    altitude = _number(gps.get(6))
    below = gps.get(5) in (1, b"\x01")
    if _text(gps.get(9)) == "V":  # the receiver says itself that it had no fix
        return None
    return capture.where(latitude, longitude, -altitude if altitude and below else altitude) or None


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
