"""The HTTP surface: the API, search and the first page as one ASGI app."""

from collections.abc import Awaitable, Callable, Sequence

from fastapi import APIRouter, FastAPI, Request, Response

from functions.api import assets, problems, segments, system
from functions.deps import Deps
from functions.search import routes as search
from functions.ui import routes as pages
from functions.ui import session, statics

Next = Callable[[Request], Awaitable[Response]]

HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}


EVERYTHING = (
    assets.router,
    segments.router,
    search.router,
    system.router,
    pages.router,
    session.router,
    statics.router,
)


def create_app(deps: Deps, routers: Sequence[APIRouter] = EVERYTHING) -> FastAPI:
    """Return the app over some adapters, with all or some of its routes."""
    app = FastAPI(
        title="DataFlux",
        version="1",
        description="Makes any media findable down to the moment.",
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    app.state.deps = deps
    problems.install(app)
    for router in routers:
        app.include_router(router)
    app.middleware("http")(_add_headers)
    return app


async def _add_headers(request: Request, call_next: Next) -> Response:
    response = await call_next(request)
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response
