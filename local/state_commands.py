"""`dataflux state`: save all that an installation holds, load it again, drop it."""

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from dataflux.errors import DataFluxError
from dataflux.settings import Settings
from local import up
from local.client import Failed, NotRunning, connected
from local.home import empty
from local.options import Home, Json, output
from local.show import console

app = typer.Typer(
    help="Save all that an installation holds, load it, drop it; while it runs or not."
)

POLL_S = 0.2
PATIENCE_S = 300.0

Name = Annotated[str, typer.Argument(help="a-z, 0-9, dot, _ and -.")]


@app.command()
def save(name: Name, home: Home = None, as_json: Json = False) -> None:
    """Save everything as a state, in a folder that can be read and compared.

    Example: dataflux state save demo
    """
    _order("save", name, home)
    output({"saved": name}, as_json, lambda _: console.print(f"saved as {name}"))


@app.command()
def load(name: Name, home: Home = None, as_json: Json = False) -> None:
    """Go back to a state; what came in since then is gone.

    Example: dataflux state load demo
    """
    _order("load", name, home)
    output({"loaded": name}, as_json, lambda _: console.print(f"{name} is loaded"))


@app.command()
def reset(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Drop everything but saved states and the inbox folder, and go on with nothing.

    Example: dataflux state reset --yes
    """
    if up.sure("everything this installation holds", yes=yes):
        _order("reset", "", home)
        output({"reset": True}, as_json, lambda _: console.print("it is empty"))


@app.command("list")
def list_(home: Home = None, as_json: Json = False) -> None:
    """List the states that were saved.

    Example: dataflux state list
    """
    from local import states

    try:
        with connected(home) as client:
            found = client.get("/emulator")["states"]
    except NotRunning:
        found = states.known(_home(home))
    output(found, as_json, _print)


def _print(found: list[dict[str, Any]]) -> None:
    for state in found:
        console.print(f"{state['name']}  {state['saved_at']}")


def _order(action: str, name: str, home: Path | None) -> None:
    """Have the emulator that runs there do it; do it here if none does."""
    try:
        with connected(home) as client:
            number = client.post("/emulator/orders", json={"action": action, "name": name})
    except NotRunning:
        _do_here(action, name, home)
    else:
        _wait(number["number"], home)


def _do_here(action: str, name: str, home: Path | None) -> None:
    from local import states

    settings = Settings.from_env(home=home and home.absolute())
    with up.alone(settings.home):
        if action == "reset":
            empty(settings.home)
        else:
            (states.save if action == "save" else states.load)(settings, name)


def _wait(number: int, home: Path | None) -> None:
    """Wait until the emulator is back and has done it; its token may be another one then."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        try:
            with connected(home) as client:
                told = client.get("/emulator")
        except NotRunning:
            told = {"done": 0}
        except Failed as error:
            if error.status != 401:
                raise
            told = {"done": 0}
        if told["done"] >= number:
            if told["error"]:
                raise DataFluxError(told["error"])
            return
        time.sleep(POLL_S)
    raise DataFluxError(f"the emulator did not come back within {PATIENCE_S:.0f} s; see its log")


def _home(home: Path | None) -> Path:
    return Settings.from_env(home=home and home.absolute()).home
