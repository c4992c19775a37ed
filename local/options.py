"""What the commands have in common: where the installation is, and how a result is printed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

Home = Annotated[Path | None, typer.Option(help="Where the installation is (DATAFLUX_HOME).")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


def output(found: Any, as_json: bool, human: Callable[[Any], None]) -> None:
    """Print what was found: one line of JSON, or as `human` shows it."""
    if as_json:
        print(json.dumps(found))
    else:
        human(found)
