"""What a backup says of itself: every file in it with its size and its SHA-256."""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from pydantic import TypeAdapter, ValidationError

from dataflux.errors import Conflict, Invalid, NotFound

FORMAT = 1
NAME = "manifest.json"
OBJECTS = "objects.jsonl"
CHUNK = 1 << 20


@dataclass(frozen=True)
class KeptFile:
    """A file of the backup."""

    file: str
    size: int
    sha256: str


@dataclass(frozen=True)
class KeptTable(KeptFile):
    """A table's rows as COPY writes them, packed with gzip."""

    name: str
    columns: list[str]
    rows: int


@dataclass(frozen=True)
class KeptObject:
    """An object; its bytes are in the file named for their hash."""

    key: str
    size: int
    sha256: str

    @property
    def file(self) -> str:
        return f"objects/{self.sha256[:2]}/{self.sha256}"


@dataclass(frozen=True)
class Manifest:
    """The whole of a backup; written last: without it a backup is none."""

    format: int
    made_at: str
    dataflux: str
    migrations: dict[str, str]
    tables: list[KeptTable]
    objects: KeptFile
    object_count: int
    object_bytes: int

    def write(self, folder: Path) -> None:
        with write_file(folder / f"{NAME}.new") as out:
            out.write(json.dumps(asdict(self), indent=1).encode() + b"\n")
        (folder / f"{NAME}.new").rename(folder / NAME)


def read(folder: Path) -> Manifest:
    """Return the manifest of a backup; NotFound if there is none, Invalid if it is not ours."""
    try:
        raw = json.loads((folder / NAME).read_bytes())
    except FileNotFoundError:
        raise NotFound(f"{folder} holds no backup, or one that was not finished") from None
    except ValueError as error:
        raise Invalid(f"{folder / NAME} is damaged: {error}; take another backup") from None
    if not isinstance(raw, dict) or raw.get("format") != FORMAT:
        raise Invalid(f"{folder} holds a backup of another format; use the DataFlux that made it")
    try:
        return TypeAdapter(Manifest).validate_python(raw)
    except ValidationError as error:
        raise Invalid(f"{folder / NAME} is damaged: {error.errors()[0]['msg']}") from None


def objects(folder: Path) -> Iterator[KeptObject]:
    """Yield every object of a backup."""
    with (folder / OBJECTS).open() as lines:
        for line in lines:
            yield KeptObject(**json.loads(line))


def verify(folder: Path) -> Manifest:
    """Read every byte of a backup and return its manifest; Conflict that names what is damaged."""
    manifest = read(folder)
    files: Sequence[KeptFile] = [*manifest.tables, manifest.objects]
    bad = [kept.file for kept in files if not _is_whole(folder, kept)]
    if not bad:
        bad = _damaged(folder, manifest)
    if bad:
        listed = ", ".join(bad[:5]) + (f" and {len(bad) - 5} more" if len(bad) > 5 else "")
        raise Conflict(f"the backup in {folder} is damaged: {listed}; take another one")
    return manifest


def _damaged(folder: Path, manifest: Manifest) -> list[str]:
    seen: dict[str, bool] = {}
    count = 0
    for kept in objects(folder):
        count += 1
        if kept.file not in seen:  # several keys may have the same bytes
            seen[kept.file] = _is_whole(folder, KeptFile(kept.file, kept.size, kept.sha256))
    if count != manifest.object_count:
        return [OBJECTS]
    return [file for file, whole in seen.items() if not whole]


def _is_whole(folder: Path, kept: KeptFile) -> bool:
    try:
        with (folder / kept.file).open("rb") as stream:
            found = hashed(iter(lambda: stream.read(CHUNK), b""))
    except OSError:
        return False
    return found == (kept.size, kept.sha256)


def hashed(chunks: Iterable[bytes]) -> tuple[int, str]:
    """Return the size and the SHA-256 of some bytes."""
    size, digest = 0, hashlib.sha256()
    for chunk in chunks:
        size += len(chunk)
        digest.update(chunk)
    return size, digest.hexdigest()


class write_file:  # noqa: N801 # reads like open()
    """Open a new file of a backup for writing; what is written is on the disk in the end."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._out = path.open("xb")

    def __enter__(self) -> BinaryIO:
        return self._out

    def __exit__(self, *_: Any) -> None:
        self._out.flush()
        os.fsync(self._out.fileno())
        self._out.close()
