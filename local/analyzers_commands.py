"""`dataflux analyzers`: what finds things here, and have one of it go over what is there."""

import json
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.markup import escape
from rich.table import Table

from local.client import Client, connected
from local.options import Home, Json, output, parsed
from local.show import console

Assets = Annotated[list[str] | None, typer.Option(help="Only these: ids or addresses of assets.")]
InCollection = Annotated[str | None, typer.Option(help="Only what is in this one.")]
Kinds = Annotated[list[str] | None, typer.Option(help="video, audio, image, document.")]
Filters = Annotated[str | None, typer.Option(help="As in a search, as JSON.")]

DIFF_S = 1800.0
"""A sample of 200 segments may take that long on a small machine."""
LONGEST = 200
UNITS = {"segment": "segments", "second": "seconds", "page": "pages", "file": "files"}

app = typer.Typer(
    help="What finds things: list it, have it go over what is there.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)


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


@app.command()
def run(
    name: Annotated[str, typer.Argument(help="The name of an analyzer.")],
    asset: Assets = None,
    collection: InCollection = None,
    kind: Kinds = None,
    filters: Filters = None,
    dry_run: Annotated[bool, typer.Option(help="Say what it would take, and stop.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Have one analyzer go over what is there once more: new results replace its old ones.

    Says first how many assets that is and how long it will take, and asks. What the analyzer has
    had already, in its present version with its present model, is left out.

    Example: dataflux analyzers run ocr --kind image --dry-run
    """
    chosen = selection(filters, asset, collection, kind)
    with connected(home) as client:
        place = f"/analyzers/{quote(name, safe='')}/runs"
        planned = client.post(place, json={"filters": chosen})
        if not as_json:
            _preview(planned)
        if dry_run or not planned["assets"]:
            found = planned
        else:
            if not yes:
                typer.confirm("Go on?", abort=True, err=True)
            found = _start(client, place, chosen)
    output(found, as_json, _started)


@app.command("diff")
def diff_(
    a: Annotated[str, typer.Argument(help="The name of an analyzer, or its name@version.")],
    b: Annotated[str, typer.Argument(help="Another, or another version of it.")],
    sample: Annotated[int, typer.Option(min=1, max=200, help="How many segments.")] = 20,
    seed: Annotated[int, typer.Option(help="Another one draws other segments.")] = 0,
    asset: Assets = None,
    collection: InCollection = None,
    kind: Kinds = None,
    filters: Filters = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Compare two analyzers over a sample of segments; nothing is stored.

    Of a version that is not installed, what it found before is taken.

    Example: dataflux analyzers diff ocr@1 ocr --kind image --sample 50
    """
    asked = {
        "a": a,
        "b": b,
        "sample": sample,
        "seed": seed,
        "filters": selection(filters, asset, collection, kind),
    }
    with connected(home) as client:
        patient = {"timeout": dict.fromkeys(("connect", "read", "write", "pool"), DIFF_S)}
        found = client.post("/analyzers/diff", json=asked, extensions=patient)
    output(found, as_json, _differences)


def _differences(found: dict[str, Any]) -> None:
    for side in (found["a"], found["b"]):
        how = "as it found before" if side["stored"] else f"{side['failed']} failed"
        cost = "-" if side["unit_cpu_s"] is None else f"{side['unit_cpu_s']:.2g} s a unit"
        console.print(f"{escape(side['id'])}  {escape(side['model'] or '-')}  {cost}  {how}")
    ratio = found["cost_ratio"]
    times = "" if ratio is None else f"; the second costs {ratio:.2g} times the first"
    console.print(f"{found['segments']} segments{times}")
    table = Table(box=None, pad_edge=False)
    for name in ("output", "in both", "added", "removed", "alike", "confidence"):
        table.add_column(name, no_wrap=name == "output")
    for one in found["outputs"]:
        alike = "-" if one["agreement"] is None else f"{one['agreement']:.3f}"
        shift = one["confidence_shift"]
        counts = (str(one[name]) for name in ("both", "added", "removed"))
        table.add_row(one["output"], *counts, alike, "-" if shift is None else f"{shift:+.3f}")
    console.print(table)
    for one in found["outputs"]:
        for case in one["worst"]:
            console.print(f"{one['output']}  {case['agreement']:.2f}  {escape(case['address'])}")
            for side in ("a", "b"):
                said = json.dumps(case[side], ensure_ascii=False)[:LONGEST]
                console.print(f"  {side}: {escape(said)}")


def selection(
    filters: str | None, assets: list[str] | None, collection: str | None, kinds: list[str] | None
) -> dict[str, Any]:
    """Return the filter that some options name."""
    found = parsed(filters)
    if assets:
        found["asset"] = {"in": [_lineage(asset) for asset in assets]}
    if collection:
        found["collection"] = {"eq": collection}
    if kinds:
        found["kind"] = {"in": kinds}
    return found


def _lineage(asset: str) -> str:
    """Take an id or an address."""
    return asset.removeprefix("asset:").partition("#")[0].partition("@")[0]


def _start(client: Client, place: str, filters: dict[str, Any]) -> dict[str, Any]:
    """Start run after run: each request starts a bounded number."""
    asked = {"filters": filters, "dry_run": False}
    found = client.post(place, json=asked)
    total: dict[str, Any] = dict(found)
    while found["left"] and found["started"]:
        found = client.post(place, json=asked)
        total["started"] += found["started"]
        total["left"] = found["left"]
    return total


def _preview(planned: dict[str, Any]) -> None:
    how = "as measured" if planned["measured"] else "as it declares"
    console.print(
        f"{escape(planned['analyzer'])}: {planned['assets']} of {planned['selected']} assets"
        f" ({planned['had']} it has had, {planned['busy']} are being processed,"
        f" {planned['unsuited']} have nothing for it)"
    )
    console.print(
        f"  {planned['units']:g} {UNITS[planned['per']]} in {planned['pieces']} pieces at"
        f" {planned['unit_cpu_s']:.2g} s, {how}: {duration(planned['cpu_s'])} of CPU time,"
        f" {duration(planned['wall_s'])} if nothing else is done"
    )


def _started(found: dict[str, Any]) -> None:
    if found["dry_run"]:
        console.print("nothing was started")
        return
    late = found["assets"] - len(found["started"])
    console.print(f"{len(found['started'])} runs were started" + (f", {late} not" if late else ""))


def duration(seconds: float) -> str:
    """Return a time as a person says it: `0.4 s`, `3 min`, `2.5 h`."""
    if seconds < 100:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


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
