"""The `dataflux` command.

Exit codes: 0 done · 1 failed · 2 wrong usage · 3 nothing runs there · 4 not found · 5 some assets
failed or nothing good was found.
"""

import json
import sys
import time
import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.markup import escape
from rich.progress import Progress

from dataflux.errors import DataFluxError
from local import doctor as checks
from local import show, up, waterfall
from local.client import Client, Failed, NotRunning, connected

app = typer.Typer(
    help="Make any media findable down to the moment.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

Home = Annotated[Path | None, typer.Option(help="Where the installation is (DATAFLUX_HOME).")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]

FAILED, NOT_RUNNING, NOT_FOUND, PARTLY = 1, 3, 4, 5
POLL_S = 0.25


def main() -> None:
    """Run the command; errors that are expected are a line on standard error."""
    try:
        app()
    except NotRunning as error:
        _stop(str(error), NOT_RUNNING)
    except Failed as error:
        _stop(str(error), NOT_FOUND if error.status == 404 else FAILED)
    except (DataFluxError, OSError) as error:
        _stop(str(error), FAILED)


def _stop(message: str, code: int) -> None:
    show.errors.print(f"dataflux: {escape(message)}")
    sys.exit(code)


def _print(found: Any, as_json: bool, human: Callable[[Any], None]) -> None:
    if as_json:
        print(json.dumps(found))
    else:
        human(found)


@app.command("up")
def up_(
    home: Home = None,
    inbox: Annotated[Path | None, typer.Option(help="The folder to watch.")] = None,
    port: Annotated[int, typer.Option(help="0: a free one.")] = 0,
    as_json: Json = False,
) -> None:
    """Start the whole platform here and watch the inbox folder, until Ctrl-C.

    Example: dataflux up --inbox ~/media
    """
    up.run(home, inbox, port, as_json=as_json)


@app.command()
def ingest(
    paths: list[Path],
    wait: Annotated[bool, typer.Option(help="Wait until everything is searchable.")] = True,
    priority: Annotated[int | None, typer.Option(min=1, max=10, help="1 is most urgent.")] = None,
    bulk: Annotated[bool, typer.Option(help="Use the low lane.")] = False,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Upload files, or all files of folders.

    Example: dataflux ingest film.mp4 interviews/
    """
    files = [f for path in paths for f in _files(path)]
    with connected(home) as client:
        sent = _upload_all(client, files, priority, bulk)
        if wait:
            sent = _wait_for(client, sent)
    _print(sent, as_json, _print_sent)
    if any(asset.get("status") == "failed" for asset in sent):
        raise typer.Exit(PARTLY)


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(f for f in path.rglob("*") if f.is_file() and not f.name.startswith("."))
    if not path.is_file():
        raise typer.BadParameter(f"no file {path}; name files or folders that exist")
    return [path]


def _upload_all(
    client: Client, files: list[Path], priority: int | None, bulk: bool
) -> list[dict[str, Any]]:
    sent = []
    with Progress(console=show.errors, disable=not sys.stderr.isatty(), transient=True) as bar:
        task = bar.add_task("uploading", total=len(files))
        for file in files:
            sent.append(_upload(client, file, priority, bulk))
            bar.advance(task)
    return sent


def _upload(client: Client, file: Path, priority: int | None, bulk: bool) -> dict[str, Any]:
    fields = {"bulk": str(bulk).lower()} | ({"priority": str(priority)} if priority else {})
    with file.open("rb") as stream:
        answer = client.post("/assets", files={"file": (file.name, stream)}, data=fields)
    return {"filename": file.name, **answer}


def _wait_for(client: Client, sent: list[dict[str, Any]]) -> list[dict[str, Any]]:
    done: dict[str, dict[str, Any]] = {}
    with Progress(console=show.errors, disable=not sys.stderr.isatty(), transient=True) as bar:
        task = bar.add_task("processing", total=len(sent))
        while len(done) < len({s["id"] for s in sent}):
            for asset in sent:
                if asset["id"] not in done:
                    found = client.get(f"/assets/{asset['id']}")
                    if found["done"]:
                        done[asset["id"]] = found
                        bar.advance(task)
            time.sleep(POLL_S)
    return [{**asset, **done[asset["id"]]} for asset in sent]


def _print_sent(sent: list[dict[str, Any]]) -> None:
    for asset in sent:
        state = asset.get("status", "uploaded")
        if asset.get("reason"):
            state += f" ({asset['reason']})"
        if asset.get("duplicate_of"):
            state = f"already here as {asset['duplicate_of']}"
        show.console.print(f"{asset['id']}  {escape(asset['filename'])}  {state}")


@app.command()
def search(
    query: Annotated[str | None, typer.Argument(help='Words; "quotes" make a phrase.')] = None,
    image: Annotated[Path | None, typer.Option(help="Search by an example image.")] = None,
    like: Annotated[str | None, typer.Option(help="Search by a segment's id.")] = None,
    kind: Annotated[list[str] | None, typer.Option(help="video, audio, image, document.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Only what has this tag.")] = None,
    since: Annotated[str | None, typer.Option(help="Only what came in since (ISO 8601).")] = None,
    filters: Annotated[str | None, typer.Option(help="More filters, as JSON.")] = None,
    by_asset: Annotated[bool, typer.Option(help="One hit for each asset.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=100)] = 10,
    threshold: Annotated[float, typer.Option(min=0, max=1)] = 0.5,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Find moments by words, by an example image or by another moment.

    Examples: dataflux search "ask not"   ·   dataflux search --image red.jpg --kind video
    """
    asked = _filters(filters, kind, tag, since)
    body: dict[str, Any] = {
        "filters": asked,
        "group_by": "asset" if by_asset else "segment",
        "limit": limit,
        "threshold": threshold,
    }
    with connected(home) as client:
        answer = _ask(client, query, image, like, body)
    _print(answer, as_json, show.hits)
    if answer["no_good_match"]:
        raise typer.Exit(PARTLY)


def _filters(
    text: str | None, kind: list[str] | None, tag: list[str] | None, since: str | None
) -> dict[str, Any]:
    try:
        found = json.loads(text) if text else {}
    except ValueError as error:
        raise typer.BadParameter(f"--filters is no JSON: {error}") from None
    if kind:
        found["kind"] = {"in": kind}
    if tag:
        found["tag"] = {"in": tag}
    if since:
        found["time"] = {"gte": since}
    return dict(found)


def _ask(
    client: Client, query: str | None, image: Path | None, like: str | None, body: dict[str, Any]
) -> Any:
    if sum(x is not None for x in (query, image, like)) != 1:
        raise typer.BadParameter("give words, or --image, or --like: one of them")
    if image is not None:
        fields = {**body, "filters": json.dumps(body["filters"])}
        with image.open("rb") as stream:
            return client.post("/search", files={"image": (image.name, stream)}, data=fields)
    return client.post("/search", json={"query": {"segment": like} if like else query, **body})


@app.command("show")
def show_(entity: str, home: Home = None, as_json: Json = False) -> None:
    """Show an asset, with its segments and what was found in them.

    Example: dataflux show 07ea1f2c-…
    """
    with connected(home) as client:
        found = client.get(f"/assets/{quote(_id_of(entity))}")
        if found.get("run"):
            page = client.get(f"/assets/{found['id']}/segments", limit=200)
            found["segments"] = page["items"]
    _print(found, as_json, _show_asset)


def _show_asset(found: dict[str, Any]) -> None:
    show.asset(found)
    if found.get("segments"):
        show.console.print()
        show.segments(found["segments"])


def _id_of(entity: str) -> str:
    """Take an id or an address."""
    return entity.removeprefix("asset:").partition("#")[0].partition("@")[0]


@app.command("open")
def open_(
    address: str,
    only_print: Annotated[bool, typer.Option("--print", help="Print the URL only.")] = False,
    home: Home = None,
) -> None:
    """Open a moment in the browser.

    Example: dataflux open "asset:07ea…@1#t=12.3,15.8"
    """
    with connected(home) as client:
        client.get(f"/assets/{quote(_id_of(address))}")
        url = f"{client.url}/open?address={quote(address, safe='')}"
    show.console.print(url)
    if not only_print:
        webbrowser.open(url)


@app.command()
def trace(asset: str, home: Home = None, as_json: Json = False) -> None:
    """Show the trail of an asset as a waterfall: waits, attempts, outcomes.

    Example: dataflux trace 07ea1f2c-…
    """
    with connected(home) as client:
        found = client.get(f"/assets/{quote(_id_of(asset))}/trace")
    _print(found, as_json, _print_trace)


def _print_trace(found: dict[str, Any]) -> None:
    show.console.print(f"[bold]{escape(found['asset']['filename'])}[/bold]")
    for run in found["runs"]:
        show.console.print(f"run {run['id']}  {run['state']}  lane {run['lane']}")
        for line in waterfall.lines(run):
            show.console.print(escape(line))


@app.command()
def retry(asset: str, home: Home = None, as_json: Json = False) -> None:
    """Process an asset once more.

    Example: dataflux retry 07ea1f2c-…
    """
    with connected(home) as client:
        found = client.post(f"/assets/{quote(_id_of(asset))}/retry")
    _print(found, as_json, lambda f: show.console.print(f"run {f['run']} is planned"))


@app.command()
def rm(assets: list[str], home: Home = None) -> None:
    """Hide assets; nothing is destroyed.

    Example: dataflux rm 07ea1f2c-…
    """
    with connected(home) as client:
        for asset in assets:
            client.delete(f"/assets/{quote(_id_of(asset))}")


@app.command()
def status(home: Home = None, as_json: Json = False) -> None:
    """Say what the installation holds and does.

    Example: dataflux status --json
    """
    with connected(home) as client:
        found = {"url": client.url, **client.get("/status")}
    _print(found, as_json, show.status)


@app.command()
def reset(
    home: Home = None, yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False
) -> None:
    """Delete the installation of this home with all it holds; the inbox folder stays.

    Example: dataflux reset --yes
    """
    up.reset(home, yes=yes)


@app.command()
def doctor(home: Home = None, as_json: Json = False) -> None:
    """Check this machine: decoders, sandbox, models, disk.

    Example: dataflux doctor
    """
    found = checks.examine(home)
    _print(found, as_json, checks.show)
    if any(check["state"] == "bad" for check in found["checks"]):
        raise typer.Exit(FAILED)
