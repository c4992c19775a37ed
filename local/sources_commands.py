"""`dataflux sources`: where objects come in, besides uploads and the inbox."""

from typing import Annotated, Any
from urllib.parse import quote, urlsplit

import typer
from rich.markup import escape
from rich.table import Table

from local import show
from local.client import Client, Failed, connected
from local.options import Home, Json, output

app = typer.Typer(
    help="Prefixes of buckets whose objects are taken in, and whose they are.",
    no_args_is_help=True,
)


@app.command("list")
def list_(home: Home = None, as_json: Json = False) -> None:
    """List where objects come in.

    Example: dataflux sources list
    """
    with connected(home) as client:
        found = client.get("/sources")
    output(found, as_json, _table)


@app.command()
def add(
    place: Annotated[str, typer.Argument(help="Such as s3://bucket/prefix/.")],
    name: Annotated[str, typer.Option(help="What to call the source.")],
    lane: Annotated[str | None, typer.Option(help="high, normal or low; else by size.")] = None,
    collection: Annotated[
        str | None, typer.Option(help="Where its assets go; a new one if not given.")
    ] = None,
    tenant: Annotated[str | None, typer.Option(help="Whose it is; yours if not given.")] = None,
    owner: Annotated[str | None, typer.Option(help="Who owns its assets; else you.")] = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Take in what lies under a prefix of a bucket, and what comes in there from now on.

    Example: dataflux sources add s3://archive/films/ --name films --lane low
    """
    bucket, prefix = _place(place)
    given = {"lane": lane, "collection": collection, "tenant": tenant, "owner": owner}
    body = {name: value for name, value in given.items() if value is not None}
    with connected(home) as client:
        added = client.post(
            "/sources", json={"name": name, "bucket": bucket, "prefix": prefix} | body
        )
        added["url"] = f"{client.url}{added['notifications']}"
    output(added, as_json, _added)


@app.command()
def remove(
    name: Annotated[str, typer.Argument(help="The name or the id of a source.")],
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Take nothing more in from a source; what came from it stays.

    Example: dataflux sources remove films
    """
    with connected(home) as client:
        source = _named(client, name)
        client.delete(f"/sources/{quote(source['id'], safe='')}")
    output({"removed": source["id"]}, as_json, lambda _: None)


def _place(text: str) -> tuple[str, str]:
    parts = urlsplit(text)
    if parts.scheme != "s3" or not parts.netloc:
        raise typer.BadParameter(f"{text!r} is no place in a bucket; use s3://bucket/prefix/")
    return parts.netloc, text.removeprefix(f"s3://{parts.netloc}").removeprefix("/")


def _named(client: Client, name: str) -> dict[str, Any]:
    found = [s for s in client.get("/sources")["items"] if name in (s["name"], s["id"])]
    if len(found) == 1:
        return dict(found[0])
    if found:
        raise typer.BadParameter(f"several tenants have a source {name!r}; name it by its id")
    raise Failed(404, f"no source {name!r}", "`dataflux sources list` shows those there are", [])


def _table(found: dict[str, Any]) -> None:
    table = Table("name", box=None)
    table.add_column("place", overflow="fold")
    table.add_column("lane")
    table.add_column("looked through", overflow="fold")
    table.add_column("id", overflow="fold")
    for each in found["items"]:
        bucket = each["bucket"]
        place = f"s3://{bucket}/{each['prefix']}" if bucket else "uploads and the inbox"
        row = (each["name"], place, each["lane"] or "by size", each["swept_at"] or "-", each["id"])
        table.add_row(*map(escape, row))
    show.console.print(table)


def _added(added: dict[str, Any]) -> None:
    show.console.print(f"source {escape(added['name'])} is added; what lies there comes in soon.\n")
    show.console.print("To hear of new objects at once, let the store tell")
    show.console.print(f"  {escape(added['url'])}", soft_wrap=True)
    show.console.print(f"  with the bearer token {added['secret']} (it is not shown again)")
    show.console.print(f"  or, where only an address can be given, {escape(added['url'])}?token=…")
