"""Technical facts of a film, and what it may not exceed: read before its pictures are decoded."""

from dataclasses import dataclass
from typing import Any, BinaryIO

from analyzers import capture, containers
from analyzers.audio.segmenter import check, facts, limit
from analyzers.packets import Damage, decoded
from analyzers.video.frames import rate_of
from analyzers.video.pieces import length_of
from analyzers.video.stills import Shape
from dataflux.errors import MediaFailed
from schemas.names import Reason

CODECS = frozenset(
    {"h264", "hevc", "vp8", "vp9", "av1", "mpeg4", "mpeg2video", "mpeg1video", "mjpeg", "prores"}
) | {"ffv1", "theora", "h263", "msmpeg4v3", "dvvideo"}
LONGEST_S = 4 * 3600
MOST_PIXELS = 7680 * 4320
MOST_FPS = 240


def stream_of(container: Any) -> Any:
    """Return the picture track; raise MediaFailed if there is none that can be decoded."""
    streams = containers.streams_of(container, "video")
    if streams:
        return streams[0]
    if any(stream.type == "video" and stream.codec_context is None for stream in container.streams):
        raise MediaFailed(Reason.UNSUPPORTED_CODEC, "its pictures are in a codec unknown here")
    raise MediaFailed(Reason.NO_DECODABLE_STREAM, "no picture and no sound that can be read")


def check_film(container: Any) -> None:
    """Refuse a film that is too much, or in a codec that is not ours to decode."""
    check(container, LONGEST_S)
    stream = stream_of(container)
    codec = stream.codec_context
    if codec.codec.canonical_name not in CODECS:
        raise MediaFailed(Reason.UNSUPPORTED_CODEC, codec.codec.canonical_name)
    if codec.width * codec.height > MOST_PIXELS:
        raise limit("pixels", codec.width * codec.height, MOST_PIXELS)
    if rate_of(stream) > MOST_FPS:
        raise limit("fps", rate_of(stream), MOST_FPS)


@dataclass(frozen=True, slots=True)
class Film:
    """What is known of a film before its pictures are decoded."""

    shape: Shape
    length_s: float
    pictures_s: float
    """How long its pictures claim to go on; 0 if they do not say: its sound may be longer."""
    facts: dict[str, Any]
    capture: dict[str, Any]
    """When and where it was taken, as far as its tags say."""


def film_of(file: BinaryIO) -> Film:
    """Read what a film is from its head, its first picture and, if need be, its packets."""
    with containers.opened(file) as container:
        length_s, (shape, interlaced) = containers.seconds(container), _first(container)
        claimed, found = _claimed(stream_of(container)), _facts(container, shape)
        found["interlaced"] = interlaced
        taken = capture.of_container(container.metadata)
    if not length_s:
        with containers.opened(file) as container:
            length_s = length_of(container, stream_of(container))
    return Film(shape, length_s, claimed, found | {"duration_s": round(length_s, 3)}, taken)


def _first(container: Any) -> tuple[Shape, bool]:
    """Return the shape of the first picture, and whether it is made of two half pictures.

    A film that begins damaged is taken as it is.
    """
    stream = stream_of(container)
    try:
        frame = next(decoded(container, stream, Damage()), None)
    except MediaFailed:
        frame = None
    if frame is None:
        return Shape(), False
    return Shape.of(stream, frame), bool(frame.interlaced_frame)


def _claimed(stream: Any) -> float:
    """Return the length of a track: in MP4 its own, in Matroska a tag like 00:01:02.5."""
    if stream.duration:
        return float(stream.duration * stream.time_base)
    hours, _, rest = stream.metadata.get("DURATION", "").partition(":")
    minutes, _, seconds = rest.partition(":")
    try:
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    except ValueError:
        return 0.0


def _facts(container: Any, shape: Shape) -> dict[str, Any]:
    stream = stream_of(container)
    codec = stream.codec_context
    width, height = shape.upright(codec.width, codec.height)
    found: dict[str, Any] = {
        "container": container.format.name,
        "codec": codec.codec.canonical_name,
        "width": width,
        "height": height,
        "rotation": shape.rotation,
        "pixel_format": codec.format.name if codec.format else None,
        "fps": round(rate_of(stream), 3),
        "bit_rate": int(container.bit_rate or 0),
        "has_audio": bool(containers.streams_of(container, "audio")),
    }
    if found["has_audio"]:
        found["audio"] = {k: facts(container)[k] for k in ("codec", "rate", "channels")}
    return found
