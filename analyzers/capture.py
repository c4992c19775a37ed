"""When and where something was taken, the same for a photo, a film and a recording.

`local` is the time as the device wrote it, `utc` the same moment in UTC, where the device knew its
offset; both are ISO 8601 without an offset, so that they compare as text.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

CREATED = ("com.apple.quicktime.creationdate", "creation_time", "date", "DATE_RECORDED")
PLACED = ("com.apple.quicktime.location.ISO6709", "location", "location-eng")
BEGINNINGS = frozenset({datetime(1904, 1, 1), datetime(1970, 1, 1), datetime(1980, 1, 1)})
"""What a clock says that has never been set."""

_ISO6709 = re.compile(
    r"(?P<latitude>[+-]\d+(?:\.\d+)?)(?P<longitude>[+-]\d+(?:\.\d+)?)(?P<altitude>[+-]\d+(?:\.\d+)?)?"
)
_WHOLE_DEGREES = {"latitude": 2, "longitude": 3}

Facts = dict[str, Any]


def when(moment: datetime | None, in_utc: datetime | None = None) -> Facts:
    """Return a moment as facts; `in_utc` is what else is known of it, such as the time of GPS."""
    if moment is None or moment.replace(tzinfo=None, microsecond=0) in BEGINNINGS:
        return {}
    known = moment if moment.tzinfo else in_utc
    try:
        utc = None if known is None else known.astimezone(UTC)
    except (OverflowError, ValueError):  # at the ends of the calendar
        return {}
    found = {"local": moment.replace(tzinfo=None).isoformat()}
    return found if utc is None else {**found, "utc": utc.replace(tzinfo=None).isoformat()}


def where(latitude: float | None, longitude: float | None, altitude: float | None = None) -> Facts:
    """Return a place as facts; {} if it is not on Earth, or 0, 0: a receiver without a fix."""
    if latitude is None or longitude is None or not (latitude or longitude):
        return {}
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        return {}
    place = {"latitude": round(latitude, 6), "longitude": round(longitude, 6)}
    return place if altitude is None else {**place, "altitude_m": round(altitude, 1)}


def of_container(tags: Mapping[str, str]) -> Facts:
    """Return what the tags of a film or a recording say: QuickTime's, Android's, Matroska's."""
    moments = (parsed(tags[name]) for name in CREATED if name in tags)
    places = (iso6709(tags[name]) for name in PLACED if name in tags)
    return next(filter(None, map(when, moments)), {}) | next(filter(None, places), {})


def parsed(text: str) -> datetime | None:
    """Read ISO 8601 as devices write it; a mere day or year is no moment."""
    if len(text) < len("2024-05-01T10:00"):
        return None
    try:
        return datetime.fromisoformat(text.strip())
    except ValueError:
        return None


def iso6709(text: str) -> Facts:
    """Read a place such as +48.2082+016.3738+171.0/."""
    found = _ISO6709.match(text)
    if found is None:
        return {}
    latitude, longitude = (_degrees(found[name], _WHOLE_DEGREES[name]) for name in _WHOLE_DEGREES)
    altitude = None if found["altitude"] is None else float(found["altitude"])
    return where(latitude, longitude, altitude)


def _degrees(text: str, whole: int) -> float:
    """Read ±DD.D, ±DDMM.M or ±DDMMSS.S; the number of digits before the point says which."""
    sign, digits = (-1 if text[0] == "-" else 1), text[1:]
    before = len(digits.partition(".")[0])
    if before <= whole:
        return sign * float(digits)
    degrees, rest = int(digits[:whole]), digits[whole:]
    if before <= whole + 2:
        return sign * (degrees + float(rest) / 60)
    return sign * (degrees + int(rest[:2]) / 60 + float(rest[2:]) / 3600)
