"""`dataflux backup` and `restore`: an installation into a folder, and back."""

import contextlib
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from dataflux.settings import Settings
from local import show
from local.options import Home, Json, output
from local.up import alone, who

if TYPE_CHECKING:
    from functions.deps import Deps

app = typer.Typer()


@app.command()
def backup(
    folder: Annotated[Path, typer.Argument(help="A new folder.", metavar="DIR")],
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Back up an installation: its records at one moment and all objects; it may run meanwhile.

    Example: dataflux backup /mnt/backups/2026-11-24
    """
    from local.backup import take

    with _opened(_settings(home), also_running=True) as deps:
        made = take(deps, folder.absolute())
    found = {
        "folder": str(folder.absolute()),
        "rows": sum(table.rows for table in made.tables),
        "objects": made.object_count,
        "bytes": made.object_bytes,
    }
    output(found, as_json, lambda _: _say(found, "are backed up"))


@app.command()
def restore(
    folder: Annotated[Path, typer.Argument(help="A folder of `dataflux backup`.", metavar="DIR")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Delete what the installation holds.")
    ] = False,
    check: Annotated[bool, typer.Option("--check", help="Only verify the backup.")] = False,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Bring a backup back into an installation that is empty and does not run.

    Example: dataflux restore /mnt/backups/2026-11-24
    """
    from local import manifest
    from local.restore import bring_back

    place = folder.absolute()
    if check:
        whole = manifest.verify(place)
        found = {"folder": str(place), "objects": whole.object_count, "made_at": whole.made_at}
        output(found, as_json, lambda _: show.console.print(f"{escape(str(place))} is whole"))
        return
    with _opened(_settings(home), also_running=False) as deps:
        restored = {"folder": str(place), **asdict(bring_back(deps, place, replace=replace))}
    output(restored, as_json, lambda _: _say(restored, "are back"))


def _settings(home: Path | None) -> Settings:
    return Settings.from_env(home=home and home.absolute())


@contextlib.contextmanager
def _opened(settings: Settings, *, also_running: bool) -> Iterator["Deps"]:
    """Open the stores of an installation: those of one that runs beside it, if that may be."""
    from functions.deps import build
    from stores.records.database import Database
    from stores.records.embedded import EmbeddedPostgres

    with contextlib.ExitStack() as stack:
        if also_running and who(settings.home) and settings.records == "embedded:":
            server = EmbeddedPostgres(settings.home / "postgres")
            settings = settings.model_copy(update={"records": Database(server.dsn).url})
        elif settings.records == "embedded:":
            stack.enter_context(alone(settings.home))
        yield stack.enter_context(build(settings))


def _say(found: dict[str, Any], what: str) -> None:
    size = f"{found['bytes'] / 1e6:,.1f} MB"
    show.console.print(f"{found['rows']} rows and {found['objects']} objects ({size}) {what}")
