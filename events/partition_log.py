"""One partition: an append-only file of checked records, cut into segments by age and size."""

import contextlib
import os
import struct
import threading
import time
import zlib
from itertools import pairwise
from pathlib import Path

from dataflux.errors import Unavailable
from dataflux.failpoints import failpoint
from events.time_index import TimeIndex

_HEAD = struct.Struct("!II")
"""Length and CRC-32 of the record that follows."""

SEGMENT_BYTES = 64 << 20
DAY_S = 24 * 3600
MTIME_S = 0.1
"""By how much the time of a file may be behind the clock."""


class PartitionLog:
    """Appends and reads records by offset (0, 1, 2 …).

    A record that a crash has torn at the end is cut off when the log is opened: it was never
    acknowledged to its publisher. A segment holds the records of one day at most; old ones are
    deleted whole.

    `durable`: a record is appended once it is on the disk, and read no sooner: an offset that was
    handed out never belongs to another record later. One sync serves all who wait for it.
    """

    def __init__(
        self, folder: Path, *, durable: bool = True, segment_bytes: int = SEGMENT_BYTES
    ) -> None:
        self._folder, self._durable = folder, durable
        self._segment_bytes = segment_bytes
        self._changed = threading.Condition()
        self._syncing = self._closed = False
        self._losses = 0
        folder.mkdir(parents=True, exist_ok=True)
        paths = sorted(folder.glob("*.log")) or [folder / _name(0)]
        self._segments: list[_Segment] = [_Closed(path) for path in paths[:-1]]
        self._segments.append(_Segment(paths[-1]))

    @property
    def start(self) -> int:
        """The oldest offset that is still kept."""
        return self._segments[0].base

    @property
    def end(self) -> int:
        """Where reading ends for now."""
        return self._segments[-1].end

    def append(self, records: list[bytes]) -> int:
        """Add records; return the offset of the first."""
        with self._changed:
            segment = self._writable()
            first = segment.write(records)
            failpoint("bus.appended")
            if self._durable:
                self._settle(segment, first + len(records))
            else:
                segment.show(first + len(records))
            return first

    def read(self, offset: int, limit: int) -> list[tuple[int, bytes]]:
        """Return up to `limit` (offset, record) from `offset`, or from the oldest that is kept."""
        with self._changed:
            if self._closed:
                return []
            offset = max(offset, self.start)
            first = next(n for n, s in reversed([*enumerate(self._segments)]) if s.base <= offset)
            segments = self._segments[first:]
        for segment in segments:  # the next one, where the first has lost its end
            if records := segment.read(max(offset, segment.base), limit):
                return records
        return []

    def since(self, at: float) -> int:
        """Return an offset before which nothing was appended at a time (in seconds) or later."""
        with self._changed:
            after = self.end
            for segment in reversed(self._segments):
                if segment.is_older(at):
                    return after
                if (offset := segment.times.since(at)) is not None:
                    return offset
                after = segment.base
            return self.start

    def expire(self, older_than_s: float) -> None:
        """Delete the segments whose newest record is older; offsets go on where they were."""
        with self._changed:
            last = self._segments[-1]
            if not self._closed and last.size and last.settled and last.age_s() > older_than_s:
                self._roll()
            while len(self._segments) > 1 and self._segments[0].age_s() > older_than_s:
                self._segments.pop(0).delete()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.wait_for(lambda: self._segments[-1].settled)
            self._segments[-1].close()

    def _writable(self) -> "_Segment":
        """Return the segment to write to; the one before it is settled, so no reader passes it."""
        while True:
            if self._closed:
                raise Unavailable("bus: closed")
            last = self._segments[-1]
            if not last.is_over(self._segment_bytes):
                return last
            if last.settled:
                self._roll()
            else:
                self._changed.wait()

    def _roll(self) -> None:
        last = self._segments[-1]
        self._segments.append(_Segment(self._folder / _name(last.end)))
        last.close()

    def _settle(self, segment: "_Segment", end: int) -> None:
        """Wait until all before `end` is on the disk; whoever finds nobody syncing does it."""
        losses = self._losses
        while losses == self._losses and segment.end < end:
            if self._syncing:
                self._changed.wait()
            else:
                self._sync(segment)
        if losses != self._losses:
            raise Unavailable(f"bus: {segment.path} could not be written to the disk")

    def _sync(self, segment: "_Segment") -> None:
        """Sync what all have written by now; if that fails, it is lost for all who wait."""
        self._syncing, end = True, segment.written
        self._changed.release()
        try:
            failure = segment.sync()
        finally:
            self._changed.acquire()
            self._syncing = False
            self._changed.notify_all()
        if failure is None:
            segment.show(end)
            return
        self._losses += 1
        segment.forget()
        raise Unavailable(f"bus: cannot write {segment.path}: {failure.strerror}") from failure


def _name(base: int) -> str:
    return f"{base:020}.log"


