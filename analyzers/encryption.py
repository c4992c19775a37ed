"""Whether the media of a file is encrypted: decoders would make noise of it, and not say so."""

from collections.abc import Iterator
from typing import Any, BinaryIO

from analyzers import containers
from dataflux.errors import MediaFailed
from schemas.names import Reason

_NESTED = frozenset({b"moov", b"trak", b"mdia", b"minf", b"stbl"})
_ENCRYPTED = frozenset({b"encv", b"enca"})
_STSD_HEAD = 8
MOST_BOXES = 10_000


def refuse_encrypted(file: BinaryIO) -> None:
    """Raise MediaFailed for MP4 with common encryption and for encrypted Matroska tracks."""
    if _is_mp4(file) and any(entry in _ENCRYPTED for entry in _sample_entries(file)):
        raise MediaFailed(Reason.ENCRYPTED_MEDIA, "its tracks have common encryption")
    with containers.opened(file) as container:
        if any(_has_key(stream) for stream in container.streams):
            raise MediaFailed(Reason.ENCRYPTED_MEDIA, "its tracks have a content key")


def _has_key(stream: Any) -> bool:
    return "enc_key_id" in stream.metadata


def _is_mp4(file: BinaryIO) -> bool:
    file.seek(0)
    return file.read(12)[4:8] in (b"ftyp", b"moov", b"wide", b"free", b"skip", b"mdat")


def _sample_entries(file: BinaryIO) -> Iterator[bytes]:
    """Yield the kinds of the sample entries of all tracks."""
    file.seek(0, 2)
    open_boxes = [(0, file.tell())]
    for _ in range(MOST_BOXES):
        if not open_boxes:
            return
        at, end = open_boxes.pop()
        box = _box(file, at, end)
        if box is None:
            continue
        kind, body, after = box
        open_boxes.append((after, end))
        if kind in _NESTED:
            open_boxes.append((body, after))
        elif kind == b"stsd":
            open_boxes.append((body + _STSD_HEAD, after))
        elif kind in _ENCRYPTED:
            yield kind


def _box(file: BinaryIO, at: int, end: int) -> tuple[bytes, int, int] | None:
    """Return the kind of the box at a place, where its content begins, and where it ends."""
    if end - at < 8:
        return None
    file.seek(at)
    head = file.read(16)
    if len(head) < 8:
        return None
    size, kind, start = int.from_bytes(head[:4]), head[4:8], 8
    if size == 1 and len(head) == 16:
        size, start = int.from_bytes(head[8:]), 16
    elif size == 0:
        size = end - at
    return (kind, at + start, min(at + size, end)) if size >= start else None
