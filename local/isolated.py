"""`dataflux up --isolated`: functions in processes of their own, fed over HTTP from our bus."""

import contextlib
import os
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from functions.deps import Deps
from functions.hosts.local import LIGHT_THREADS, Run
from functions.hosts.repeating import every
from functions.targets import TARGETS, Kind, Target
from local.ingress import ingress
from local.posting import Posted
from local.processes import HOST, FunctionProcess, Processes
from local.scaling import LOOK_S, Scaled
from local.server import Server


@dataclass(frozen=True)
class Isolated:
    """Functions that run: how to run each, where it answers, and how to end them all."""

    runs: Mapping[str, Run]
    places: dict[str, str]
    processes: Processes


@contextlib.contextmanager
def started(deps: Deps, idle_s: float | None = None) -> Iterator[Isolated]:
    """Run every event function that we feed in a process of its own, until the block ends.

    `idle_s`: how long one may have nothing to do before it is stopped; None: for ever.
    """
    with contextlib.ExitStack() as stack:
        secret = secrets.token_urlsafe(24)
        bus = stack.enter_context(Server(ingress(deps.bus, secret), HOST, 0))
        environment = _environment(deps, f"{bus.url}/{secret}")
        folder = deps.settings.home / "run"
        processes = [
            FunctionProcess(target.name, environment, folder, threads=_threads(deps, target))
            for target in TARGETS
            if target.kind is not Kind.DEAD  # what this process gives up, it buries itself
        ]
        keeper = stack.enter_context(Processes(processes, at_rest=idle_s is not None))
        posted = {process.name: Posted(process.url) for process in processes}
        for run in posted.values():
            stack.callback(run.close)
        runs: Mapping[str, Run] = posted
        if idle_s is not None:
            scaled = {p.name: Scaled(posted[p.name], p, keeper, idle_s) for p in processes}
            for name, each in scaled.items():
                stack.enter_context(every(f"rest-{name}", LOOK_S, each.rest))
            runs = scaled
        yield Isolated(runs, {process.name: process.url for process in processes}, keeper)


def _environment(deps: Deps, bus: str) -> dict[str, str]:
    """Return what a function is told: the stores of this process, and where its bus is."""
    told = deps.settings.model_copy(update={"records": deps.engine.database.url, "bus": bus})
    return {**os.environ, **told.to_env()}


def _threads(deps: Deps, target: Target) -> int:
    return deps.settings.slots if target.heavy else LIGHT_THREADS
