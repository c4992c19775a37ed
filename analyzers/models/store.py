"""Models on this machine: a folder each, written under a lock, read by checksum."""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from analyzers.models import manifest
from analyzers.models.manifest import Model, ModelFile
from dataflux.errors import Conflict, Invalid, MediaFailed, NotFound
from schemas.names import Reason

MANIFEST = "model.json"
Fetch = Callable[[ModelFile, Path], None]
"""Writes a file to a path, or goes on with what is there."""


@dataclass(frozen=True)
class ModelStore:
    """Reading needs no lock: a model appears whole, by one rename, or not at all."""

    folder: Path

    def all(self) -> dict[str, Model]:
        """Return the models that lie here, by name."""
        found = sorted(self.folder.glob(f"[a-z0-9]*/{MANIFEST}"))
        models = (manifest.read(path.read_bytes(), str(path)) for path in found)
        return {model.name: model for model in models}

    def get(self, name: str) -> Model:
        """Return a model that lies here; raise NotFound that says how to get it."""
        place = self.folder / name / MANIFEST
        if not place.is_file():
            raise NotFound(f"no model {name} in {self.folder}; `dataflux models pull {name}`")
        return manifest.read(place.read_bytes(), str(place))

    def path(self, model: Model, file: str) -> Path:
        """Return where a file lies; raise MediaFailed unless it has the known checksum."""
        place, known = self.folder / model.name / file, model.file(file)
        if not is_intact(place, known):
            raise MediaFailed(
                Reason.MODEL_UNAVAILABLE,
                f"{place} is missing or not the file that was pulled; run `dataflux models pull"
                f" {model.name}`",
            )
        return place

    def read(self, model: Model, file: str) -> bytes:
        """Return the bytes of a file; raise MediaFailed unless they have the known checksum."""
        return self.path(model, file).read_bytes()

    def broken(self, model: Model) -> list[str]:
        """Return the files that are missing or changed."""
        place = self.folder / model.name
        return [file.path for file in model.files if not is_intact(place / file.path, file)]

    def install(self, model: Model, fetch: Fetch) -> Path:
        """Bring a model in: what is here already stays, what is fetched must have its checksum."""
        with self._alone():
            parts = self.folder / ".parts"
            parts.mkdir(exist_ok=True)
            for file in model.files:
                self._bring(model, file, parts / file.sha256, fetch)
            return self._publish(model, parts)

    def _bring(self, model: Model, file: ModelFile, part: Path, fetch: Fetch) -> None:
        here = self.folder / model.name / file.path
        if not part.exists() and is_intact(here, file):
            os.link(here, part)
            return
        fetch(file, part)
        if not is_intact(part, file):
            part.unlink()
            raise Invalid(
                f"{model.name}: {file.path} is not the file that is pinned (sha256"
                f" {file.sha256[:12]}…, {file.size} bytes); nothing was installed"
            )

    def _publish(self, model: Model, parts: Path) -> Path:
        """Put the parts into a folder and that in place of the former one."""
        place, new, old = (self.folder / f"{dot}{model.name}" for dot in ("", ".new-", ".old-"))
        for leftover in (new, old):
            shutil.rmtree(leftover, ignore_errors=True)
        for file in model.files:
            target = new / file.path
            target.parent.mkdir(parents=True, exist_ok=True)
            os.link(parts / file.sha256, target)
        (new / MANIFEST).write_text(model.model_dump_json(indent=2, exclude_none=True))
        if place.exists():
            place.rename(old)
        new.rename(place)
        for file in model.files:
            (parts / file.sha256).unlink(missing_ok=True)
        shutil.rmtree(old, ignore_errors=True)
        return place

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / ".lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Conflict(
                    f"another process writes to {self.folder}; wait until it has ended"
                ) from None
            yield


def is_intact(path: Path, known: ModelFile) -> bool:
    """Return whether a file is there and has its size and checksum."""
    try:
        if path.stat().st_size != known.size:
            return False
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest() == known.sha256
    except FileNotFoundError:
        return False
