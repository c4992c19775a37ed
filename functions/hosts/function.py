"""Host an event function as an ASGI app: `uvicorn functions.NAME.main:app`."""

import logging
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from functools import partial
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from dataflux import telemetry
from dataflux.errors import Invalid
from dataflux.settings import Settings
from events.http import LIMIT
from functions.hosts.adapters import Adapters
from functions.hosts.http import (
    NO_METHOD,
    NOTHING_TO_SAY,
    OVERLOADED,
    TOO_MUCH,
    Answer,
    answer,
    problem,
)
from functions.hosts.threads import Threads
from functions.targets import BY_NAME, Target

log = logging.getLogger(__name__)

LIGHT_THREADS = 4
MOST_WAITING = 100
"""Requests that wait for a thread; with more, the sender is asked to come again."""
TRY_AGAIN_S = 1.0
NOT_READY = problem(503, "not ready")

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


def serve(name: str) -> "FunctionApp":
    """Return the ASGI app of one event function."""
    return FunctionApp(BY_NAME[name], Adapters())


class FunctionApp:
    """Takes events by POST; answers /health/liveness, /health/readiness and /metrics.

    It serves at once, and is ready when its adapters are built and what it infers with is warm.
    """

    def __init__(self, target: Target, adapters: Adapters) -> None:
        self._target = target
        self._adapters = adapters
        self._ready = threading.Event()
        self._ending = threading.Event()
        self._threads: Threads[Answer] | None = None
        self._asked: dict[str, Callable[[], Answer]] = {
            "/health/liveness": lambda: NOTHING_TO_SAY,
            "/health/readiness": self._readiness,
            "/metrics": _metrics,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            said = await self._answer(scope, receive)
            headers = [(k.encode(), v.encode()) for k, v in said.headers.items()]
            headers.append((b"content-length", b"%d" % len(said.body)))
            await send({"type": "http.response.start", "status": said.status, "headers": headers})
            await send({"type": "http.response.body", "body": said.body})

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        if scope["method"] != "POST":
            return self._asked.get(scope["path"], lambda: NO_METHOD)()
        if self._threads is None:
            raise RuntimeError("the server does not run the lifespan; use `--lifespan on`")
        if self._threads.waiting >= MOST_WAITING:
            return OVERLOADED
        body = await _read(receive)
        if body is None:
            return TOO_MUCH
        headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
        return await self._threads.run(partial(answer, self._target, self._adapters, headers, body))

    def _readiness(self) -> Answer:
        return NOTHING_TO_SAY if self._ready.is_set() else NOT_READY

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            settings = Settings.from_env()
        except Invalid as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        telemetry.configure(settings.log_level, settings.log_format)
        self._threads = Threads(settings.slots if self._target.heavy else LIGHT_THREADS)
        warming = threading.Thread(target=self._warm, name="warming")
        warming.start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self._ending.set()
        self._threads.close()
        warming.join()
        self._adapters.close()
        await send({"type": "lifespan.shutdown.complete"})

    def _warm(self) -> None:
        """Build the adapters, load what is inferred with, and only then be ready."""
        while not self._ready.is_set() and not self._ending.is_set():
            try:
                deps = self._adapters()
                if self._target.warm:
                    deps.sandbox.warm(*{e.spec.pool for e in deps.registry.embedders()})
                self._ready.set()
            except Exception as error:  # it stays alive, and unready, until its dependencies are up
                log.warning("%s is not ready: %s", self._target.name, error)
                self._ending.wait(TRY_AGAIN_S)


async def _read(receive: Receive) -> bytes | None:
    """Return the body; None if it is longer than is read."""
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body") and len(body) <= LIMIT:
        message = await receive()
        body += message.get("body", b"")
    return body if len(body) <= LIMIT else None


def _metrics() -> Answer:
    return Answer(200, generate_latest(), {"content-type": CONTENT_TYPE_LATEST})
