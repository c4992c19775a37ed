"""Objects in a folder: atomic writes, versions, ranged reads."""

import contextlib
import errno
import hashlib
import io
import itertools
import logging
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Self
from urllib.parse import unquote

from dataflux.errors import Conflict, NotFound, ObjectMissing, StorageFull, Unavailable
from dataflux.failpoints import failpoint
from stores.objects import keys
from stores.ports import ObjectInfo

log = logging.getLogger(__name__)

Created = Callable[[ObjectInfo], None]

CHUNK = 1 << 20
_STALE = ".tmp"


class DiskObjects:
    """Each key is a folder of numbered versions; the hash is kept in a file's name.

    A key's parts become folder names, percent-encoded where a name could mean something to the
    file system. Writes go to a temporary file beside the target and are renamed when they are on
    the disk.
    """

    def __init__(self, folder: Path, *, on_created: Sequence[Created] = ()) -> None:
        """`on_created` is told of each object that was put, as a bucket notifies its listeners."""
        self._folder, self._on_created = folder, on_created
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._incoming = folder / ".incoming"
        self._incoming.mkdir(exist_ok=True)
        for left in self._incoming.iterdir():  # of a process that was killed while it wrote
            if not _is_alive(int(left.name.partition("-")[0])):
                left.unlink(missing_ok=True)

    def put(self, key: str, data: bytes | BinaryIO, *, if_absent: bool = False) -> ObjectInfo:
        """Store an object; its hash is computed in the pass that writes it."""
        place = self._place(key)
        temporary = self._incoming / f"{os.getpid()}-{next(self._numbers)}{_STALE}"
        try:
            digest = _write(temporary, io.BytesIO(data) if isinstance(data, bytes) else data)
            failpoint("objects.written")
            with self._lock:
                number = self._next_version(place, key, if_absent=if_absent)
                place.mkdir(parents=True, exist_ok=True)
                target = place / f"{number:06}{VERSION}{digest}"
                temporary.rename(target)
                _sync_folder(place)
        except OSError as error:
            raise _translated(error, key) from error
        finally:
            temporary.unlink(missing_ok=True)
        info = self._info(key, target)
        self._announce(info)
        return info

    def _announce(self, info: ObjectInfo) -> None:
        for created in self._on_created:
            try:
                created(info)
            except Exception:  # the bytes are kept: a second put would only double them
                log.exception("nobody was told that object %r was created", info.key)

    def head(self, key: str) -> ObjectInfo:
        return self._info(key, self._version(key, None))

    def open(self, key: str, version: str | None = None) -> "DiskReader":
        try:
            return DiskReader(self._version(key, version))
        except OSError as error:
            raise _translated(error, key) from error

    def delete(self, key: str) -> None:
        """Delete every version of an object; a missing one is fine."""
        place = self._place(key)
        for version in _versions(place):
            version.unlink(missing_ok=True)
        self._prune(place)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Yield the latest versions under a prefix, in the order of their keys."""
        found: dict[str, Path] = {}
        for place, _, names in os.walk(self._below(prefix)):
            versions = [name for name in names if VERSION in name]
            key = _key_of(Path(place).relative_to(self._folder))
            if versions and key.startswith(prefix):
                found[key] = Path(place, max(versions))
        for key in sorted(found):
            with contextlib.suppress(NotFound):  # deleted meanwhile
                yield self._info(key, found[key])

    def _below(self, prefix: str) -> Path:
        """Return the folder that holds every key with a prefix, to walk no more than that."""
        folders = prefix.split("/")[:-1]
        return self._folder.joinpath(*map(_encoded, filter(None, folders)))

    def _place(self, key: str) -> Path:
        keys.check(key)
        return self._folder.joinpath(*map(_encoded, key.split("/")))

    def _version(self, key: str, version: str | None) -> Path:
        for path in reversed(_versions(self._place(key))):
            if version is None or path.name.startswith(f"{version}{VERSION}"):
                return path
        raise ObjectMissing(f"no object {key!r}" + (f" of version {version}" if version else ""))

    def _next_version(self, place: Path, key: str, *, if_absent: bool) -> int:
        versions = _versions(place)
        if versions and if_absent:
            raise Conflict(f"object {key!r} exists already")
        return int(versions[-1].name.partition(VERSION)[0]) + 1 if versions else 1

    def _info(self, key: str, path: Path) -> ObjectInfo:
        version, _, digest = path.name.partition(VERSION)
        try:
            stat = path.stat()
        except OSError as error:
            raise _translated(error, key) from error
        modified = datetime.fromtimestamp(stat.st_mtime, UTC)
        return ObjectInfo(key, stat.st_size, digest, digest, version, modified)

    def _prune(self, place: Path) -> None:
        """Remove the folders that a deletion has left empty."""
        with self._lock:
            while place != self._folder and place.is_dir() and not any(place.iterdir()):
                place.rmdir()
                place = place.parent


@dataclass
class DiskReader:
    """Random access to one version; it stays readable when the object is deleted meanwhile."""

    path: Path

    def __post_init__(self) -> None:
        self._fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        self._size = os.fstat(self._fd).st_size

    @property
    def size(self) -> int:
        return self._size

    def read(self, offset: int, length: int) -> bytes:
        return os.pread(self._fd, length, offset)

    def fileno(self) -> int:
        return self._fd

    def close(self) -> None:
        os.close(self._fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return process != os.getpid()  # a number that is given again, to us


def _write(path: Path, stream: BinaryIO) -> str:
    """Write a stream to the disk in one pass; return its SHA-256."""
    digest = hashlib.sha256()
    with path.open("xb") as out:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
            out.write(chunk)
        out.flush()
        os.fsync(out.fileno())
    return digest.hexdigest()


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _versions(place: Path) -> list[Path]:
    try:
        return sorted(path for path in place.iterdir() if VERSION in path.name)
    except FileNotFoundError:
        return []


_SAFE = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=,@ .")
LONGEST_NAME = 200
VERSION = "~"
"""Between number and hash in the name of a version; in the name of no folder."""
CONTINUES = "%/"
"""A folder's name that ends with "%" goes on in the folder inside: names have at most 255 bytes."""


def _encoded(part: str) -> str:
    """Return a part of a key as a relative path; no two parts have the same."""
    names = [chr(b) if b in _SAFE else f"%{b:02X}" for b in part.encode(errors="surrogatepass")]
    size = LONGEST_NAME // 3
    cut = ("".join(names[i : i + size]) for i in range(0, len(names), size))
    return CONTINUES.join(f"%2E{piece[1:]}" if piece[0] == "." else piece for piece in cut)


def _key_of(relative: Path) -> str:
    return unquote(relative.as_posix().replace(CONTINUES, ""), errors="surrogatepass")


def _translated(error: OSError, key: str) -> Exception:
    if isinstance(error, FileNotFoundError):
        return ObjectMissing(f"no object {key!r}")
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageFull("objects: the disk is full; free some space")
    return Unavailable(f"objects: {error.strerror}; check the folder of the object store")
