"""The parent's side of a file that has no descriptor: it serves ranges and never waits for it."""

import socket
from typing import Protocol

from analyzers.sandbox.files import ANSWER, BLOCK, REQUEST
from dataflux.errors import MediaFailed
from schemas.names import Reason


class Source(Protocol):
    """Random access to the bytes of a file (stores.ports.ObjectReader is one)."""

    @property
    def size(self) -> int: ...
    def read(self, offset: int, length: int) -> bytes: ...
    def fileno(self) -> int | None: ...


class RangeServer:
    """One conversation: a request comes in and its answer goes out in as many steps as it takes."""

    def __init__(self, source: Source, channel: socket.socket) -> None:
        channel.setblocking(False)
        self._source, self._channel = source, channel
        self._asked = bytearray()
        self._answer = memoryview(b"")
        self.open = True

    def fileno(self) -> int:
        return self._channel.fileno()

    @property
    def answering(self) -> bool:
        """Return whether it is the child's turn to read."""
        return bool(self._answer)

    def step(self) -> None:
        """Do what can be done now; `open` turns false when the child has closed its end."""
        try:
            if self._answer:
                self._answer = self._answer[self._channel.send(self._answer) :]
            else:
                self._take(self._channel.recv(REQUEST.size - len(self._asked)))
        except BlockingIOError:
            return
        except (BrokenPipeError, ConnectionResetError):
            self.open = False

    def _take(self, asked: bytes) -> None:
        if not asked:
            self.open = False
        self._asked += asked
        if len(self._asked) == REQUEST.size:
            self._answer = memoryview(self._range(*REQUEST.unpack(self._asked)))
            self._asked.clear()

    def _range(self, offset: int, length: int) -> bytes:
        if length > BLOCK or offset + length > self._source.size:
            raise MediaFailed(Reason.DECODER_CRASHED, "it asked for bytes outside its file")
        data = self._source.read(offset, length)
        if len(data) != length:
            raise MediaFailed(Reason.INTEGRITY_MISMATCH, "the object is shorter than its size says")
        return ANSWER.pack(len(data)) + data
