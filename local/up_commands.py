"""`dataflux up` and `dataflux reset`: start an emulator, delete an installation."""

from pathlib import Path
from typing import Annotated

import typer

from local import modes, show
from local import up as emulators
from local.options import Home, Json, age, output


def up(
    home: Home = None,
    inbox: Annotated[Path | None, typer.Option(help="The folder to watch.")] = None,
    port: Annotated[int, typer.Option(help="0: a free one.")] = 0,
    fresh: Annotated[bool, typer.Option("--fresh", help="Delete what was there first.")] = False,
    reload: Annotated[
        bool, typer.Option("--reload", help="Go on with new code when a function changes.")
    ] = False,
    chaos: Annotated[
        str | None, typer.Option(help="Be unkind: duplicate=0.1,drop=0.05,reorder,delay=200ms.")
    ] = None,
    debug: Annotated[
        str | None, typer.Option(help="A function to debug: one worker, no time to keep.")
    ] = None,
    debug_port: Annotated[int, typer.Option(help="Where debugpy listens.")] = 5678,
    isolated: Annotated[
        bool, typer.Option("--isolated", help="Each function in a process, fed over HTTP.")
    ] = False,
    scale_to_zero: Annotated[
        int | None,
        typer.Option(parser=age, metavar="AGE", help="Stop a function without work after 10s."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Start the whole platform here and watch the inbox folder, until Ctrl-C.

    Example: dataflux up --inbox ~/media
    """
    mode = modes.parse(
        chaos=chaos,
        reload=reload,
        debug=debug,
        debug_port=debug_port,
        isolated=isolated,
        idle_s=scale_to_zero,
    )
    emulators.run(home, inbox, port, mode=mode, fresh=fresh, as_json=as_json)


def reset(
    home: Home = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Delete the installation of this home with all it holds; the inbox folder stays.

    Example: dataflux reset --yes
    """
    emptied = emulators.reset(home, yes=yes)
    if emptied is not None:
        output({"home": str(emptied)}, as_json, lambda _: show.console.print(f"{emptied} is empty"))
