"""Analyzers that misbehave on purpose: what they do is named by the bytes of their file."""

import ctypes
import errno
import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

from analyzers.api import AnalysisResult, AnalyzerSpec, Artifact, BaseAnalyzer, Segment
from analyzers.sandbox.files import write_all

libc = ctypes.CDLL(None, use_errno=True)


def segment(**changed: Any) -> Segment:
    given: dict[str, Any] = {"key": "only", "confidence": 1.0, **changed}
    return Segment("scene", {"time": 0.0}, {"time": 1.0}, **given)


class Rogue(BaseAnalyzer):
    """Does what its file says."""

    spec: ClassVar[AnalyzerSpec] = AnalyzerSpec("rogue", "1", formats=("text/plain",))

    def extract_segments(
        self, file: BinaryIO, config: Mapping[str, Any]
    ) -> Iterator[Segment | Artifact]:
        file.seek(0)
        what, _, rest = file.read(1000).decode().partition(" ")
        if what == "echo":
            yield Artifact("echo", "text/plain", rest.encode())
        elif what in PROBES:
            yield Artifact("probe", "application/json", json.dumps(_probe(what)).encode())
        else:
            yield from ENDINGS[what]()


def _probe(name: str) -> dict[str, Any]:
    """Try what must be refused; return how it was."""
    try:
        PROBES[name]()
    except OSError as error:
        return {"refused": errno.errorcode.get(error.errno or 0, "?")}
    return {"refused": None}


def _ptrace() -> None:
    if libc.ptrace(16, os.getppid(), 0, 0) < 0:  # PTRACE_ATTACH
        raise OSError(ctypes.get_errno(), "ptrace")


def _fork() -> None:
    if os.fork() == 0:
        os._exit(0)


PROBES: dict[str, Callable[[], object]] = {
    "open": lambda: os.open("/etc/passwd", os.O_RDONLY),
    "create": lambda: os.open("/tmp/rogue", os.O_WRONLY | os.O_CREAT),
    "list": lambda: list(Path("/").iterdir()),
    "environ": lambda: os.open(f"/proc/{os.getppid()}/environ", os.O_RDONLY),
    "socket": lambda: socket.socket(),
    "unix": lambda: socket.socket(socket.AF_UNIX),
    "exec": lambda: os.execv("/bin/true", ["true"]),
    "fork": _fork,
    "kill": lambda: os.kill(os.getppid(), signal.SIGTERM),
    "ptrace": _ptrace,
    "unlink": lambda: os.unlink("/tmp/rogue"),  # noqa: PTH108
    "memfd": lambda: os.memfd_create("x"),
    "chmod": lambda: os.chmod("/", 0o777),  # noqa: PTH101
}


def _segfault() -> Iterator[Segment]:
    ctypes.string_at(0)
    yield segment()


def _abort() -> Iterator[Segment]:
    os.abort()
    yield segment()


def _spin() -> Iterator[Segment]:
    while True:
        pass
    yield segment()


def _sleep() -> Iterator[Segment]:
    time.sleep(60)
    yield segment()


def _eat() -> Iterator[Segment]:
    held = []
    while True:
        held.append(bytearray(50 << 20))
    yield segment()


def _flood() -> Iterator[Artifact]:
    while True:
        yield Artifact("flood", "application/octet-stream", bytes(1 << 20))


def _raw(data: bytes) -> Callable[[], Iterator[Segment]]:
    def write() -> Iterator[Segment]:
        for fd in range(3, 64):  # the pipe is one of them
            try:
                write_all(fd, data)
            except OSError:
                continue
        os._exit(0)
        yield segment()

    return write


def _exit() -> Iterator[Segment]:
    os._exit(0)
    yield segment()


def _broken() -> Iterator[Segment]:
    raise RuntimeError("a decoder's own mistake")
    yield segment()


def _yields(**changed: Any) -> Callable[[], Iterator[Segment]]:
    def made() -> Iterator[Segment]:
        yield segment(**changed)

    return made


ENDINGS: dict[str, Callable[[], Iterator[Segment | Artifact]]] = {
    "segfault": _segfault,
    "abort": _abort,
    "spin": _spin,
    "sleep": _sleep,
    "eat": _eat,
    "flood": _flood,
    "garbage": _raw(b"\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00nope"),
    "array": _raw(b"\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00[]"),
    "huge": _raw(b"\xff" * 12),
    "exit": _exit,
    "broken": _broken,
    "confidence": _yields(confidence=2.0),
    "domain": _yields(features={"nonsense": {"x": 1}}),
    "deep": _yields(features={"visual": {"x": json.loads("[" * 50 + "]" * 50)}}),
    "keyless": _yields(key=""),
}


class Good(BaseAnalyzer):
    """Finds something in every segment."""

    spec: ClassVar[AnalyzerSpec] = AnalyzerSpec("good", "1")

    def analyze_segment(
        self, segment: Segment, priorities: Mapping[str, int]
    ) -> AnalysisResult | None:
        size = len(segment.renditions.get("keyframe", b""))
        return AnalysisResult(features={"visual": {"size": {"bytes": size}}})


class Bad(BaseAnalyzer):
    """Fails on every segment."""

    spec: ClassVar[AnalyzerSpec] = AnalyzerSpec("bad", "1")

    def analyze_segment(
        self, segment: Segment, priorities: Mapping[str, int]
    ) -> AnalysisResult | None:
        raise ZeroDivisionError


ENTRIES = tuple(f"tests.analyzers.sandbox.rogues:{name}" for name in ("Rogue", "Good", "Bad"))
