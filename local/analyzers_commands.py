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
    """List the analyzers of the installation: what they do, at which cost, whether they run.

    A cost is in CPU seconds: as declared, then as measured in the latest runs. Formats, needs and
    origins are in --json.

    Example: dataflux analyzers list
    """
    with connected(home) as client:
        found = client.get("/analyzers")
    output(found, as_json, _table)


def _table(found: dict[str, Any]) -> None:
    table = Table(box=None, pad_edge=False)
    for name in ("analyzer", "does", "emits", "model", "cost", "state"):
        table.add_column(name, no_wrap=name == "analyzer")
    for item in found["items"]:
        table.add_row(
            item["id"],
            ", ".join(item["does"]),
            ", ".join(item["emits"]) or "-",
            escape(item["model"] or "-"),
            cost(item),
            escape(item["problem"] or item["state"]),
        )
    console.print(table)


def cost(item: dict[str, Any]) -> str:
    """Return what an analyzer takes: `0.5 s/segment, measured 0.41`."""
    if item["cost"] is None:
        return "-"
    declared = f"{item['cost']['cpu_s']:g} s/{item['cost']['per']}"
    found = item["measured"]
    return declared if found is None else f"{declared}, measured {found['cpu_s']:.2g}"
