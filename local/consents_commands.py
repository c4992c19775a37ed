"""`dataflux consents`: what your tenant allows to be looked for."""

from typing import Any

import typer
from rich.table import Table

from local.client import connected
from local.options import Home, Json, output
from local.show import console
from schemas.names import Consent

app = typer.Typer(
    help="What is done only with your consent: at present, looking for faces.",
    no_args_is_help=True,
)


@app.command("list")
def list_(home: Home = None, as_json: Json = False) -> None:
    """List what your tenant has consented to.

    Example: dataflux consents list
    """
    with connected(home) as client:
        found = client.get("/consents")
    output(found, as_json, _table)


@app.command()
def give(purpose: Consent, home: Home = None) -> None:
    """Consent, for what is processed from now on; for admins.

    Example: dataflux consents give faces
    """
    with connected(home) as client:
        client.put(f"/consents/{purpose}")


@app.command()
def withdraw(purpose: Consent, home: Home = None) -> None:
    """Withdraw a consent; what was found under it is deleted. For admins.

    Example: dataflux consents withdraw faces
    """
    with connected(home) as client:
        client.delete(f"/consents/{purpose}")


def _table(found: dict[str, Any]) -> None:
    table = Table("purpose", "since", "given by", box=None, pad_edge=False)
    for item in found["items"]:
        table.add_row(item["purpose"], item["given_at"], item["given_by"])
    console.print(table)
