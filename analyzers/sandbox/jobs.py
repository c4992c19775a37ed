"""Run one job in a child, watch it, and yield what it sends."""

import contextlib
import fcntl
import os
import select
import socket
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any

from analyzers.records import seconds_from
from analyzers.sandbox.child import failure_from_dict
from analyzers.sandbox.endings import verdict
from analyzers.sandbox.frames import Frame, FrameReader, Malformed
from analyzers.sandbox.serving import RangeServer, Source
from analyzers.sandbox.zygotes import Job, Zygote
from dataflux.errors import MediaFailed
from schemas.names import Reason

WATCH_S = 0.05
GONE_S = 10.0


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the parent keeps of one job: time, memory, and how much it may say."""

    wall_s: float
    resident: int
    output: int
    heads: int


Spent = Callable[[float], None]
"""Is told how many CPU seconds a job that ended well has taken."""


def run(
    zygote: Zygote, message: dict[str, Any], source: Source, bounds: Bounds, spent: Spent
) -> Generator[Frame]:
    """Yield the frames of a job; raise MediaFailed for every other end than a good one.

    The calling thread serves this child alone: one that stalls, floods or lies holds up nobody.
    """
    with contextlib.ExitStack() as stack:
        server, descriptor, theirs = _input(source, stack)
        out, their_out = os.pipe()
        stack.callback(os.close, out)
        try:
            size = {} if server is None else {"size": source.size}
            job = zygote.start(message | size, [descriptor, their_out])
        finally:
            os.close(their_out)
            theirs.close()
        watch = _Watch(zygote, job, out, server, bounds, spent)
        stack.callback(watch.end)
        yield from watch.frames()


def _input(
    source: Source, stack: contextlib.ExitStack
) -> tuple[RangeServer | None, int, contextlib.ExitStack]:
    """Return how the child reads its file: by a descriptor that can do no more, or by asking."""
    theirs = contextlib.ExitStack()
    descriptor = source.fileno()
    if descriptor is not None and _only_reads(descriptor):
        return None, descriptor, theirs
    ours, other = socket.socketpair()
    stack.enter_context(ours)
    theirs.enter_context(other)
    return RangeServer(source, ours), other.fileno(), theirs


def _only_reads(fd: int) -> bool:
    return fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY


class _Watch:
    def __init__(
        self,
        zygote: Zygote,
        job: Job,
        out: int,
        server: RangeServer | None,
        bounds: Bounds,
        spent: Spent,
    ) -> None:
        self._zygote, self._job, self._out, self._server = zygote, job, out, server
        self._bounds, self._spent = bounds, spent
        self._reader = FrameReader(bounds.output, bounds.heads)
        self._deadline = time.monotonic() + bounds.wall_s
        self._ended_well = False

    def frames(self) -> Iterator[Frame]:
        """Yield findings; the time the caller takes for them is not the child's."""
        while self._wait():
            data = os.read(self._out, 1 << 20)
            if not data:
                break
            for head, payload in self._parsed(data):
                if self._is_finding(head):
                    paused = time.monotonic()
                    yield head, payload
                    self._deadline += time.monotonic() - paused
        if not self._ended_well:
            while not self._job.ended.wait(WATCH_S):
                self._check()
            raise verdict(self._job)

    def end(self) -> None:
        """Leave no child behind, however this job ended."""
        if not self._job.ended.is_set():
            self._zygote.kill(self._job)
            self._job.ended.wait(GONE_S)

    def _parsed(self, data: bytes) -> Iterator[Frame]:
        try:
            yield from self._reader.feed(data)
        except Malformed as error:
            raise MediaFailed(Reason.DECODE_LIMIT_EXCEEDED, str(error), limit="output") from None

    def _is_finding(self, head: dict[str, Any]) -> bool:
        """Return whether a frame is for the caller; the child's own end or failure is not."""
        if "end" in head:
            self._ended_well = True
            self._spent(seconds_from(head.get("spent")))
            return False
        if "failed" in head and "analyzer" not in head:
            raise failure_from_dict(head["failed"])
        return True

    def _wait(self) -> bool:
        """Serve ranges and keep watch until there is output; return False if none will come."""
        while True:
            self._check()
            ended = self._job.ended.is_set()  # before the look: what it says last may come after
            ready = self._ready()
            if self._server is not None and self._server.fileno() in ready:
                self._serve(self._server)
            if self._out in ready:
                return True
            if ended and not ready:
                return False

    def _ready(self) -> set[int]:
        poll = select.poll()
        poll.register(self._out, select.POLLIN)
        if self._server is not None:
            poll.register(self._server, select.POLLOUT if self._server.answering else select.POLLIN)
        return {fd for fd, _ in poll.poll(WATCH_S * 1000)}

    def _serve(self, server: RangeServer) -> None:
        server.step()
        if not server.open:
            self._server = None

    def _check(self) -> None:
        if time.monotonic() > self._deadline:
            raise MediaFailed(Reason.DECODE_TIMEOUT, "took too long", limit="wall")
        if self._resident() > self._bounds.resident:
            raise MediaFailed(Reason.DECODER_OOM, "used too much memory", limit="rss")

    def _resident(self) -> int:
        if self._job.pid is None or self._job.ended.is_set():
            return 0
        import psutil

        try:
            return int(psutil.Process(self._job.pid).memory_info().rss)
        except psutil.Error:  # it has just ended
            return 0
