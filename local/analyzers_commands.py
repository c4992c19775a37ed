"""`dataflux analyzers`: what finds things here."""

from typing import Any

import typer
from rich.markup import escape
from rich.table import Table

from local.client import connected
from local.options import Home, Json, output
from local.show import console

app = typer.Typer(help="List analyzers.", no_args_is_help=True, rich_markup_mode="rich")


@app.callback()
def group() -> None:
    """Keep `list` a command of its own."""


@app.command("list")
def list_(home: Home = None, as_json: Json = False) -> None:
    """List the analyzers of the installation: what they do, by which model, whether they run.

    Example: dataflux analyzers list
    """
    with connected(home) as client:
        found = client.get("/analyzers")
    output(found, as_json, _table)


def _table(found: dict[str, Any]) -> None:
    table = Table("analyzer", "does", "emits", "model", "state", box=None, pad_edge=False)
    for item in found["items"]:
        table.add_row(
            item["id"],
            ", ".join(item["does"]),
            ", ".join(item["emits"]),
            escape(item["model"] or "-"),
            escape(item["problem"] or item["state"]),
        )
    console.print(table)
