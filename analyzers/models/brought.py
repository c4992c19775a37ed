"""Models brought by hand: files that lie in a folder already."""

import hashlib
import shutil
from pathlib import Path
from typing import Any

import orjson

from analyzers.models import manifest
from analyzers.models.catalog import catalog
from analyzers.models.manifest import Model, ModelFile
from analyzers.models.store import MANIFEST, ModelStore, is_intact
from dataflux.errors import Invalid, NotFound


def described(name: str, folder: Path) -> Model:
    """Return the model of the catalogue, else the one that the folder's model.json describes."""
    return catalog().get(name) or own(name, folder)


def add(store: ModelStore, model: Model, folder: Path) -> Path:
    """Install a model from a folder that has its files under any name."""

    def fetch(file: ModelFile, part: Path) -> None:
        shutil.copyfile(_matching(file, folder), part)

    return store.install(model, fetch)


def own(name: str, folder: Path) -> Model:
    """Read the model.json of a folder; sizes and checksums it leaves out are measured."""
    place = folder / MANIFEST
    if not place.is_file():
        known = ", ".join(catalog())
        raise NotFound(f"{name} is none of {known}, and {place} does not exist; write it")
    try:
        raw = orjson.loads(place.read_bytes())
    except orjson.JSONDecodeError as error:
        raise Invalid(f"{place} is no JSON: {error}") from None
    if isinstance(raw, dict) and isinstance(raw.get("files"), list):
        raw["files"] = [_measured(file, folder) for file in raw["files"]]
    model = manifest.read(orjson.dumps(raw), str(place))
    if model.name != name:
        raise Invalid(f"{place} describes {model.name!r}, not {name!r}; use that name")
    return model


def _measured(file: Any, folder: Path) -> Any:
    """Return a file's entry with its size and checksum."""
    entry = {"path": file} if isinstance(file, str) else file
    path = folder / str(entry.get("path")) if isinstance(entry, dict) else folder
    if not path.is_file():
        return entry
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    return {"sha256": found, "size": path.stat().st_size, **entry}


def _matching(file: ModelFile, folder: Path) -> Path:
    """Return the file of a folder that has a checksum, whatever its name."""
    candidates = [folder / file.path, *sorted(p for p in folder.rglob("*") if p.is_file())]
    for path in candidates:
        if is_intact(path, file):
            return path
    raise NotFound(
        f"no file in {folder} has the sha256 {file.sha256} of {file.path} ({file.size} bytes)"
    )
