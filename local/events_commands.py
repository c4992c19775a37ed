"""`dataflux events`: examples of every type, what is kept, and what happens now."""

import json
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from events import codec
from events.event import PREFIX
from events.samples import sample
from events.types import TYPES
from local import happenings
from local.client import Client, connected
from local.options import Age, Home, Json, output
from local.show import console
from local.throwaway import throwaway

app = typer.Typer(help="Look at events: examples, what is kept, what happens now.")

Types = Annotated[list[str] | None, typer.Option("--type", help="Only events of this type.")]
Asset = Annotated[str | None, typer.Option(help="Only events of this asset.")]
Work = Annotated[bool, typer.Option("--work", help="Work messages too.")]
Once = Annotated[bool, typer.Option("--once", help="In an emulator that is started for it.")]


def known(name: str) -> str:
    """Return the name of a type, with or without the prefix; exit with 2 if there is none."""
    name = name.removeprefix(PREFIX)
    if name not in TYPES:
        raise typer.BadParameter(f"no event type {name!r}; known: {', '.join(sorted(TYPES))}")
    return name


def where(home: Path | None, *, once: bool) -> AbstractContextManager[Client]:
    """Return the way to the running installation, or to one that is started for this."""
    return throwaway() if once else connected(home)


@app.command()
def example(
    type: Annotated[str, typer.Argument(help="Such as asset.segmented.")],
    file: Annotated[
        Path | None,
        typer.Option("--from", help="The real event that this file leads to.", dir_okay=False),
    ] = None,
    once: Once = False,
    home: Home = None,
) -> None:
    """Print a valid event of a type, as JSON; with --from the real one that a file leads to.

    Example: dataflux events example asset.segmented --from clip.mp4 --once
    """
    name = known(type)
    print(json.dumps(_example(name) if file is None else _real(name, file, home, once), indent=2))


def _example(name: str) -> dict[str, Any]:
    event = sample(name)
    return codec.to_dict(
        replace(event, source="/dataflux/example", subject=f"assets/{event.subject}")
    )


def _real(name: str, file: Path, home: Path | None, once: bool) -> Any:
    if not file.is_file():
        raise typer.BadParameter(f"no file {file}; name one that exists")
    with where(home, once=once) as client:
        return happenings.led_to(client, happenings.upload(client, file), name)["event"]


@app.command("list")
def list_(
    types: Types = None,
    asset: Asset = None,
    cause: Annotated[str | None, typer.Option(help="Only what this event led to.")] = None,
    newer_than: Age = None,
    work: Work = False,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """List the events that are kept, oldest first.

    Example: dataflux events list --newer-than 10m --work
    """
    asked = {
        "type": _all(types),
        "entity": asset,
        "cause": cause,
        "since": None if newer_than is None else _ago(newer_than),
        "work": work or None,
    }
    with connected(home) as client:
        found = happenings.kept(client, **asked)
    output([item["event"] for item in found], as_json, _print_all)


@app.command()
def tail(
    types: Types = None,
    asset: Asset = None,
    work: Work = False,
    count: Annotated[int | None, typer.Option(min=1, help="End after so many.")] = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Print events as they happen, one a line, until Ctrl-C.

    Example: dataflux events tail --type asset.processing_completed --json
    """
    asked = {"type": _all(types), "entity": asset, "work": work or None}
    with connected(home) as client:
        for number, item in enumerate(happenings.live(client, **asked), start=1):
            print(json.dumps(item["event"]) if as_json else line(item["event"]), flush=True)
            if number == count:
                break


def _ago(seconds: int) -> str:
    return (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat()


def _all(types: list[str] | None) -> list[str] | None:
    return None if types is None else [known(name) for name in types]


def _print_all(events: list[dict[str, Any]]) -> None:
    for event in events:
        console.print(escape(line(event)))


def line(event: dict[str, Any]) -> str:
    """Return an event in one line: when, what, about what, and its data."""
    time = datetime.fromisoformat(event["time"]).strftime("%H:%M:%S.%f")[:-3]
    data = " ".join(f"{name}={_short(value)}" for name, value in event["data"].items())
    about = event.get("subject", "").removeprefix("assets/")
    again = f"  (again: {event['replayof']})" if "replayof" in event else ""
    return f"{time}  {event['type'].removeprefix(PREFIX):<28} {about}  {data}{again}"


def _short(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
