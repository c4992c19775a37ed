"""Run one job in a child and map its every ending to a reason."""

import contextlib
import os
import select
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from analyzers.sandbox.child import failure_from_dict
from analyzers.sandbox.files import ANSWER, BLOCK, REQUEST
from analyzers.sandbox.frames import Frame, FrameReader, Malformed
from analyzers.sandbox.zygotes import Job, Zygote
from dataflux.errors import DataFluxError, MediaFailed
from schemas.names import Reason

WATCH_S = 0.05
PAGE = os.sysconf("SC_PAGE_SIZE")


class Source(Protocol):
    """Random access to the bytes of a file (stores.ports.ObjectReader is one)."""

    @property
    def size(self) -> int: ...
    def read(self, offset: int, length: int) -> bytes: ...
    def fileno(self) -> int | None: ...


def run(
    zygote: Zygote,
    message: dict[str, Any],
    source: Source,
    *,
    wall_s: float,
    resident: int,
    output: int,
) -> Iterator[Frame]:
    """Yield the frames of a job; raise MediaFailed for every other end than a good one.

    The calling thread serves this child alone: one that stalls, floods or lies holds up nobody.
    """
    with contextlib.ExitStack() as stack:
        descriptor = source.fileno()
        ranges: socket.socket | None = None
        if descriptor is None:
            ranges, theirs = socket.socketpair()
            stack.callback(ranges.close)
            stack.callback(theirs.close)
            ranges.setblocking(False)
            message = message | {"size": source.size}
            descriptor = theirs.fileno()
        out, their_out = os.pipe()
        stack.callback(os.close, out)
        try:
            job = zygote.start(message, [descriptor, their_out])
        finally:
            os.close(their_out)
        if ranges is not None:
            theirs.close()
        watch = _Watch(zygote, job, out, ranges, source, wall_s, resident, FrameReader(output))
        stack.callback(watch.end)
        yield from watch.frames()


class _Watch:
    def __init__(
        self,
        zygote: Zygote,
        job: Job,
        out: int,
        ranges: socket.socket | None,
        source: Source,
        wall_s: float,
        resident: int,
        reader: FrameReader,
    ) -> None:
        self._zygote, self._job, self._out, self._ranges = zygote, job, out, ranges
        self._source, self._resident, self._reader = source, resident, reader
        self._deadline = time.monotonic() + wall_s
        self._asked = bytearray()
        self._answer = memoryview(b"")
        self._ended_well = False

    def frames(self) -> Iterator[Frame]:
        while self._wait():
            data = os.read(self._out, 1 << 20)
            if not data:
                break
            try:
                for head, payload in self._reader.feed(data):
                    if self._pass_on(head):
                        yield head, payload
            except Malformed as error:
                raise MediaFailed(
                    Reason.DECODE_LIMIT_EXCEEDED, str(error), limit="output"
                ) from None
        if not self._ended_well:
            raise self._verdict()

    def end(self) -> None:
        """Leave no child behind, however this job ended."""
        if not self._job.ended.is_set():
            self._zygote.kill(self._job)
            self._job.ended.wait(10)

    def _pass_on(self, head: dict[str, Any]) -> bool:
        """Return whether a frame is a finding; the others are for this class."""
        if "end" in head:
            self._ended_well = True
            return False
        if "failed" in head and "analyzer" not in head:
            raise failure_from_dict(head["failed"])
        return True

    def _wait(self) -> bool:
        """Serve ranges and keep watch until there is output; return False if none will come."""
        poll = select.poll()
        poll.register(self._out, select.POLLIN)
        while True:
            self._check()
            if self._ranges is not None:
                poll.register(self._ranges, select.POLLOUT if self._answer else select.POLLIN)
            ready = dict(poll.poll(WATCH_S * 1000))
            if self._ranges is not None and self._ranges.fileno() in ready:
                poll.unregister(self._ranges)
                self._serve()
            if self._out in ready:
                return True
            if self._job.ended.is_set() and not ready:
                return False

    def _check(self) -> None:
        if time.monotonic() > self._deadline:
            raise MediaFailed(Reason.DECODE_TIMEOUT, "took too long", limit="wall")
        if self._job.pid is not None and self._resident_bytes() > self._resident:
            raise MediaFailed(Reason.DECODER_OOM, "used too much memory", limit="rss")

    def _resident_bytes(self) -> int:
        try:
            return int(Path(f"/proc/{self._job.pid}/statm").read_text().split()[1]) * PAGE
        except (OSError, IndexError):  # it has just ended, or there is no /proc
            return 0

    def _serve(self) -> None:
        """Take one step of the conversation about ranges, without ever waiting for the child."""
        assert self._ranges is not None
        try:
            if self._answer:
                self._answer = self._answer[self._ranges.send(self._answer) :]
                return
            asked = self._ranges.recv(REQUEST.size - len(self._asked))
        except BlockingIOError:
            return
        except OSError:
            asked = b""
        if not asked:
            self._ranges = None
            return
        self._asked += asked
        if len(self._asked) == REQUEST.size:
            offset, length = REQUEST.unpack(self._asked)
            self._asked.clear()
            self._answer = memoryview(self._range(offset, length))

    def _range(self, offset: int, length: int) -> bytes:
        if length > BLOCK or offset + length > self._source.size:
            raise MediaFailed(Reason.DECODER_CRASHED, "asked for bytes outside its file")
        data = self._source.read(offset, length)
        return ANSWER.pack(len(data)) + data

    def _verdict(self) -> DataFluxError:
        """Say how a child ended that did not say so itself."""
        self._job.ended.wait(10)
        status = self._job.status
        if status is None:
            return MediaFailed(Reason.DECODER_CRASHED, "its zygote has gone")
        if os.WIFEXITED(status):
            if os.WEXITSTATUS(status) == 3:
                return MediaFailed(Reason.DECODER_OOM, "out of memory", limit="address space")
            return MediaFailed(Reason.DECODER_CRASHED, f"exit {os.WEXITSTATUS(status)}")
        name = signal.Signals(os.WTERMSIG(status)).name
        if name == "SIGXCPU":
            return MediaFailed(Reason.DECODE_TIMEOUT, "took too much CPU time", limit="cpu")
        if name == "SIGKILL":  # not by us: the kernel was out of memory
            return MediaFailed(Reason.DECODER_OOM, "killed by the kernel", limit="machine")
        return MediaFailed(Reason.DECODER_CRASHED, name)
