"""Host an ASGI app over adapters that are built when the server starts, and closed when it ends."""

import contextlib
from collections.abc import Callable
from functools import partial
from typing import Any

from dataflux.settings import Settings
from functions.deps import Deps, build

App = Callable[..., Any]


def lazily(create: Callable[..., App], **options: Any) -> App:
    """Return an app that is made, with its adapters, in the lifespan of its server."""
    return _Lazy(partial(create, **options))


class _Lazy:
    def __init__(self, create: Callable[[Deps], App]) -> None:
        self._create = create
        self._app: App | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif self._app is None:
            raise RuntimeError("the server does not run the lifespan; use `--lifespan on`")
        else:
            await self._app(scope, receive, send)

    async def _live(self, receive: Any, send: Any) -> None:
        with contextlib.ExitStack() as stack:
            await receive()
            self._app = self._create(stack.enter_context(build(Settings.from_env())))
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})
