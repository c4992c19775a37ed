"""Analyzers that misbehave on purpose: what they do is named by the bytes of their file."""

import contextlib
import ctypes
import errno
import fcntl
import json
import math
import mmap
import os
import resource
import signal
import socket
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from analyzers import containers
from analyzers.api import (
    AnalysisResult,
    AnalyzerSpec,
    Artifact,
    BaseAnalyzer,
    Cost,
    Embedding,
    Segment,
)
from analyzers.sandbox import frames
from analyzers.sandbox.files import REQUEST, write_all

libc = ctypes.CDLL(None, use_errno=True)


def segment(**changed: Any) -> Segment:
    given: dict[str, Any] = {"key": "only", "end": {"time": 1.0}, **changed}
    return Segment("scene", {"time": 0.0}, given.pop("end"), **given)


class Rogue(BaseAnalyzer):
    """Does what its file says."""

    spec = AnalyzerSpec("rogue", "1", formats=("text/plain",), cost=Cost(1, "file"))

    def extract_segments(
        self, file: BinaryIO, config: Mapping[str, Any]
    ) -> Iterator[Segment | Artifact]:
        file.seek(0)
        what, _, rest = file.read(1000).decode().partition(": ")
        if what == "echo":
            yield Artifact("echo", "text/plain", rest.encode())
        elif what in PROBES:
            yield Artifact("probe", "application/json", json.dumps(_probe(what, rest)).encode())
        else:
            yield from ENDINGS[what]()


def _probe(name: str, target: str) -> dict[str, Any]:
    """Try what must be refused; return how it was. Some need to be told a port or a path."""
    try:
        TOLD[name](target) if name in TOLD else PROBES[name]()
    except socket.gaierror:
        return {"refused": "EAI"}
    except MemoryError:
        return {"refused": "MemoryError"}
    except OSError as error:
        return {"refused": errno.errorcode.get(error.errno or 0, "?")}
    return {"refused": None}


def _secret() -> None:
    """Find what the environment of the parent holds in one's own."""
    if SECRET not in os.environ:
        raise OSError(errno.ENOENT, "no secret here")


def _read_memory() -> None:
    """Read what the parent has in its memory."""
    held = ctypes.create_string_buffer(16)
    span = (ctypes.c_size_t * 2)(ctypes.addressof(held), 16)
    if libc.process_vm_readv(os.getppid(), span, 1, span, 1, 0) < 0:
        raise OSError(ctypes.get_errno(), "process_vm_readv")


def _reopen() -> None:
    """Open one's own file anew, to write."""
    os.close(os.open(f"/proc/self/fd/{_file_descriptor()}", os.O_RDWR))


def _fork() -> None:
    if os.fork() == 0:
        os._exit(0)


def _own_signals() -> None:
    """Have the parent signalled when a descriptor becomes readable."""
    fcntl.fcntl(_file_descriptor(), fcntl.F_SETOWN, os.getppid())


def _file_descriptor() -> int:
    """Return the descriptor of the file: the pipe and a socket have no beginning."""
    for fd in range(3, 64):
        if _reads(fd):
            return fd
    raise OSError(errno.EBADF, "no descriptor of the file")


def _reads(fd: int) -> bool:
    try:
        return bool(os.pread(fd, 1, 0))
    except OSError:
        return False


def _write_file() -> None:
    os.lseek(_file_descriptor(), 0, os.SEEK_SET)
    os.write(_file_descriptor(), b"changed")


def _map_file() -> None:
    mmap.mmap(_file_descriptor(), 1, mmap.MAP_SHARED, mmap.PROT_WRITE).close()


def _native(name: str, *arguments: object) -> Callable[[], None]:
    def call() -> None:
        if getattr(libc, name)(*arguments) < 0:
            raise OSError(ctypes.get_errno(), name)

    return call


