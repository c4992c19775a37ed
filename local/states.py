"""Saved states: all that an installation holds, in a folder that people and `diff` can read."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dataflux.errors import Conflict, DataFluxError, Invalid, NotFound
from dataflux.settings import Settings
from stores.records.embedded import EmbeddedPostgres, binaries

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
FORMAT = 1
RECORDS, ROLES, ABOUT = "records.sql", "roles.sql", "state.json"
FILES, TREES = ("inbox.seen", "token"), ("objects", "bus")
EXISTS = "CREATE ROLE postgres;"
"""The one role that every new server has."""


def folder_of(home: Path, name: str) -> Path:
    """Return where a state is kept; raise Invalid for what is no name of one."""
    if not NAME.fullmatch(name):
        raise Invalid(f"{name[:80]!r} is no name of a state; use a-z, 0-9, dot, _ and -")
    return home / "states" / name


def known(home: Path) -> list[dict[str, Any]]:
    """Return the states of a home, by name, with what is said of them."""
    found = []
    for about in sorted((home / "states").glob(f"*/{ABOUT}")):
        with suppress(OSError, ValueError):
            found.append({"name": about.parent.name, **json.loads(about.read_text())})
    return found


def require(home: Path, name: str) -> Path:
    """Return the folder of a state; raise NotFound that names those there are."""
    place = folder_of(home, name)
    if not (place / ABOUT).exists():
        there = ", ".join(state["name"] for state in known(home)) or "none"
        raise NotFound(f"no state {name!r} was saved here; there are: {there}")
    if (made := json.loads((place / ABOUT).read_text()).get("format")) != FORMAT:
        raise Conflict(f"state {name!r} has format {made}, this release reads {FORMAT}; save anew")
    return place


def save(settings: Settings, name: str) -> Path:
    """Save what a home holds that nothing runs in; a state of the same name is replaced."""
    _refuse_others(settings)
    place = folder_of(settings.home, name)
    fresh = _emptied(place.with_name(f".{name}.new"))
    with EmbeddedPostgres(settings.home / "postgres") as server:
        options = ["--restrict-key=dataflux"]  # or every dump of the same rows would differ
        _run("pg_dump", server, [*options, f"--file={fresh / RECORDS}"])
        options += ["--roles-only", "--no-role-passwords"]
        _run("pg_dumpall", server, [*options, f"--file={fresh / ROLES}"])
    for tree in TREES:
        _copy(settings.home / tree, fresh / tree, shared=tree == "objects")
    for file in FILES:
        if (settings.home / file).exists():
            shutil.copy2(settings.home / file, fresh / file)
    about = {"format": FORMAT, "saved_at": datetime.now(UTC).isoformat(timespec="seconds")}
    (fresh / ABOUT).write_text(json.dumps(about) + "\n")
    _replace(place, fresh)
    return place


def load(settings: Settings, name: str) -> Path:
    """Put a state in the place of what a home holds; if that fails, nothing has changed."""
    _refuse_others(settings)
    place, home = require(settings.home, name), settings.home
    fresh = _emptied(home / ".loading")
    try:
        with EmbeddedPostgres(fresh / "postgres") as server:
            roles = (place / ROLES).read_text().replace(EXISTS, "")
            _run("psql", server, [*QUIET, "--file=-"], roles)
            _run("psql", server, [*QUIET, f"--file={place / RECORDS}"])
        for tree in TREES:
            _copy(place / tree, fresh / tree, shared=tree == "objects")
        for file in FILES:
            if (place / file).exists():
                shutil.copy2(place / file, fresh / file)
        for part in ("postgres", *TREES, *FILES):
            _replace(home / part, fresh / part)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return place


QUIET = ("--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--output=/dev/null")


def _refuse_others(settings: Settings) -> None:
    for name in ("records", "objects", "bus"):
        if getattr(settings, name) != "embedded:":
            raise Invalid(f"DATAFLUX_{name.upper()} is not embedded; back it up with its own tools")


def _run(
    program: str, server: EmbeddedPostgres, arguments: Sequence[str], given: str | None = None
) -> None:
    command = [str(binaries() / program), f"--dbname={server.dsn}", *arguments]
    ran = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise DataFluxError(f"{program} failed: {ran.stderr.strip()[-500:]}")


def _copy(source: Path, target: Path, *, shared: bool) -> None:
    """Copy a tree; files that are never changed in place are shared, where that is possible."""
    if source.exists():
        shutil.copytree(source, target, copy_function=_link if shared else shutil.copy2)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without links
        shutil.copy2(source, target)


def _replace(place: Path, fresh: Path) -> None:
    """Put a file or folder in the place of another, which is gone then."""
    old = place.with_name(f".{place.name}.old")
    _remove(old)
    if place.exists():
        place.rename(old)
    if fresh.exists():
        fresh.rename(place)
    _remove(old)


def _emptied(place: Path) -> Path:
    _remove(place)
    place.mkdir(parents=True)
    return place


def _remove(place: Path) -> None:
    if place.is_dir():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)
