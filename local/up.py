"""`dataflux up` and `reset`: one emulator a home, from the first line to the last child."""

import fcntl
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from dataflux import telemetry
from dataflux.errors import Conflict, Invalid
from dataflux.settings import Settings
from local.home import empty
from local.modes import USUAL, Mode
from local.show import console, errors


def run(
    home: Path | None,
    inbox: Path | None,
    port: int,
    *,
    mode: Mode = USUAL,
    fresh: bool = False,
    as_json: bool,
) -> None:
    """Run an emulator until SIGINT or SIGTERM; a second one ends it at once."""
    began = time.perf_counter()
    settings = Settings.from_env(
        home=home and home.absolute(), inbox=inbox and inbox.absolute(), port=port or None
    )
    telemetry.configure(settings.log_level, settings.log_format)
    told = Told()
    with alone(settings.home):
        if fresh:
            empty(settings.home)
        _run(settings, mode, told, began, as_json=as_json)


def _run(settings: Settings, mode: Mode, told: "Told", began: float, *, as_json: bool) -> None:
    """Run until told to end; what is ordered meanwhile is done between two runs."""
    from local.control import Control, routes
    from local.emulator import emulator

    control, more, first = Control(settings, told.wake), mode.told(), True
    while first or (control.waiting is not None and not told.to_end):
        if not first:
            control.carry_out()
        with (
            emulator(settings, mode, more=[routes(control)]) as running,
            announced(settings.home, running.url, running.functions),
        ):
            more |= running.functions
            if first:
                ready_s, token = round(time.perf_counter() - began, 2), running.installation.token
                greet(settings, running.url, token, ready_s, more, as_json=as_json)
            told.wait(lambda: control.waiting is not None)
            if told.to_end:
                errors.print("stopping: finishing what is in work (Ctrl-C again to stop at once)")
        first, port = False, int(running.url.rpartition(":")[2])
        settings = settings.model_copy(update={"port": port})


class Told:
    """Hears the first SIGINT or SIGTERM, and whoever wakes it; a second signal ends the process.

    The interpreter writes to a pipe when a signal comes. A wait for a lock would miss one that
    comes just before it falls asleep.
    """

    def __init__(self) -> None:
        self.to_end = False
        self._reading, self._writing = os.pipe()
        os.set_blocking(self._writing, False)
        signal.set_wakeup_fd(self._writing, warn_on_full_buffer=False)
        signal.signal(signal.SIGINT, self._stop)
        signal.signal(signal.SIGTERM, self._stop)

    def wait(self, until: Callable[[], bool] = lambda: False) -> None:
        while not (self.to_end or until()):  # other signals wake it too
            os.read(self._reading, 1)

    def wake(self) -> None:
        os.write(self._writing, b"!")

    def _stop(self, number: int, frame: object) -> None:
        if self.to_end:
            os._exit(130)  # children and server end with this process
        self.to_end = True


def greet(
    settings: Settings,
    url: str,
    token: str,
    ready_s: float,
    more: Mapping[str, str] = MappingProxyType({}),
    *,
    as_json: bool,
) -> None:
    page = f"{url}/?token={token}"
    if as_json:
        found = {
            "url": url,
            "page": page,
            "token": token,
            "home": str(settings.home),
            "inbox": str(settings.watched),
            "pid": os.getpid(),
            "ready_s": ready_s,
            **more,
        }
        print(json.dumps(found), flush=True)
        return
    console.print(f"DataFlux is ready ({ready_s} s). Ctrl-C stops it.\n")
    console.print(f"  first page  {page}")
    console.print(f"  API         {url}/api/v1   (bearer token {token})")
    console.print(f"  inbox       {settings.watched}   drop files there")
    for name, said in more.items():
        console.print(f"  {name:<10}  {said}")
    sys.stdout.flush()


@contextmanager
def alone(home: Path) -> Iterator[None]:
    """Hold the lock of a home; raise Conflict that says who holds it."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict(
                f"an emulator runs in {home} already ({_announcement(home)}); stop it first"
            ) from None
        yield


def who(home: Path) -> str | None:
    """Say which emulator runs in a home; None if none does."""
    try:
        with (home / "lock").open("r") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _announcement(home)
    except OSError:
        return None
    return None


def _announcement(home: Path) -> str:
    try:
        running = json.loads((home / "run.json").read_text())
        return f"pid {running['pid']}, {running['url']}"
    except (OSError, ValueError, KeyError):
        return "it is just starting"


@contextmanager
def announced(
    home: Path, url: str, functions: Mapping[str, str] = MappingProxyType({})
) -> Iterator[None]:
    """Say where the emulator answers, for the other commands; and its functions, if they do."""
    place = home / "run.json"
    told = {"url": url, "pid": os.getpid()}
    place.write_text(json.dumps(told | ({"functions": dict(functions)} if functions else {})))
    try:
        yield
    finally:
        place.unlink(missing_ok=True)


def reset(home: Path | None, *, yes: bool) -> Path | None:
    """Delete an installation and return its home; raise Conflict while it runs."""
    place = Settings.from_env(home=home and home.absolute()).home
    with alone(place):
        if not sure(f"the installation in {place}", yes=yes):
            return None
        empty(place)
        (place / "lock").unlink()
    return place


def sure(what: str, *, yes: bool) -> bool:
    """Ask whether to delete something; raise Invalid if nobody can be asked."""
    if yes:
        return True
    if not sys.stdin.isatty():
        raise Invalid("reset deletes everything; say so with --yes")
    return errors.input(f"Delete {what}? Type yes: ").strip() == "yes"
