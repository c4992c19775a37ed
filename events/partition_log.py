"""One partition: an append-only file of checked records, cut into segments by age and size."""

import os
import struct
import threading
import time
import zlib
from pathlib import Path

from dataflux.errors import Unavailable

_HEAD = struct.Struct("!II")
"""Length and CRC-32 of the record that follows."""

SEGMENT_BYTES = 64 << 20


class PartitionLog:
    """Appends and reads records by offset (0, 1, 2 …).

    A record that a crash has torn at the end is cut off when the log is opened: it was never
    acknowledged to its publisher. Old segments are deleted whole.
    """

    def __init__(self, folder: Path, *, segment_bytes: int = SEGMENT_BYTES) -> None:
        self._folder = folder
        self._segment_bytes = segment_bytes
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)
        self._segments = [_Segment(path) for path in sorted(folder.glob("*.log"))]
        if not self._segments:
            self._segments = [_Segment(folder / _name(0))]

    @property
    def start(self) -> int:
        """The oldest offset that is still kept."""
        return self._segments[0].base

    @property
    def end(self) -> int:
        """The offset that the next record gets."""
        return self._segments[-1].end

    def append(self, records: list[bytes], *, sync: bool) -> int:
        """Add records; return the offset of the first. With `sync`, they are on the disk."""
        with self._lock:
            first = self.end
            if self._segments[-1].size >= self._segment_bytes:
                self._segments.append(_Segment(self._folder / _name(first)))
            self._segments[-1].append(records, sync=sync)
            return first

    def read(self, offset: int, limit: int) -> list[tuple[int, bytes]]:
        """Return up to `limit` (offset, record) from `offset`, or from the oldest that is kept."""
        with self._lock:
            offset = max(offset, self.start)
            first = next(n for n, s in reversed([*enumerate(self._segments)]) if s.base <= offset)
            segments = self._segments[first:]
        for segment in segments:  # the next one, where the first has lost its end
            if records := segment.read(max(offset, segment.base), limit):
                return records
        return []

    def expire(self, older_than_s: float) -> None:
        """Delete the segments whose newest record is older; offsets go on where they were."""
        with self._lock:
            if self._segments[-1].size and self._segments[-1].age_s() > older_than_s:
                self._segments.append(_Segment(self._folder / _name(self.end)))
            while len(self._segments) > 1 and self._segments[0].age_s() > older_than_s:
                self._segments.pop(0).delete()

    def close(self) -> None:
        with self._lock:
            for segment in self._segments:
                segment.close()


def _name(base: int) -> str:
    return f"{base:020}.log"


class _Segment:
    """One file of a partition, with the position of every record in it."""

    def __init__(self, path: Path) -> None:
        self.path, self.base = path, int(path.stem)
        self._lock = threading.Lock()
        self._open = True
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._positions = _scan(self._fd)
        self.size = self._positions.pop()
        if os.fstat(self._fd).st_size > self.size:
            os.ftruncate(self._fd, self.size)

    @property
    def end(self) -> int:
        return self.base + len(self._positions)

    def append(self, records: list[bytes], *, sync: bool) -> None:
        if not self._open:
            raise Unavailable("bus: closed")
        positions, at = [], self.size
        for record in records:
            positions.append(at)
            at += _HEAD.size + len(record)
        framed = b"".join(_HEAD.pack(len(r), zlib.crc32(r)) + r for r in records)
        try:
            _write_all(self._fd, framed)
            if sync:
                os.fdatasync(self._fd)
                if not self.size:
                    _sync_folders(self.path.parent)
        except OSError as error:
            os.ftruncate(self._fd, self.size)
            raise Unavailable(f"bus: cannot write {self.path.name}: {error.strerror}") from error
        self.size = at
        self._positions += positions

    def read(self, offset: int, limit: int) -> list[tuple[int, bytes]]:
        first = offset - self.base
        with self._lock:  # a descriptor that is closed meanwhile may belong to another file
            positions = self._positions[first : first + limit] if self._open else []
            return [(n, self._record(at)) for n, at in enumerate(positions, start=offset)]

    def _record(self, position: int) -> bytes:
        length, _ = _HEAD.unpack(os.pread(self._fd, _HEAD.size, position))
        return os.pread(self._fd, length, position + _HEAD.size)

    def age_s(self) -> float:
        return time.time() - self.path.stat().st_mtime

    def delete(self) -> None:
        self.close()
        self.path.unlink(missing_ok=True)

    def close(self) -> None:
        with self._lock:
            if self._open:
                self._open = False
                os.close(self._fd)


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def _sync_folders(partition: Path) -> None:
    """Put the names of a new file and of its folders on the disk."""
    for folder in (partition, partition.parent, partition.parent.parent):
        fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def _scan(fd: int) -> list[int]:
    """Return the position of each whole record, and at the end where the next one goes."""
    positions, size = [0], os.fstat(fd).st_size
    while (after := _whole(fd, positions[-1], size)) is not None:
        positions.append(after)
    return positions


def _whole(fd: int, at: int, size: int) -> int | None:
    """Return where the record at a position ends; None if it is torn.

    No record is empty: zeros are what a file system leaves where it had no time to write.
    """
    if at + _HEAD.size >= size:
        return None
    length, crc = _HEAD.unpack(os.pread(fd, _HEAD.size, at))
    end = at + _HEAD.size + int(length)
    if not length or end > size or zlib.crc32(os.pread(fd, length, at + _HEAD.size)) != crc:
        return None
    return end
