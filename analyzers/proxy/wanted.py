"""Whether a file needs a proxy: browsers cannot play it, or it is heavy to play from afar."""

from collections.abc import Mapping
from typing import Any

PICTURES = {
    "video/mp4": {"h264", "vp9", "av1"},
    "video/webm": {"vp8", "vp9", "av1"},
}
"""What all current browsers play, by container."""
SOUND = {
    "video/mp4": {"aac", "mp3", "opus", "flac"},
    "video/webm": {"opus", "vorbis"},
}
EIGHT_BITS = {"yuv420p", "yuvj420p"}
UNPLAYABLE_SOUND = {"audio/x-matroska"}
LIGHT_FILM, LIGHT_SOUND = 2_000_000, 320_000
"""Bits a second that are no burden."""
SMALL = 16 << 20
"""Bytes of a file that is no burden at any rate."""


def film(facts: Mapping[str, Any], config: Mapping[str, Any]) -> bool:
    """Return whether a film gets a proxy; `config["proxy"]` is auto, always or never."""
    light = _light(facts, LIGHT_FILM)
    return _decided(config, not (playable(facts, config.get("mime_type", "")) and light))


def sound(facts: Mapping[str, Any], config: Mapping[str, Any]) -> bool:
    """Return whether a recording gets a proxy."""
    unplayable = config.get("mime_type") in UNPLAYABLE_SOUND
    return _decided(config, unplayable or not _light(facts, LIGHT_SOUND))


def playable(facts: Mapping[str, Any], mime_type: str) -> bool:
    """Return whether any current browser plays a film as it is."""
    audio = facts.get("audio")
    return (
        facts.get("codec") in PICTURES.get(mime_type, ())
        and facts.get("pixel_format") in EIGHT_BITS
        and (audio is None or audio["codec"] in SOUND[mime_type])
    )


def _decided(config: Mapping[str, Any], needed: bool) -> bool:
    asked = config.get("proxy", "auto")
    known = "mime_type" in config  # without it nobody knows what a browser is told
    return bool(asked == "always" or (asked == "auto" and known and needed))


def _light(facts: Mapping[str, Any], rate: int) -> bool:
    bits = facts["bit_rate"]
    return bool(bits <= rate or bits * facts["duration_s"] <= 8 * SMALL)
