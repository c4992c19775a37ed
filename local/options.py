"""What the commands have in common: where the installation is, and how a result is printed."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}

Home = Annotated[Path | None, typer.Option(help="Where the installation is (DATAFLUX_HOME).")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


def output(found: Any, as_json: bool, human: Callable[[Any], None]) -> None:
    """Print what was found: one line of JSON, or as `human` shows it."""
    if as_json:
        print(json.dumps(found))
    else:
        human(found)


def age(text: str) -> int:
    """Return the seconds of an age such as 30s; exit with 2 if it is none."""
    found = re.fullmatch(r"(\d{1,6})([smhd])", text.strip())
    if found is None:
        raise typer.BadParameter(f"{text!r} is no age; use 30s, 15m, 2h or 7d")
    return int(found[1]) * UNITS_S[found[2]]


Age = Annotated[int | None, typer.Option(parser=age, metavar="AGE", help="Such as 30s, 2h, 7d.")]


def parsed(filters: str | None) -> dict[str, Any]:
    """Return the filters that were given as JSON."""
    try:
        found = json.loads(filters) if filters else {}
    except ValueError as error:
        raise typer.BadParameter(f"--filters is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise typer.BadParameter('--filters is no JSON object; use {"kind": {"eq": "video"}}')
    return found
