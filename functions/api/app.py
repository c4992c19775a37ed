"""The HTTP surface: the API, search and the first page as one ASGI app."""

from collections.abc import Sequence

from fastapi import APIRouter, FastAPI

from functions.api import (
    analyzers,
    assets,
    consents,
    contract,
    event_log,
    letters,
    problems,
    segments,
    sources,
    system,
    users,
)
from functions.api.edge import Edge
from functions.deps import Deps
from functions.search import routes as search
from functions.ui import routes as pages
from functions.ui import session, statics

EVERYTHING = (
    assets.router,
    segments.router,
    letters.router,
    sources.router,
    consents.router,
    users.router,
    search.router,
    system.router,
    event_log.router,
    analyzers.router,
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
        redirect_slashes=False,
    )
    app.state.deps = deps
    problems.install(app)
    contract.install(app)
    for router in routers:
        app.include_router(router)
    app.add_middleware(Edge, fresh=lambda: deps.ids.token().hex)
    return app
