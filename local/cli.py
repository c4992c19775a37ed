"""The `dataflux` command.

What its exit codes mean is in EXIT_CODES, and at the end of `dataflux --help`.
"""

import json
import sys
import webbrowser
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.markup import escape

from dataflux.errors import DataFluxError, NotFound
from local import (
    analyzers_commands,
    backup_commands,
    consents_commands,
    dlq_commands,
    events_commands,
    models_commands,
    recording,
    services_commands,
    show,
    sources_commands,
    state_commands,
    up_commands,
    uploads,
    users_commands,
)
from local import doctor as checks
from local.client import AS_USER, Client, Failed, NotRunning, connected
from local.files import walk, wanted
from local.invoke import invoke
from local.options import Home, Json, output, parsed

EXIT_CODES = (
    "Exit codes: 0 done · 1 failed · 2 wrong usage · 3 nothing runs there · 4 not found"
    " · 5 some files did not come in or could not be processed, some letters were refused,"
    " or nothing good was found."
)

app = typer.Typer(
    help="Make any media findable down to the moment.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


app.add_typer(backup_commands.app)
app.add_typer(dlq_commands.app, name="dlq")
app.add_typer(models_commands.app, name="models")
app.add_typer(services_commands.app, name="services")
app.add_typer(sources_commands.app, name="sources")
app.add_typer(users_commands.app, name="users")
app.add_typer(consents_commands.app, name="consents")

app.add_typer(events_commands.app, name="events")
app.add_typer(state_commands.app, name="state")
app.command()(invoke)
app.command("up")(up_commands.up)
app.command()(up_commands.reset)
app.add_typer(analyzers_commands.app, name="analyzers")


@app.callback()
def everything(
    as_user: Annotated[
        str | None,
        typer.Option("--as", metavar="USER", help="See what that user sees; for admins."),
    ] = None,
) -> None:
    AS_USER.set(as_user)


FAILED, USAGE, NOT_RUNNING, NOT_FOUND, PARTLY = 1, 2, 3, 4, 5
MEANING = {404: NOT_FOUND, 422: USAGE}


def main() -> None:
    """Run the command; errors that are expected are a line on standard error."""
    try:
        app()
    except NotRunning as error:
        _stop(str(error), NOT_RUNNING)
    except Failed as error:
        _stop(str(error), MEANING.get(error.status, FAILED))
    except NotFound as error:
        _stop(str(error), NOT_FOUND)
    except (DataFluxError, OSError) as error:
        _stop(str(error), FAILED)


def _stop(message: str, code: int) -> None:
    show.errors.print(f"dataflux: {escape(message)}")
    sys.exit(code)


@app.command()
def ingest(
    paths: Annotated[list[Path], typer.Argument(help="Files, or folders with all they hold.")],
    wait: Annotated[bool, typer.Option(help="Wait until everything is searchable.")] = True,
    timeout: Annotated[float | None, typer.Option(min=0, help="Wait no more seconds.")] = None,
    priority: Annotated[int | None, typer.Option(min=1, max=10, help="1 is most urgent.")] = None,
    bulk: Annotated[bool, typer.Option(help="Use the low lane.")] = False,
    priorities: Annotated[
        str | None, typer.Option(help='By feature domain, 0 to 10: {"visual": 0} wants none.')
    ] = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Upload files, or all files of folders.

    Example: dataflux ingest film.mp4 interviews/
    """
    files = [f for path in paths for f in _files(path)]
    if not files:
        raise typer.BadParameter("no files there; name files, or folders that hold some")
    asked = {
        "bulk": str(bulk).lower(),
        "priority": str(priority or ""),
        "priorities": priorities or "",
    }
    with connected(home) as client:
        sent = uploads.send(client, files, {k: v for k, v in asked.items() if v})
        if wait:
            sent = uploads.wait(client, sent, timeout)
    output(sent, as_json, show.sent)
    if not all(uploads.is_good(one, waited=wait) for one in sent):
        raise typer.Exit(PARTLY)


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return [f for f in walk(path) if f.is_file() and wanted(f, path)]
    if not path.is_file():
        raise typer.BadParameter(f"no file {path}; name files or folders that exist")
    return [path]


@app.command()
def search(
    query: Annotated[str | None, typer.Argument(help='Words; "quotes" make a phrase.')] = None,
    image: Annotated[
        Path | None, typer.Option(help="Search by an example image.", exists=True, dir_okay=False)
    ] = None,
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
    output(answer, as_json, show.hits)
    if answer["no_good_match"]:
        raise typer.Exit(PARTLY)


def _filters(
    text: str | None, kind: list[str] | None, tag: list[str] | None, since: str | None
) -> dict[str, Any]:
    found = parsed(text)
    if kind:
        found["kind"] = {"in": kind}
    if tag:
        found["tag"] = {"in": tag}
    if since:
        found["time"] = {"gte": since}
    return found


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
def show_(
    entity: Annotated[str, typer.Argument(help="The id or address of an asset or a segment.")],
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Show an asset or a segment with what was found in it.

    Example: dataflux show 07ea1f2c-…
    """
    with connected(home) as client:
        found = _look_up(client, quote(_id_of(entity), safe=""))
    output(found, as_json, show.entity)


def _look_up(client: Client, entity: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = client.get(f"/assets/{entity}")
    except Failed as error:
        if error.status != 404:
            raise
        return dict(client.get(f"/segments/{entity}"))
    if found.get("run"):
        found["segments"] = client.get(f"/assets/{entity}/segments", limit=200)["items"]
    return found


def _id_of(entity: str) -> str:
    """Take an id or an address."""
    return entity.removeprefix("asset:").partition("#")[0].partition("@")[0]


@app.command("open")
def open_(
    address: str,
    only_print: Annotated[bool, typer.Option("--print", help="Print the URL only.")] = False,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Open a moment in the browser.

    Example: dataflux open "asset:07ea…@1#t=12.3,15.8"
    """
    with connected(home) as client:
        client.get(f"/assets/{quote(_id_of(address), safe='')}")
        url = f"{client.url}/open?address={quote(address, safe='')}"
    output({"url": url}, as_json, lambda found: show.console.print(found["url"]))
    if not only_print:
        webbrowser.open(url)


@app.command()
def trace(asset: str, home: Home = None, as_json: Json = False) -> None:
    """Show the trail of an asset as a waterfall: waits, attempts, outcomes.

    Example: dataflux trace 07ea1f2c-…
    """
    with connected(home) as client:
        found = client.get(f"/assets/{quote(_id_of(asset), safe='')}/trace")
    output(found, as_json, show.trace)


@app.command()
def retry(asset: str, home: Home = None, as_json: Json = False) -> None:
    """Process an asset once more.

    Example: dataflux retry 07ea1f2c-…
    """
    with connected(home) as client:
        found = client.post(f"/assets/{quote(_id_of(asset), safe='')}/retry")
    output(found, as_json, lambda f: show.console.print(f"run {f['run']} is planned"))


@app.command()
def replay(
    assets: list[str],
    first: Annotated[
        str, typer.Option("--from", help="The function to begin with, such as analyze.")
    ] = "ingest",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be sent.")] = False,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Deliver the events of assets once more, under new ids, from any function on.

    Nothing is doubled; `dataflux retry` makes a new run instead.
    Example: dataflux replay 07ea1f2c-… --from project
    """
    body = {"from": first, "dry_run": dry_run}
    with connected(home) as client:
        found = [
            client.post(f"/assets/{quote(_id_of(asset), safe='')}/replay", json=body)
            for asset in assets
        ]
    output(found, as_json, show.replays)


@app.command()
def record(
    asset: str,
    folder: Annotated[Path, typer.Argument(help="Where to write it; pytest finds it there.")],
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Record an asset: its file, its events and what was found; pytest replays it as a test.

    Example: dataflux record 07ea1f2c-… tests/recordings/film
    """
    with connected(home) as client:
        about = recording.record(client, _id_of(asset), folder)
    told = f"recorded {len(about['outcome']['segments'])} segments; replay with: pytest {folder}"
    output({"folder": str(folder), **about}, as_json, lambda _: show.console.print(escape(told)))


@app.command()
def rm(assets: list[str], home: Home = None, as_json: Json = False) -> None:
    """Hide assets; nothing is destroyed.

    Example: dataflux rm 07ea1f2c-…
    """
    hidden = [_id_of(asset) for asset in assets]
    with connected(home) as client:
        for asset in hidden:
            client.delete(f"/assets/{quote(asset, safe='')}")
    output({"hidden": hidden}, as_json, lambda _: None)


@app.command()
def status(home: Home = None, as_json: Json = False) -> None:
    """Say what the installation holds and does.

    Example: dataflux status --json
    """
    with connected(home) as client:
        found = {"url": client.url, **client.get("/status")}
    output(found, as_json, show.status)


@app.command()
def doctor(home: Home = None, as_json: Json = False) -> None:
    """Check this machine: decoders, sandbox, models, disk.

    Example: dataflux doctor
    """
    found = checks.examine(home)
    output(found, as_json, checks.show)
    if any(check["state"] == "bad" for check in found["checks"]):
        raise typer.Exit(FAILED)