class _Segment:
    """One file of a partition, with the position of every record in it.

    Only the last one of a partition is held open, to be written.
    """

    _written_s = 0.0

    def __init__(self, path: Path) -> None:
        self.path, self.base = path, int(path.stem)
        self.times = TimeIndex(path.with_suffix(".times"))
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise Unavailable(f"bus: cannot open {path}: {error.strerror}") from error
        self._reading = threading.Lock()
        self._positions: list[int] = _scan(self._fd)
        self._shown = len(self._positions) - 1
        self._day = _day(os.fstat(self._fd).st_mtime)
        if os.fstat(self._fd).st_size > self.size:
            self._cut()

    @property
    def size(self) -> int:
        return self._positions[-1]

    @property
    def written(self) -> int:
        """The offset after the last record that is written."""
        return self.base + len(self._positions) - 1

    @property
    def end(self) -> int:
        """The offset after the last record that can be read."""
        return self.base + self._shown

    @property
    def settled(self) -> bool:
        return self.end == self.written

    def is_over(self, limit: int) -> bool:
        """Say whether the next record belongs into another file."""
        return self.size >= limit or (self.size > 0 and self._day < _day(time.time()))

    def write(self, records: list[bytes]) -> int:
        first, at, positions, now = self.written, self.size, [], time.time()
        for record in records:
            at += _HEAD.size + len(record)
            positions.append(at)
        framed = b"".join(_HEAD.pack(len(r), zlib.crc32(r)) + r for r in records)
        try:
            _write_all(self._fd, framed, self.size)
        except OSError as error:
            self._cut()
            raise Unavailable(f"bus: cannot write {self.path}: {error.strerror}") from error
        self._positions += positions
        self._day, self._written_s = _day(now), now
        self.times.note(now, first)
        return first

    def sync(self) -> OSError | None:
        """Put what is written on the disk; return why that has failed."""
        try:
            _sync(self._fd)
            if not self._shown:
                _sync_folders(self.path.parent)
        except OSError as error:
            return error
        return None

    def show(self, end: int) -> None:
        """Let readers have what lies before `end`."""
        self._shown = max(self._shown, end - self.base)

    def forget(self) -> None:
        """Take back what nobody can have read."""
        del self._positions[self._shown + 1 :]
        self._cut()

    def _cut(self) -> None:
        with contextlib.suppress(OSError):  # then what comes next is written over it
            os.ftruncate(self._fd, self.size)

    def read(self, offset: int, limit: int) -> list[tuple[int, bytes]]:
        first = offset - self.base
        positions = self._positions[first : min(first + limit, self._shown) + 1]
        if len(positions) < 2:
            return []
        begin = positions[0]
        data = self._read(begin, positions[-1] - begin)
        if not data:
            return []
        bounds = enumerate(pairwise(positions), offset)
        return [(n, data[at + _HEAD.size - begin : to - begin]) for n, (at, to) in bounds]

    def _read(self, at: int, size: int) -> bytes:
        with self._reading:  # a descriptor that is closed meanwhile may belong to another file
            if self._fd >= 0:
                return os.pread(self._fd, size, at)
        return _read(self.path, at, size)

    def is_older(self, at: float) -> bool:
        """Say whether nothing was written to it at a time or later."""
        with contextlib.suppress(OSError):
            return (self._written_s or self.path.stat().st_mtime) + MTIME_S < at
        return False

    def age_s(self) -> float:
        return time.time() - self.path.stat().st_mtime

    def delete(self) -> None:
        self.path.unlink(missing_ok=True)
        self.times.delete()

    def close(self) -> None:
        with self._reading:
            if self._fd >= 0:
                os.close(self._fd)
                self._fd = -1


class _Closed(_Segment):
    """A file that was full, or of an earlier day, when the log was opened: read once asked for."""

    def __init__(self, path: Path) -> None:
        self.path, self.base, self._fd = path, int(path.stem), -1
        self.times = TimeIndex(path.with_suffix(".times"))
        self._reading = threading.Lock()
        self._positions, self._shown = [], 0

    def read(self, offset: int, limit: int) -> list[tuple[int, bytes]]:
        with self._reading:
            if not self._positions:
                self._positions = _scanned(self.path)
                self._shown = len(self._positions) - 1
        return super().read(offset, limit)


def _day(seconds: float) -> int:
    return int(seconds // DAY_S)


def _read(path: Path, at: int, size: int) -> bytes:
    """Return a part of a file; nothing of one that has expired meanwhile."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise Unavailable(f"bus: cannot read {path}: {error.strerror}") from error
    try:
        return os.pread(fd, size, at)
    finally:
        os.close(fd)


def _write_all(fd: int, data: bytes, at: int) -> None:
    done, view = 0, memoryview(data)
    while done < len(view):
        done += os.pwrite(fd, view[done:], at + done)


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


def _scanned(path: Path) -> list[int]:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:  # it has expired meanwhile
        return [0]
    except OSError as error:
        raise Unavailable(f"bus: cannot read {path}: {error.strerror}") from error
    try:
        return _scan(fd)
    finally:
        os.close(fd)


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


def _sync(fd: int) -> None:
    """Put what was written on the disk; a Mac has no fdatasync."""
    getattr(os, "fdatasync", os.fsync)(fd)
