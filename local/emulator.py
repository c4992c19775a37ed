"""The whole platform in one process: embedded stores, functions, API, the watched folder."""

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

from dataflux.errors import Conflict, DataFluxError
from dataflux.settings import Settings
from events.event import PREFIX, Event
from functions.api.app import EVERYTHING, create_app
from functions.deps import Deps, build
from functions.hosts.given_up import GivenUp
from functions.hosts.local import Hosted, LocalHost
from functions.intake import Offer, receive
from functions.targets import TARGETS, Kind, Target
from local import function_routes, installation
from local.inbox import Inbox
from local.installation import Installation
from local.marks import Marks
from local.modes import USUAL, Mode
from local.reloading import reloading
from local.server import Server
from local.unkind import UnkindBus
from stores.records import arrivals, steps

log = logging.getLogger(__name__)

TIMERS_S = {"relay": 1.0, "reconcile": 10.0}
POOLS = ("media", "ocr", "speech")


@dataclass(frozen=True)
class Running:
    """An emulator that is ready."""

    deps: Deps
    installation: Installation
    url: str


@contextlib.contextmanager
def emulator(settings: Settings, mode: Mode = USUAL) -> Iterator[Running]:
    """Start everything; on leaving, end everything that was started, in reverse."""
    settings = mode.applied(settings)
    settings.home.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        deps = stack.enter_context(build(settings))
        installed = installation.ensure(deps)
        with deps.engine.system("relay") as conn:
            steps.free_leases(conn)  # alone in this home: whoever held one is gone
        stack.enter_context(_warming(deps))
        host = _host(deps, mode)
        stack.callback(host.stop, settings.grace_s, deps.sandbox.close)
        host.start()
        for name, seconds, action in _chores(deps):
            stack.enter_context(_every(name, seconds, action))
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
            stack.enter_context(reloading(log.warning))
        app = create_app(deps, (*EVERYTHING, function_routes.router))
        server = stack.enter_context(Server(app, settings.host, settings.port))
        yield Running(deps, installed, server.url)


def _host(deps: Deps, mode: Mode) -> LocalHost:
    hosted, bury = list(_hosted(deps, mode)), partial(_bury, deps)
    if mode.chaos is None:
        return LocalHost(deps.bus, hosted, bury, slots=deps.settings.slots)
    unkind = UnkindBus(deps.bus, mode.chaos)
    return LocalHost(unkind, hosted, unkind.bury(bury), slots=deps.settings.slots)


def _hosted(deps: Deps, mode: Mode) -> Iterator[Hosted]:
    for target in TARGETS:
        if target.topics:
            run, alone = partial(target.run, deps), target.name == mode.debug
            yield Hosted(target.name, target.topics, run, target.batch, target.heavy, alone)


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


def _chores(deps: Deps) -> Iterator[tuple[str, float, Callable[[], object]]]:
    """Yield what is done again and again."""
    for target in TARGETS:
        if target.kind is Kind.SWEEPER:
            yield target.name, TIMERS_S[target.name], partial(_tick, deps, target)


def _tick(deps: Deps, target: Target) -> None:
    """Tick a sweeper, as PingSource does in a cluster."""
    event = Event(
        id=str(deps.ids.token()),
        type=f"{PREFIX}timer.tick",
        source="/dataflux/timer",
        time=deps.clock.now(),
        data={"timer": target.name},
    )
    target.run(deps, [event])


@contextlib.contextmanager
def _every(name: str, seconds: float, action: Callable[[], object]) -> Iterator[None]:
    ended = threading.Event()

    def run() -> None:
        while not ended.wait(seconds):
            try:
                action()
            except (DataFluxError, OSError):
                log.exception("%s failed; it runs again in %.0f s", name, seconds)

    thread = threading.Thread(target=run, name=f"timer-{name}")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


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
