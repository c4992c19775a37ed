"""What every request passes: its trace, the limit of its body, its measure, safe headers, a net."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dataflux import telemetry
from functions.api import problems, tracing

BODY_LIMIT = 1 << 20
IMAGE_LIMIT = 10 << 20
UPLOADS = ("POST", "/api/v1/assets")
"""These have the limit of the settings, and are never kept whole."""
_IMAGES = ("/api/v1/search", "/ui/search")

HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}


@dataclass(frozen=True)
class Edge:
    """Middleware around all routes; nothing that a handler raises gets past it."""

    app: ASGIApp
    fresh: Callable[[], str]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        tracing.begin(scope, self.fresh())
        answer, began = _Answer(send), time.perf_counter()
        try:
            await self._answer(scope, receive, answer)
        finally:
            took = time.perf_counter() - began
            telemetry.REQUESTS.labels(_route(scope), str(answer.status)).observe(took)

    async def _answer(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        limit = limit_of(scope)
        if limit is not None and declared(scope) > limit:
            return await problems.problem(413, too_long(limit))(scope, receive, answer)
        try:
            await self.app(scope, receive if limit is None else bounded(receive, limit), answer)
        except Exception as error:
            gone = isinstance(error, ClientDisconnect)
            response = problems.gone(scope) if gone else problems.bug(scope, error)
            if answer.status is None:
                await response(scope, receive, answer)


@dataclass
class _Answer:
    """Sends on, with our headers, and remembers the status."""

    send: Send
    status: int | None = field(default=None)

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await self.send(message)


def limit_of(scope: Scope) -> int | None:
    """Return how many bytes a request may have; None if its route sees to that."""
    if (scope["method"], scope["path"]) == UPLOADS:
        return None
    return BODY_LIMIT + (IMAGE_LIMIT if scope["path"] in _IMAGES else 0)


def declared(scope: Scope) -> int:
    """Return the length that the sender has declared, 0 if none."""
    text = dict(scope["headers"]).get(b"content-length", b"")
    return int(text[:20]) if text.isdigit() else 0


def bounded(receive: Receive, limit: int) -> Receive:
    """Return a channel that gives no more than `limit` bytes of a body."""
    left = limit

    async def receive_bounded() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        if left < 0:
            raise HTTPException(413, too_long(limit))
        return message

    return receive_bounded


def too_long(limit: int) -> str:
    return f"the request has more than {limit} bytes; send less"


def _route(scope: Scope) -> str:
    """Return the route's template: the label of a metric must not be what people send."""
    route: Any = scope.get("route")
    return getattr(route, "path", "none")
