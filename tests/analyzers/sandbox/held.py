"""Bytes as the source of a job."""

import io
import os
from typing import BinaryIO


class Held:
    """Bytes as a source: with a descriptor, or as ranges that the parent serves."""

    def __init__(self, data: bytes, *, ranges: bool = False, writable: bool = False) -> None:
        self._fd = os.memfd_create("held")
        os.write(self._fd, data)
        self.size, self._ranges = len(data), ranges
        if not writable:
            written, self._fd = self._fd, os.open(f"/proc/self/fd/{self._fd}", os.O_RDONLY)
            os.close(written)

    def __del__(self) -> None:
        os.close(self._fd)

    def read(self, offset: int, length: int) -> bytes:
        return os.pread(self._fd, length, offset)

    def fileno(self) -> int | None:
        return None if self._ranges else self._fd

    def file(self) -> BinaryIO:
        return io.BytesIO(self.read(0, self.size))
