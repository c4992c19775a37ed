"""Nameless, seekable files for the child: an inherited descriptor, or ranges the parent serves."""

import io
import os
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

REQUEST = struct.Struct("!QI")
"""Offset and length of a range."""
ANSWER = struct.Struct("!i")
"""Length of what follows, or minus an errno."""
BLOCK = 1 << 20
KEPT = 4


class _NamelessFile(io.RawIOBase):
    """A name would reach FFmpeg's probing; a read never returns more than it was asked for,
    because PyAV copies what comes back into a buffer of that size unchecked."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        at = (0, self._at, self.size)[whence] + offset
        if at < 0:
            raise OSError(22, "negative seek")
        self._at = at
        return at

    def read(self, size: int | None = -1) -> bytes:
        left = max(0, self.size - self._at)
        data = self._fetch(self._at, left if size is None or size < 0 else min(size, left))
        self._at += len(data)
        return data

    def readinto(self, buffer: "WriteableBuffer") -> int:
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def _fetch(self, offset: int, length: int) -> bytes:
        raise NotImplementedError


class FdFile(_NamelessFile):
    """An inherited read-only descriptor, read by position."""

    def __init__(self, fd: int) -> None:
        super().__init__(os.fstat(fd).st_size)
        self._fd = fd

    def _fetch(self, offset: int, length: int) -> bytes:
        return os.pread(self._fd, length, offset)


class RangeFile(_NamelessFile):
    """Blocks of an object elsewhere, asked of the parent over a socket; the last few are kept."""

    def __init__(self, fd: int, size: int) -> None:
        super().__init__(size)
        self._fd = fd
        self._blocks: dict[int, bytes] = {}

    def _fetch(self, offset: int, length: int) -> bytes:
        parts = []
        while length > 0:
            index, inside = divmod(offset, BLOCK)
            part = self._block(index)[inside : inside + length]
            parts.append(part)
            offset += len(part)
            length -= len(part)
        return b"".join(parts)

    def _block(self, index: int) -> bytes:
        block = self._blocks.pop(index, None) or self._ask(index)
        while len(self._blocks) >= KEPT:
            del self._blocks[next(iter(self._blocks))]
        self._blocks[index] = block
        return block

    def _ask(self, index: int) -> bytes:
        wanted = min(BLOCK, self.size - index * BLOCK)
        write_all(self._fd, REQUEST.pack(index * BLOCK, wanted))
        (length,) = ANSWER.unpack(read_exactly(self._fd, ANSWER.size))
        if length != wanted:
            raise OSError(-length if length < 0 else 5, "the parent cannot serve this range")
        return read_exactly(self._fd, length)


def read_exactly(fd: int, length: int) -> bytes:
    parts = []
    while length:
        part = os.read(fd, length)
        if not part:
            raise EOFError("the other side has closed")
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


def write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