SECRET = "DATAFLUX_ROGUE_SECRET"
PTRACE_ATTACH, PTRACE_SEIZE = 16, 0x4206
ETHERNET = 0x0003
TOLD: dict[str, Callable[[str], object]] = {
    "connect": lambda port: socket.create_connection(("127.0.0.1", int(port)), 2),
    "datagram": lambda port: socket.socket(type=socket.SOCK_DGRAM).sendto(
        b"out", ("127.0.0.1", int(port))
    ),
    "another tenant": lambda path: os.open(path, os.O_RDONLY),
}
PROBES: dict[str, Callable[[], object]] = {
    **dict.fromkeys(TOLD, lambda: None),
    "open": lambda: os.open("/etc/passwd", os.O_RDONLY),
    "write": lambda: os.open("/etc/passwd", os.O_WRONLY | os.O_APPEND),
    "reopen": _reopen,
    "create": lambda: os.open("/tmp/rogue", os.O_WRONLY | os.O_CREAT),
    "memory of the parent": lambda: os.open(f"/proc/{os.getppid()}/mem", os.O_RDONLY),
    "maps of the parent": lambda: os.open(f"/proc/{os.getppid()}/maps", os.O_RDONLY),
    "own environment": lambda: os.open("/proc/self/environ", os.O_RDONLY),
    "secret": _secret,
    "read memory": _read_memory,
    "netlink": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW),
    "packet": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, ETHERNET),
    "resolve": lambda: socket.getaddrinfo("rogue.invalid", 80),
    "heap": lambda: bytearray(2 << 30),
    "symlink": lambda: os.symlink("/etc", "/tmp/rogue-link"),  # noqa: PTH211
    "chdir": lambda: os.chdir("/etc"),
    "list": lambda: list(Path("/").iterdir()),
    "environ": lambda: os.open(f"/proc/{os.getppid()}/environ", os.O_RDONLY),
    "socket": lambda: socket.socket(),
    "unix": lambda: socket.socket(socket.AF_UNIX),
    "exec": lambda: os.execv("/bin/true", ["true"]),
    "fork": _fork,
    "kill": lambda: os.kill(os.getppid(), signal.SIGTERM),
    "ptrace": lambda: _native("ptrace", PTRACE_ATTACH, os.getppid(), 0, 0)(),
    "seize": lambda: _native("ptrace", PTRACE_SEIZE, os.getppid(), 0, 0)(),
    "unlink": lambda: os.unlink("/tmp/rogue"),  # noqa: PTH108
    "memfd": lambda: os.memfd_create("x"),
    "execute memory": lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC),
    "own signals": _own_signals,
    "write the file": _write_file,
    "map the file": _map_file,
    "user namespace": _native("unshare", 0x10000000),
    "join a namespace": _native("setns", 0, 0),
    "mount": _native("mount", b"none", b"/tmp", b"tmpfs", 0, None),
    "io_uring": _native("syscall", 425, 8, ctypes.create_string_buffer(120)),
    "bpf": _native("syscall", 321, 5, ctypes.create_string_buffer(128), 128),
    "raise limits": _native("setrlimit", resource.RLIMIT_CPU, bytes(16)),
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
        _raw_bytes(data)
        os._exit(0)
        yield segment()

    return write


def _raw_bytes(data: bytes) -> None:
    for fd in range(3, 64):
        with contextlib.suppress(OSError):
            if stat.S_ISFIFO(os.fstat(fd).st_mode):
                write_all(fd, data)


def _pauses() -> Iterator[Artifact]:
    yield Artifact("echo", "text/plain", b"first")
    time.sleep(60)


def _hangs_up() -> Iterator[Segment]:
    os.closerange(3, 64)
    time.sleep(60)
    yield segment()


def _prints() -> Iterator[Artifact]:
    for stream in (1, 2):
        os.write(stream, b"words of a hostile file")
    yield Artifact("echo", "text/plain", b"printed")


def _in_pieces() -> Iterator[Artifact]:
    """Send a frame in two halves with a long time between them."""
    frame = frames.pack({"artifact": {}}, bytes(100))
    _raw_bytes(frame[:20])
    time.sleep(60)
    yield Artifact("never", "text/plain", b"")


def _asks(request: bytes) -> Callable[[], Iterator[Artifact]]:
    """Send a request for a range, or half of one, and wait."""

    def made() -> Iterator[Artifact]:
        for fd in range(3, 64):
            with contextlib.suppress(OSError):
                if stat.S_ISSOCK(os.fstat(fd).st_mode):
                    os.write(fd, request)
        time.sleep(60)
        yield Artifact("never", "text/plain", b"")

    return made


def _artifact(**changed: Any) -> Callable[[], Iterator[Artifact]]:
    given: dict[str, Any] = {"kind": "echo", "mime_type": "text/plain", "data": b"", **changed}

    def made() -> Iterator[Artifact]:
        yield Artifact(**given)

    return made


def _twice() -> Iterator[Segment]:
    yield segment()
    yield segment()


def _imports() -> Iterator[Segment]:
    import this  # noqa: F401 - not loaded before the seal

    yield segment()


def _exit() -> Iterator[Segment]:
    os._exit(0)
    yield segment()


