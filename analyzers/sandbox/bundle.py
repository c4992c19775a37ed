"""Segments with the bytes of their derived objects, packed into one file without a name."""

import io
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO

from analyzers import records
from analyzers.api import Segment
from analyzers.sandbox import frames


class Bundle:
    """A file that is open for reading only: the child must not change what others are given."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self.size = os.fstat(fd).st_size

    def fileno(self) -> int:
        return self._fd

    def read(self, offset: int, length: int) -> bytes:
        return os.pread(self._fd, length, offset)


@contextmanager
def unnamed(parts: Iterable[bytes]) -> Iterator[Bundle]:
    """Write a file that never had a name, to be read by whoever is given its descriptor."""
    with tempfile.TemporaryFile(prefix="dataflux-") as written:
        for part in parts:
            written.write(part)
        written.flush()
        fd = _read_only(written.fileno())
    try:
        yield Bundle(fd)
    finally:
        os.close(fd)


def _read_only(fd: int) -> int:
    try:
        return os.open(f"/proc/self/fd/{fd}", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:  # not Linux
        return os.dup(fd)


@contextmanager
def bundle(segments: Sequence[Segment]) -> Iterator[Bundle]:
    with unnamed(map(_pack, segments)) as packed:
        yield packed


def unpack(file: BinaryIO) -> Iterator[Segment]:
    """Read the segments that the parent has packed."""
    while lengths := file.read(frames.LENGTHS.size):
        head, payload = frames.LENGTHS.unpack(lengths)
        reader = frames.FrameReader(head + payload + len(lengths), head)
        ((item, data),) = reader.feed(lengths + file.read(head + payload))
        segment, stream = records.segment_from_dict(item), io.BytesIO(data)
        segment.renditions = {kind: stream.read(length) for kind, length in item["renditions"]}
        yield segment


def _pack(segment: Segment) -> bytes:
    head = records.segment_to_dict(segment)
    head["renditions"] = [[kind, len(data)] for kind, data in segment.renditions.items()]
    return frames.pack(head, b"".join(segment.renditions.values()))
