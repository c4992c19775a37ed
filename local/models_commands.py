"""`dataflux models`: the models of this machine. Nothing else ever downloads one."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.table import Table

from analyzers.models.catalog import catalog
from analyzers.models.manifest import OPEN_LICENSES, Model
from analyzers.models.store import ModelStore
from dataflux.errors import Invalid, NotFound, Unavailable
from dataflux.settings import Settings
from local.options import Home, Json, output
from local.show import console, errors

app = typer.Typer(
    help="List, pull, verify and add models.", no_args_is_help=True, rich_markup_mode="rich"
)


@app.command("list")
def list_(home: Home = None, as_json: Json = False) -> None:
    """List the models that are known, and which of them lie here.

    Example: dataflux models list
    """
    settings = Settings.from_env(home=home)
    here = ModelStore(settings.model_folder).all()
    found = [_entry(model, here) for model in {**catalog(), **here}.values()]
    output({"folder": str(settings.model_folder), "models": found}, as_json, _table)


@app.command()
def pull(
    names: Annotated[list[str], typer.Argument(help="Names of the catalogue.")],
    mirror: Annotated[
        str | None, typer.Option(help="Fetch from this address instead, the same paths below it.")
    ] = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Download models; one that broke off goes on where it was.

    Example: dataflux models pull minilm clip-vit-b32
    """
    from local.model_downloads import pull as download

    settings = Settings.from_env(home=home)
    models = [_known(name) for name in names]
    if settings.offline and mirror is None:
        raise Unavailable(
            "DATAFLUX_OFFLINE is set; bring the files and use `dataflux models add NAME --from"
            " FOLDER`, or name a --mirror"
        )
    store = ModelStore(settings.model_folder)
    with _bar(quiet=as_json) as bar:
        for model in models:
            download(store, model, _shown(bar, model), mirror=mirror)
    output({"pulled": names, "folder": str(store.folder)}, as_json, _installed)


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Of the catalogue, or of the folder's model.json.")],
    folder: Annotated[
        Path,
        typer.Option("--from", help="The folder with the files.", exists=True, file_okay=False),
    ],
    accept_license: Annotated[
        bool, typer.Option("--accept-license", help="Take a licence that is not known as open.")
    ] = False,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Install a model from files you have.

    Example: dataflux models add my-encoder --from ~/my-encoder
    """
    from analyzers.models import brought

    store = ModelStore(Settings.from_env(home=home).model_folder)
    model = brought.described(name, folder)
    if model.license not in OPEN_LICENSES and not accept_license:
        known = ", ".join(sorted(OPEN_LICENSES))
        raise Invalid(
            f"{name} is under {model.license!r}, which is none of {known};"
            " read it, then add --accept-license"
        )
    brought.add(store, model, folder)
    output({"pulled": [name], "folder": str(store.folder)}, as_json, _installed)


@app.command()
def verify(
    names: Annotated[list[str] | None, typer.Argument(help="None: all that lie here.")] = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Check every file of models against its checksum; exit code 1 if one differs.

    Example: dataflux models verify
    """
    store = ModelStore(Settings.from_env(home=home).model_folder)
    here = store.all()
    if unknown := sorted(set(names or ()) - set(here)):
        raise NotFound(f"{', '.join(unknown)} is not in {store.folder}; pull or add it first")
    found = {name: store.broken(here[name]) for name in names or here}
    output({"models": found}, as_json, _verified)
    if any(found.values()):
        raise typer.Exit(1)


def _known(name: str) -> Model:
    if name not in catalog():
        raise NotFound(f"no model {name!r} in the catalogue; known: {', '.join(catalog())}")
    return catalog()[name]


def _entry(model: Model, here: dict[str, Model]) -> dict[str, Any]:
    return {
        "name": model.name,
        "kind": model.kind,
        "size": model.size,
        "license": model.license,
        "card": model.card,
        "here": model.name in here,
    }


def _bar(*, quiet: bool) -> Progress:
    columns = (
        TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn()
    )  # fmt: skip
    return Progress(*columns, console=errors, disable=quiet)


def _shown(bar: Progress, model: Model) -> Any:
    tasks: dict[str, Any] = {}

    def progress(path: str, here: int, size: int) -> None:
        if path not in tasks:
            tasks[path] = bar.add_task(f"{model.name}/{path}", total=size)
        bar.update(tasks[path], completed=here)

    return progress


def _table(found: dict[str, Any]) -> None:
    table = Table("name", "kind", "size", "licence", "here", box=None, pad_edge=False)
    for model in found["models"]:
        size = f"{model['size'] / 1e6:.0f} MB"
        here = "[green]yes[/]" if model["here"] else "-"
        table.add_row(model["name"], model["kind"], size, escape(model["license"]), here)
    console.print(table)
    console.print(f"in {escape(found['folder'])}")


def _installed(found: dict[str, Any]) -> None:
    names = ", ".join(found["pulled"])
    console.print(f"{names}: in {escape(found['folder'])}; the next start uses it")


def _verified(found: dict[str, Any]) -> None:
    for name, broken in found["models"].items():
        console.print(f"{name}: " + (f"[red]broken: {', '.join(broken)}[/]" if broken else "good"))
    if not found["models"]:
        console.print("no models here")
