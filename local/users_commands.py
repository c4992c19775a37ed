"""`dataflux users`: who is known here, and who may do what with an asset."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.markup import escape

from local import show
from local.client import connected
from local.options import Home, Json, age, output

app = typer.Typer(
    help="Who is known here, and who may do what; `dataflux --as NAME …` shows what they see.",
    no_args_is_help=True,
)


@app.command("list")
def list_(home: Home = None, as_json: Json = False) -> None:
    """List the users, with the roles that they have.

    Example: dataflux users list
    """
    with connected(home) as client:
        found = client.get("/users")
    output(found, as_json, _print_all)


@app.command()
def add(
    name: str,
    role: Annotated[
        list[str] | None, typer.Option(help="admin, operator or viewer; none sees grants only.")
    ] = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Make a user known; their API key is printed once.

    Example: dataflux users add alice
    """
    with connected(home) as client:
        added = client.post("/users", json={"name": name, "roles": role or []})
    output(added, as_json, lambda a: show.console.print(escape(f"{a['name']}  {a['token']}")))


@app.command()
def grant(
    name: str,
    asset: Annotated[str, typer.Argument(help="An asset, with all its versions.")],
    permission: Annotated[str, typer.Option(help="owner, editor or viewer.")] = "viewer",
    lasting: Annotated[
        int | None, typer.Option("--for", parser=age, metavar="AGE", help="Such as 30s, 2h, 7d.")
    ] = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Let a user see an asset, or do more with it.

    Example: dataflux users grant alice 07ea1f2c-… --for 7d
    """
    until = None if lasting is None else datetime.now(UTC) + timedelta(seconds=lasting)
    body = {"user": name, "permission": permission, "expires_at": until and until.isoformat()}
    with connected(home) as client:
        client.post(f"/assets/{quote(asset, safe='')}/grants", json=body)
    output(body | {"asset": asset}, as_json, lambda _: None)


@app.command()
def revoke(name: str, asset: str, home: Home = None, as_json: Json = False) -> None:
    """Take back all that a user may do with an asset.

    Example: dataflux users revoke alice 07ea1f2c-…
    """
    with connected(home) as client:
        client.delete(f"/assets/{quote(asset, safe='')}/grants/{quote(name, safe='')}")
    output({"user": name, "asset": asset}, as_json, lambda _: None)


def _print_all(found: dict[str, Any]) -> None:
    for user in found["items"]:
        show.console.print(escape(f"{user['name']:<24} {', '.join(user['roles']) or 'no role'}"))
