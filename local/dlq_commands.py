"""`dataflux dlq`: look at what was given up, and have it delivered again or dropped."""

from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from local import show
from local.client import Client, connected
from local.options import Age, Home, Json, output

PARTLY = 5

app = typer.Typer(
    help="What was given up: messages that no function could handle, and pieces that failed.",
    no_args_is_help=True,
)


Group = Annotated[str | None, typer.Option(help="Of this group; `dlq list --groups` names them.")]
Kind = Annotated[str | None, typer.Option(help="message or piece.")]
Function = Annotated[str | None, typer.Option(help="That this function gave up.")]
Topic = Annotated[str | None, typer.Option(help="That came on this topic.")]
Reason = Annotated[str | None, typer.Option(help="That were given up for this reason.")]
Tenant = Annotated[str | None, typer.Option(help="Of this tenant; for the installation's admin.")]
Ids = Annotated[list[str] | None, typer.Argument(help="The ids of letters.", show_default=False)]
Everything = Annotated[bool, typer.Option("--all", help="All there are.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do it; without, only say what would be done.")]


def _filter(**given: Any) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value is not None}


@app.command("list")
def list_(
    state: Annotated[str, typer.Option(help="dead, retried, replayed or discarded.")] = "dead",
    groups: Annotated[
        bool, typer.Option("--groups", help="Count what was given up alike.")
    ] = False,
    group: Group = None,
    kind: Kind = None,
    function: Function = None,
    topic: Topic = None,
    reason: Reason = None,
    tenant: Tenant = None,
    older_than: Age = None,
    newer_than: Age = None,
    limit: Annotated[int, typer.Option(min=1, max=500)] = 50,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """List what was given up, the latest first.

    Example: dataflux dlq list --groups   ·   dataflux dlq list --function project --newer-than 2h
    """
    chosen = _filter(
        group=group,
        kind=kind,
        function=function,
        topic=topic,
        reason=reason,
        tenant=tenant,
        older_than_s=older_than,
        newer_than_s=newer_than,
    )
    with connected(home) as client:
        if groups:
            output(client.get("/dead-letters/groups", **chosen), as_json, _show_groups)
        else:
            found = client.get("/dead-letters", state=state, limit=limit, **chosen)
            output(found, as_json, _show_letters)


@app.command("show")
def show_(letter: str, home: Home = None, as_json: Json = False) -> None:
    """Show one letter: why, where it came from, and the message as it came.

    Example: dataflux dlq show 5b1c…
    """
    with connected(home) as client:
        output(client.get(f"/dead-letters/{letter}"), as_json, _show_letter)


def _settling(action: str, said: str) -> None:
    """Add one of the commands that do something with letters; they differ in the verb alone."""

    def command(
        ids: Ids = None,
        group: Group = None,
        kind: Kind = None,
        function: Function = None,
        topic: Topic = None,
        reason: Reason = None,
        tenant: Tenant = None,
        older_than: Age = None,
        newer_than: Age = None,
        everything: Everything = False,
        yes: Yes = False,
        home: Home = None,
        as_json: Json = False,
    ) -> None:
        chosen = _filter(
            ids=ids or None,
            group=group,
            kind=kind,
            function=function,
            topic=topic,
            reason=reason,
            tenant=tenant,
            older_than_s=older_than,
            newer_than_s=newer_than,
        )
        if not chosen and not everything:
            raise typer.BadParameter("name letters: by id, by --group or another filter, or --all")
        with connected(home) as client:
            found = _settle(client, action, {**chosen, "all": everything, "dry_run": not yes})
        output(found, as_json, _show_settled)
        if found["refused"]:
            raise typer.Exit(PARTLY)

    command.__doc__ = (
        f"{said}\n\n    Example: dataflux dlq {action} --reason function_failed --yes\n"
    )
    app.command(action)(command)


_settling("retry", "Deliver letters again to the function that gave them up.")
_settling("replay", "Publish letters again, for all functions that take them.")
_settling("discard", "Drop letters: nobody gets them again.")


def _settle(client: Client, action: str, asked: dict[str, Any]) -> dict[str, Any]:
    """Do it page by page: each request looks at a bounded number of letters."""
    found = client.post(f"/dead-letters/{action}", json=asked)
    total: dict[str, Any] = dict(found)
    while found["next_cursor"]:
        found = client.post(
            f"/dead-letters/{action}", json={**asked, "cursor": found["next_cursor"]}
        )
        total["items"] += found["items"]
        for name in ("matched", "done", "refused"):
            total[name] += found[name]
    del total["next_cursor"]
    return total


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column in ("id", "group"))
    return table


def _show_letters(found: dict[str, Any]) -> None:
    table = _table("id", "function", "reason", "attempts", "last failure", "detail")
    for x in found["items"]:
        row = (x["id"], x["function"], x["reason"], str(x["attempts"]), x["last_at"], x["detail"])
        table.add_row(*map(escape, row))
    show.console.print(table if found["items"] else "nothing was given up")


def _show_groups(found: dict[str, Any]) -> None:
    table = _table("group", "count", "function", "topic", "reason", "detail")
    for x in found["items"]:
        row = (x["group"], str(x["count"]), x["function"], x["topic"], x["reason"], x["detail"])
        table.add_row(*map(escape, row))
    show.console.print(table if found["items"] else "nothing was given up")


def _show_letter(letter: dict[str, Any]) -> None:
    for name, value in letter.items():
        show.console.print(f"[bold]{name}[/bold] {escape(str(value))}")


def _show_settled(found: dict[str, Any]) -> None:
    for item in found["items"]:
        if item["refused"]:
            show.console.print(escape(f"{item['id']}  refused: {item['refused']}"))
    verb = "would be" if found["dry_run"] else "are"
    past = {"retry": "retried", "replay": "replayed", "discard": "discarded"}[found["action"]]
    show.console.print(f"{found['done']} of {found['matched']} letters {verb} {past}")
    if found["dry_run"] and found["done"]:
        show.console.print("nothing is done yet: say --yes")
