"""Takes a backup: the records as they are at one moment, and every object that they name."""

import contextlib
import gzip
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from psycopg import Connection

from dataflux.errors import Conflict, NotFound
from functions.deps import Deps
from local import manifest
from local.manifest import CHUNK, FORMAT, OBJECTS, KeptFile, KeptObject, KeptTable, Manifest
from stores.ports import ObjectInfo
from stores.records import dump
from stores.records.dump import Table


@dataclass(frozen=True)
class Records:
    """What was read of the database in one transaction."""

    migrations: dict[str, str]
    tables: list[KeptTable]
    keys: set[str]


def take(deps: Deps, folder: Path) -> Manifest:
    """Back up an installation into a new folder; it may go on working meanwhile.

    Records first: an object is there before a row names it, and none that is named is deleted.
    """
    if folder.exists() and any(folder.iterdir()):
        raise Conflict(f"{folder} is not empty; name a new folder for each backup")
    folder.mkdir(parents=True, exist_ok=True)
    made_at = deps.clock.now()
    with deps.engine.system("admin") as conn:
        dump.one_moment(conn)
        records = _records(conn, folder, _migrations(deps))
    kept = _objects(deps, folder, records.keys)
    whole = Manifest(
        format=FORMAT,
        made_at=made_at.isoformat(),
        dataflux=version("dataflux"),
        migrations=records.migrations,
        tables=records.tables,
        objects=_described(folder, OBJECTS),
        object_count=len(kept),
        object_bytes=sum(kept.values()),
    )
    whole.write(folder)
    return whole


def _migrations(deps: Deps) -> dict[str, str]:
    with deps.engine.database.installer() as conn:
        return dump.applied(conn)


def _records(conn: Connection[Any], folder: Path, migrations: dict[str, str]) -> Records:
    tables = [_table(conn, folder, table) for table in dump.tables(conn)]
    return Records(migrations, tables, dump.object_keys(conn))


def _table(conn: Connection[Any], folder: Path, table: Table) -> KeptTable:
    file = f"records/{table.name}.copy.gz"
    rows = 0
    with (
        manifest.write_file(folder / file) as out,
        gzip.GzipFile(fileobj=out, mode="wb", compresslevel=6, mtime=0) as packed,
    ):
        for chunk in dump.rows_out(conn, table):
            rows += chunk.count(b"\n")  # a newline within a value is written as \n
            packed.write(chunk)
    described = _described(folder, file)
    return KeptTable(**asdict(described), name=table.name, columns=list(table.columns), rows=rows)


def _described(folder: Path, file: str) -> KeptFile:
    with (folder / file).open("rb") as stream:
        size, sha256 = manifest.hashed(iter(lambda: stream.read(CHUNK), b""))
    return KeptFile(file, size, sha256)


def _objects(deps: Deps, folder: Path, named: set[str]) -> dict[str, int]:
    """Keep every object; return their sizes. Those that come in meanwhile do no harm."""
    kept: dict[str, int] = {}
    with manifest.write_file(folder / OBJECTS) as index:
        for info in deps.objects.list(""):
            with contextlib.suppress(NotFound):  # deleted meanwhile: it was named by no row
                found = _object(deps, folder, info)
                index.write(json.dumps(asdict(found)).encode() + b"\n")
                kept[found.key] = found.size
    if missing := named - kept.keys():
        raise Conflict(
            f"{len(missing)} objects that the records name are not in the store, such as"
            f" {min(missing)!r}; mend the store, then back up again"
        )
    return kept


def _object(deps: Deps, folder: Path, info: ObjectInfo) -> KeptObject:
    """Copy an object and check its hash in the same pass."""
    kept = KeptObject(info.key, info.size, info.sha256)
    place = folder / kept.file
    if place.exists():
        return kept
    with deps.objects.open(info.key) as source, manifest.write_file(place) as out:
        found = manifest.hashed(_written(source, out))
    if found != (info.size, info.sha256):
        place.unlink()
        raise Conflict(f"object {info.key!r} is damaged in the store; mend it, then back up again")
    return kept


def _written(source: Any, out: Any) -> Iterator[bytes]:
    for offset in range(0, source.size, CHUNK):
        chunk = source.read(offset, CHUNK)
        out.write(chunk)
        yield chunk
