"""Brings a backup back: verified first, the records in one transaction, the indexes built anew."""

import gzip
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from dataflux.errors import Conflict, Unsupported
from functions import reindex
from functions.deps import Deps
from local import manifest
from local.manifest import CHUNK, KeptTable, Manifest
from stores.records import dump
from stores.records.dump import Table

AGAIN = timedelta(days=1)
"""What was indexed so shortly before the backup is related once more: its message may be lost."""


@dataclass(frozen=True)
class Restored:
    """What came back."""

    rows: int
    objects: int
    bytes: int
    vectors: int


def bring_back(deps: Deps, folder: Path, *, replace: bool) -> Restored:
    """Restore a backup into an installation; Conflict if that holds anything, unless `replace`."""
    whole = manifest.verify(folder)
    _check_target(deps, whole, replace=replace)
    kept = _objects(deps, folder)
    rows = _records(deps, folder, whole, replace=replace)
    if replace:
        _forget_others(deps, kept)
        _forget_messages(deps.settings.home)
    vectors = reindex.rebuild(deps)
    reindex.relate_since(deps, datetime.fromisoformat(whole.made_at) - AGAIN)
    return Restored(rows, whole.object_count, whole.object_bytes, vectors)


def _check_target(deps: Deps, whole: Manifest, *, replace: bool) -> None:
    with deps.engine.database.installer() as conn:
        ours = dump.applied(conn)
    if ours != whole.migrations:
        raise Unsupported(
            f"the backup was made by DataFlux {whole.dataflux} with {len(whole.migrations)}"
            f" migrations, this one has {len(ours)}; restore with that version, then update"
        )
    with deps.engine.system("admin") as conn:
        empty = dump.is_empty(conn)
    if not (empty and next(iter(deps.objects.list("")), None) is None) and not replace:
        raise Conflict("the installation is not empty; say --replace to delete what it holds")


def _objects(deps: Deps, folder: Path) -> set[str]:
    """Put every object under its key; what is there already with the same bytes stays."""
    here = {info.key: info.sha256 for info in deps.objects.list("")}
    kept = set()
    for found in manifest.objects(folder):
        kept.add(found.key)
        if here.get(found.key) != found.sha256:
            with (folder / found.file).open("rb") as stream:
                put = deps.objects.put(found.key, stream)
            if put.sha256 != found.sha256:
                raise Conflict(f"object {found.key!r} was changed on its way; restore again")
    return kept


def _records(deps: Deps, folder: Path, whole: Manifest, *, replace: bool) -> int:
    """Load all rows or none, each table after those that it refers to."""
    given = {table.name: table for table in whole.tables}
    with deps.engine.system("admin") as conn:
        known = dump.tables(conn)
        if replace:
            dump.empty(conn)
        rows = 0
        for table in known:
            columns = tuple(given[table.name].columns)
            added = dump.rows_in(
                conn, Table(table.name, columns), _chunks(folder, given[table.name])
            )
            if added != given[table.name].rows:
                raise Conflict(
                    f"{added} of {given[table.name].rows} rows of {table.name} came in; nothing is"
                    " restored"
                )
            rows += added
    return rows


def _chunks(folder: Path, table: KeptTable) -> Iterator[bytes]:
    with gzip.open(folder / table.file, "rb") as packed:
        while chunk := packed.read(CHUNK):
            yield chunk


def _forget_others(deps: Deps, kept: set[str]) -> None:
    for info in list(deps.objects.list("")):
        if info.key not in kept:
            deps.objects.delete(info.key)


def _forget_messages(home: Path) -> None:
    """Delete what an embedded bus holds, before it is opened: it tells of what was there."""
    shutil.rmtree(home / "bus", ignore_errors=True)
    (home / "inbox.seen").unlink(missing_ok=True)
