"""Consumer pools: a process that runs functions over the bus, each with its own workers a lane.

Run: python -m functions.hosts.kafka [FUNCTION …]
"""

import argparse
import contextlib
import logging
import signal
import threading
from collections.abc import Iterator, Sequence
from functools import partial

from prometheus_client import start_http_server

from dataflux import telemetry
from dataflux.policy import WORKERS
from dataflux.settings import Settings
from functions.deps import Deps, build
from functions.hosts.given_up import GivenUp
from functions.hosts.lag import LOOK_S, LagWatch
from functions.hosts.listening import listening
from functions.hosts.local import Hosted, LocalHost
from functions.hosts.repeating import SWEEP_S, every
from functions.hosts.timer import tick
from functions.targets import BY_NAME, Kind, Target

log = logging.getLogger(__name__)

POOLED = [name for name, target in BY_NAME.items() if target.kind is not Kind.DEAD]
"""The functions that run here: what a pool gives up, it buries itself."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run pools until SIGTERM or SIGINT; what is in work then is finished, or given back."""
    parser = _parser()
    names = _known(parser, parser.parse_args(arguments).functions)
    settings = Settings.from_env()
    telemetry.configure(settings.log_level, settings.log_format)
    told = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: told.set())
    with build(settings) as deps, _metrics(settings), pools(deps, names):
        log.info("serving %s", ", ".join(names))
        while not told.wait(0.5):  # a wait without an end would not see the signal
            pass


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m functions.hosts.kafka", description=__doc__)
    parser.add_argument("functions", nargs="*", metavar="FUNCTION", help=", ".join(POOLED))
    return parser


def _known(parser: argparse.ArgumentParser, names: Sequence[str]) -> Sequence[str]:
    """Return the names, or all there are; end with an error for one that is none."""
    for name in names:
        if name not in POOLED:
            parser.error(f"no function {name!r}; use some of {', '.join(POOLED)}")
    return names or POOLED


@contextlib.contextmanager
def _metrics(settings: Settings) -> Iterator[None]:
    """Serve what Prometheus scrapes, at any path."""
    server, thread = start_http_server(settings.port, settings.host)
    log.info("metrics at http://%s:%d/metrics", settings.host, server.server_port)
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextlib.contextmanager
def pools(deps: Deps, names: Sequence[str]) -> Iterator[None]:
    """Run a pool for each function, tick the sweepers among them, and watch how much waits.

    With `notify` among them, listen where stores tell of new objects.
    """
    targets = [BY_NAME[name] for name in names]
    sweepers = [target for target in targets if target.kind is Kind.SWEEPER]
    consumers = [target for target in targets if target.topics]
    with contextlib.ExitStack() as stack:
        for target in consumers:
            stack.enter_context(_pool(deps, target))
        for target in sweepers:
            sweep = partial(_sweep, deps, target)
            stack.enter_context(every(target.name, SWEEP_S[target.name], sweep))
        if any(target.kind is Kind.RAW for target in targets):
            stack.enter_context(listening(deps))
        watch = LagWatch(deps, [target.name for target in consumers])
        stack.enter_context(every("lag", LOOK_S, watch.look))
        yield


@contextlib.contextmanager
def _pool(deps: Deps, target: Target) -> Iterator[None]:
    """Run one function with as many workers as its lanes have in all."""
    hosted = Hosted(target.name, target.topics, partial(target.run, deps), target.batch, heavy=True)
    slots = sum(WORKERS.values())
    host = LocalHost(deps.bus, [hosted], partial(_bury, deps), slots=slots, hold_s=0.0)
    host.start()
    try:
        yield
    finally:
        host.stop(deps.settings.grace_s, deps.sandbox.close)


def _sweep(deps: Deps, target: Target) -> None:
    target.run(deps, [tick(deps, target.name)])


def _bury(deps: Deps, given_up: GivenUp) -> None:
    deps.engine.bury(given_up.letter())


if __name__ == "__main__":
    main()