def _signals() -> Iterator[Segment]:
    libc.syscall(234 if os.uname().machine == "x86_64" else 131, os.getpid(), os.getpid(), 40)
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
    "pauses": _pauses,
    "hangs up": _hangs_up,
    "prints": _prints,
    "in pieces": _in_pieces,
    "asks by half": _asks(REQUEST.pack(0, 1)[:5]),
    "asks beyond": _asks(REQUEST.pack(1 << 40, 1 << 20)),
    "imports": _imports,
    "twice": _twice,
    "path as kind": _artifact(kind="../../etc/passwd"),
    "page as type": _artifact(mime_type="text/html; <script>"),
    "not a number": _yields(features={"visual": {"x": math.nan}}),
    "not JSON": _yields(features={"visual": {"x": {1, 2}}}),
    "backwards": _yields(end={"time": -0.5}),
    "no text": _yields(features={"visual": {"x": "a\0b\ud800c", "n": 10**40}}),
    "real-time signal": _signals,
    "broken": _broken,
    "confidence": _yields(confidence=2.0),
    "domain": _yields(features={"nonsense": {"x": 1}}),
    "deep": _yields(features={"visual": {"x": json.loads("[" * 50 + "]" * 50)}}),
    "keyless": _yields(key=""),
}


class Forced(BaseAnalyzer):
    """Opens its file by a demuxer that opens others, with every protocol allowed and no hook."""

    spec = AnalyzerSpec("forced", "1", formats=("text/plain",), cost=Cost(1, "file"))

    def load(self) -> None:
        containers.load()

    def extract_segments(
        self, file: BinaryIO, config: Mapping[str, Any]
    ) -> Iterator[Segment | Artifact]:
        import av

        everything = {
            "safe": "0",
            "protocol_whitelist": "file,http,tcp,crypto,concat,subfile,data",
            "allowed_extensions": "ALL",
            "allowed_segment_extensions": "ALL",
            "extension_picky": "0",
        }
        size = 0
        with contextlib.suppress(av.error.FFmpegError, OSError):
            opened: Any = av.open(
                file, format=config["format"], container_options=everything, timeout=2
            )
            with opened as container:
                size = sum(packet.size for packet in container.demux())
        yield Artifact("sum", "text/plain", f"{size} bytes read".encode())


class Good(BaseAnalyzer):
    """Finds something in every segment."""

    spec = AnalyzerSpec("good", "1", emits=("visual",), cost=Cost(1))

    def analyze_segment(
        self, segment: Segment, priorities: Mapping[str, int]
    ) -> AnalysisResult | None:
        size = len(segment.renditions.get("keyframe", b""))
        return AnalysisResult(features={"visual": {"size": {"bytes": size}}})


class Bad(BaseAnalyzer):
    """Fails on a segment as its type says."""

    spec = AnalyzerSpec("bad", "1", cost=Cost(1))

    def analyze_segment(
        self, segment: Segment, priorities: Mapping[str, int]
    ) -> AnalysisResult | None:
        match segment.type:
            case "crash":
                ctypes.string_at(0)
            case "nan":
                return AnalysisResult(features={"visual": {"x": math.nan}})
            case "sleep":
                time.sleep(60)
            case "fine":
                return None
            case "foreign":
                return AnalysisResult(features={"semantic": {"x": 1}})
            case "busy":
                until = time.process_time() + 0.2
                while time.process_time() < until:
                    pass
                return None
        raise ZeroDivisionError


class Missing(BaseAnalyzer):
    """Has a model that is not there."""

    spec = AnalyzerSpec("missing", "1", cost=Cost(1))

    def load(self) -> None:
        raise ModuleNotFoundError("no model; install dataflux[model]")

    def analyze_segment(
        self, segment: Segment, priorities: Mapping[str, int]
    ) -> AnalysisResult | None:
        return AnalysisResult()


class Embedder(BaseAnalyzer):
    """Makes the vectors that the segment's type names."""

    spec = AnalyzerSpec("embedder", "1", emits=("visual/rogue@1",), dimensions=2, cost=Cost(1))

    def generate_embeddings(self, segment: Segment) -> list[Embedding]:
        return [Embedding(*VECTORS[segment.type])]

    def embed_query(self, query: str | bytes) -> Embedding | None:
        return Embedding("visual/rogue@1", [0.6, 0.8]) if query else None


VECTORS: dict[str, tuple[str, list[float]]] = {
    "fine": ("visual/rogue@1", [0.6, 0.8]),
    "long": ("visual/rogue@1", [3.0, 4.0]),
    "nan": ("visual/rogue@1", [math.nan, 1.0]),
    "short": ("visual/rogue@1", [1.0]),
    "foreign": ("visual/other@1", [0.6, 0.8]),
}


ENTRIES = tuple(
    f"tests.analyzers.sandbox.rogues:{name}"
    for name in ("Rogue", "Good", "Bad", "Missing", "Embedder")
)
