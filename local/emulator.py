"""The whole platform on one machine: embedded stores, functions, API, the watched folder."""

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath

from fastapi import APIRouter

from dataflux.clock import Clock, IdFactory
from dataflux.errors import Conflict, DataFluxError
from dataflux.settings import Settings
from functions.api.app import EVERYTHING, create_app
from functions.deps import Deps, build
from functions.hosts.given_up import GivenUp
from functions.hosts.lag import LOOK_S, LagWatch
from functions.hosts.listening import listening
from functions.hosts.local import Hosted, LocalHost, Run
from functions.hosts.repeating import SWEEP_S, every
from functions.hosts.timer import tick
from functions.intake import Offer, receive
from functions.targets import TARGETS, Kind, Target
from local import fresh_analyzers, function_routes, installation
from local.inbox import Inbox
from local.installation import Installation
from local.isolated import started
from local.marks import Marks
from local.modes import USUAL, Mode
from local.reloading import reloading
from local.server import Server
from local.unkind import UnkindBus
from stores.records import arrivals, sweeping

log = logging.getLogger(__name__)

EXPIRE_S = 300.0
POOLS = ("media", "text", "ocr", "speech")


@dataclass(frozen=True)
class Running:
    """An emulator that is ready."""

    deps: Deps
    installation: Installation
    url: str
    functions: Mapping[str, str]
    """Where each function answers that has a process of its own."""


@contextlib.contextmanager
def emulator(
    settings: Settings,
    mode: Mode = USUAL,
    *,
    clock: Clock | None = None,
    ids: IdFactory | None = None,
    more: Sequence[APIRouter] = (),
) -> Iterator[Running]:
    """Start everything; on leaving, end everything that was started, in reverse."""
    settings = mode.applied(settings)
    if settings.require_seal is None:  # one's own machine, and one's own files
        settings = settings.model_copy(update={"require_seal": False})
    settings.home.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        deps = stack.enter_context(build(settings, clock=clock, ids=ids))
        installed = installation.ensure(deps)
        with deps.engine.system("relay") as conn:
            sweeping.free_leases(conn)  # alone in this home: whoever held one is gone
        functions = stack.enter_context(
            _apart(deps, mode.idle_s) if mode.isolated else _together(deps)
        )
        host = _host(deps, functions, mode)
        stack.callback(host.stop, settings.grace_s, functions.abort)
        host.start()
        for target in TARGETS:
            if target.kind is Kind.SWEEPER:
                tick = partial(_tick, deps, target.name, functions.runs[target.name])
                stack.enter_context(every(target.name, SWEEP_S[target.name], tick))
        watch = LagWatch(deps, [target.name for target in TARGETS if target.topics])
        stack.enter_context(every("lag", LOOK_S, watch.look))
        stack.enter_context(listening(deps))
        inbox = Inbox(
            settings.watched,
            partial(_take, deps, installed),
            Marks(settings.home / "inbox.seen", str(installed.tenant)),
            rest_s=settings.rest_s,
        )
        inbox.start()
        stack.callback(inbox.join)
        stack.callback(inbox.close)
        if mode.reload:
            analyzers = fresh_analyzers.watched(deps.registry, deps.sandbox)
            stack.enter_context(reloading(log.warning, *analyzers))
        app = create_app(deps, (*EVERYTHING, function_routes.router, *more))
        server = stack.enter_context(Server(app, settings.host, settings.port))
        yield Running(deps, installed, server.url, functions.places)


@dataclass(frozen=True)
class Functions:
    """How each function is run, where it answers if it does, and how to end what is in work."""

    runs: Mapping[str, Run]
    abort: Callable[[], None]
    places: Mapping[str, str] = field(default_factory=dict)

    def batch(self, target: Target) -> int:
        """Return how many events it takes at a time: over HTTP one, as Knative posts them."""
        return 1 if self.places else target.batch


@contextlib.contextmanager
def _together(deps: Deps) -> Iterator[Functions]:
    """Run the functions in this process."""
    runs = {target.name: partial(target.run, deps) for target in TARGETS}
    with _warming(deps):
        yield Functions(runs, deps.sandbox.close)


@contextlib.contextmanager
def _apart(deps: Deps, idle_s: float | None) -> Iterator[Functions]:
    """Run each function in a process of its own; who has the bus also lets it expire."""
    with started(deps, idle_s) as found, every("expire", EXPIRE_S, deps.bus.expire):
        yield Functions(found.runs, found.processes.stop, found.places)


def _host(deps: Deps, functions: Functions, mode: Mode) -> LocalHost:
    hosted, bury = list(_hosted(functions, mode)), partial(_bury, deps)
    if mode.chaos is None:
        return LocalHost(deps.bus, hosted, bury, slots=deps.settings.slots)
    unkind = UnkindBus(deps.bus, mode.chaos)
    return LocalHost(unkind, hosted, unkind.bury(bury), slots=deps.settings.slots)


def _hosted(functions: Functions, mode: Mode) -> Iterator[Hosted]:
    for target in TARGETS:
        if target.topics:
            run, batch = functions.runs[target.name], functions.batch(target)
            alone = target.name == mode.debug
            yield Hosted(target.name, target.topics, run, batch, target.heavy, alone)


@contextlib.contextmanager
def _warming(deps: Deps) -> Iterator[None]:
    """Load models beside everything else: the first picture finds them ready."""
    ended = threading.Event()

    def warm() -> None:
        for pool in POOLS:
            if ended.is_set():
                return
            try:
                deps.sandbox.warm(pool)
            except DataFluxError as error:  # work that needs it will try again, and say so
                log.warning("not warmed up: %s", error)

    thread = threading.Thread(target=warm, name="warming")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _tick(deps: Deps, name: str, run: Run) -> None:
    run([tick(deps, name)])


def _take(deps: Deps, installed: Installation, path: Path, name: str) -> None:
    """Bring a file of the inbox in; one that has been brought in before changes nothing."""
    source = deps.engine.read(installed.tenant, arrivals.source, installation.INBOX)
    if source is None:
        raise Conflict(f"source {installation.INBOX} is gone; run `dataflux reset`")
    with path.open("rb") as stream:
        receive(deps, installed.caller, source, Offer(PurePosixPath(name).name, name), stream)


def _bury(deps: Deps, given_up: GivenUp) -> None:
    """Keep what a function has given up, as it came."""
    deps.engine.bury(given_up.letter())
