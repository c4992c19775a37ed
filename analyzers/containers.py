"""Opens media containers so that nothing but the given file is ever read."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pkgutil import walk_packages
from typing import Any, BinaryIO

from dataflux.errors import MediaFailed
from schemas.names import Reason

FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2",
    "matroska,webm",
    "avi",
    "mpegts",
    "wav",
    "mp3",
    "flac",
    "ogg",
    "aac",
)
"""FFmpeg's own names of the demuxers that are tried: none that refers to other files."""
BUFFER = 1 << 18
NO_LIBRARY = frozenset({"av.__main__", "av.datasets"})
"""What of PyAV is run by people, and downloads."""


def load() -> None:
    """Import all of PyAV: some of it is imported for the first stream of subtitles, or of a codec,
    and a sealed child can import nothing."""
    import av

    for module in walk_packages(av.__path__, "av."):
        if module.name not in NO_LIBRARY:
            import_module(module.name)


@contextmanager
def opened(file: BinaryIO) -> Iterator[Any]:
    """Open a container for reading; what FFmpeg says of broken files becomes MediaFailed.

    The demuxer is never taken from the input: some of them open whatever a file names.
    """
    import av

    file.seek(0)
    options = {"protocol_whitelist": "none", "format_whitelist": ",".join(FORMATS)}
    try:
        with av.open(
            file,
            io_open=_refuse,
            buffer_size=BUFFER,
            metadata_errors="replace",
            options=options,
        ) as container:
            yield container
    except av.error.MemoryError as error:
        raise MemoryError from error
    except av.error.FFmpegError as error:
        raise MediaFailed(Reason.CORRUPT_MEDIA, type(error).__name__) from error


def _refuse(url: str, flags: int, options: dict[str, str]) -> BinaryIO:
    raise PermissionError("a media file may not open another one")


def streams_of(container: Any, kind: str) -> list[Any]:
    """Return the streams of a kind that can be decoded; cover art is no video."""
    return [
        stream
        for stream in container.streams
        if stream.type == kind
        and stream.codec_context is not None
        and not (kind == "video" and "attached_pic" in str(stream.disposition))
    ]


def sound_only(file: BinaryIO, mime_type: str) -> bool:
    """Return whether what calls itself a video has a sound track and no picture."""
    if not mime_type.startswith("video/"):
        return False
    with opened(file) as container:
        return bool(streams_of(container, "audio")) and not streams_of(container, "video")


def seconds(container: Any) -> float:
    """Return the duration that the container claims, or 0."""
    import av

    return max(0.0, float(container.duration or 0) / av.time_base)


def origin(stream: Any) -> float:
    """Return the time of the stream's first sample: our times begin at 0 there."""
    return float((stream.start_time or 0) * stream.time_base)
