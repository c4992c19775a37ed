"""`dataflux services`: real servers on this machine, as containers or as plain processes."""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from dataflux.settings import Settings
from local.options import Home, Json, output
from local.services import compose, named
from local.services.instance import Instance
from local.show import console

app = typer.Typer(
    help="Start, stop and show real servers: Kafka, PostgreSQL, Redis, …",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

Names = Annotated[list[str] | None, typer.Argument(help="kafka, postgres, …; all if none.")]
Native = Annotated[bool, typer.Option("--native", help="Plain processes, even with Docker.")]


@app.command()
def up(
    names: Names = None, native: Native = False, home: Home = None, as_json: Json = False
) -> None:
    """Start servers and print the settings that use them; the first time, install them.

    Example: dataflux services up kafka postgres
    """
    instances = list(_instances(names, home))
    if not native and compose.available():
        compose.up({i.server.name: i.place.ports for i in instances})
    else:
        for instance in instances:
            instance.start()
    output(_told(instances), as_json, _show)


@app.command()
def down(
    names: Names = None,
    delete: Annotated[bool, typer.Option("--delete", help="Delete their data too.")] = False,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Stop servers; what they hold stays.

    Example: dataflux services down --delete
    """
    instances = list(_instances(names, home))
    for instance in instances:
        instance.stop()
    if compose.available():
        compose.down([i.server.name for i in instances], delete=delete)
    told = _told(instances)
    for instance in instances if delete else ():
        shutil.rmtree(instance.place.data)
    output(told, as_json, _show)


@app.command()
def status(names: Names = None, home: Home = None, as_json: Json = False) -> None:
    """Say which servers run, and where.

    Example: dataflux services status --json
    """
    output(_told(list(_instances(names, home))), as_json, _show)


def _instances(names: Sequence[str] | None, home: Path | None) -> Iterator[Instance]:
    settings = Settings.from_env(home=home and home.absolute())
    for server in named(names or ()):
        yield Instance(server, settings.cache_folder, settings.home / "services" / server.name)


def _told(instances: Sequence[Instance]) -> dict[str, Any]:
    contained = compose.running() if compose.available() else set()
    return {"services": [_one(i, contained=i.server.name in contained) for i in instances]}


def _one(instance: Instance, *, contained: bool) -> dict[str, Any]:
    process = instance.process
    runs = contained or process is not None
    return {
        "name": instance.server.name,
        "version": instance.server.version,
        "state": "container" if contained else "running" if process else "stopped",
        "pid": process and process.pid,
        "ports": dict(instance.place.ports) if runs else {},
        "settings": instance.settings if runs else {},
        "log": str(instance.place.log),
    }


def _show(found: dict[str, Any]) -> None:
    for service in found["services"]:
        console.print(f"[bold]{service['name']}[/bold]  {service['state']}")
        for name, value in service["settings"].items():
            console.print(f"  export {name}={escape(value)}")
