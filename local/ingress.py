"""Where functions in processes of their own reach the bus that this process has."""

from collections.abc import Callable

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dataflux.errors import DataFluxError, TooLarge
from events.bus import Bus
from events.http import LIMIT, from_http


def ingress(bus: Bus, secret: str) -> Starlette:
    """Return an app that publishes what is posted under a path that only its functions know."""

    async def publish(request: Request) -> Response:
        events = from_http(dict(request.headers), await _body(request))
        await run_in_threadpool(bus.publish, events)
        return Response(status_code=202)

    async def lag(request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(bus.lag, request.path_params["group"]))

    async def oldest(request: Request) -> Response:
        found = await run_in_threadpool(bus.oldest, request.path_params["group"])
        return JSONResponse({topic: at.isoformat() for topic, at in found.items()})

    async def refused(_: Request, error: Exception) -> Response:
        status = error.status if isinstance(error, DataFluxError) else 500
        return JSONResponse({"title": str(error)[:500]}, status)

    handlers: dict[type[Exception], Callable[..., object]] = {DataFluxError: refused}
    return Starlette(
        routes=[
            Route(f"/{secret}/events", publish, methods=["POST"]),
            Route(f"/{secret}/lag/{{group}}", lag),
            Route(f"/{secret}/oldest/{{group}}", oldest),
        ],
        exception_handlers=handlers,  # type: ignore[arg-type] # of errors, as Starlette means it
    )


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LIMIT:
            raise TooLarge(f"more than {LIMIT} bytes of events in one request; send fewer")
    return bytes(body)
