"""Templates to answers: every page is escaped, and may load nothing but what is ours."""

import json
from collections.abc import Callable, Coroutine, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, Response
from fastapi.routing import APIRoute
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.exceptions import HTTPException

from dataflux.errors import DataFluxError, Unauthenticated
from functions.ui import statics

CSP = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "media-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
HEADERS = {"content-security-policy": CSP, "cache-control": "no-store"}
HTMX = {
    "includeIndicatorStyles": False,
    "allowEval": False,
    "allowScriptTags": False,
    "selfRequestsOnly": True,
    "historyCacheSize": 0,
    "refreshOnHistoryMiss": True,
    "responseHandling": [
        {"code": "204", "swap": False},
        {"code": "[24]..", "swap": True},
        {"code": "...", "swap": False, "error": True},
    ],
}

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.globals.update(static=statics.path, htmx_config=json.dumps(HTMX))

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


def render(
    template: str,
    status: int = 200,
    *,
    headers: Mapping[str, str] | None = None,
    **values: Any,
) -> HTMLResponse:
    """Return a page or a part of one."""
    body = _TEMPLATES.get_template(template).render(**values)
    return HTMLResponse(body, status, headers={**HEADERS, **(headers or {})})


def is_part(request: Request) -> bool:
    """Return whether htmx asks for a part of a page, not a person for a page."""
    return request.headers.get("hx-request") == "true"


class PageRoute(APIRoute):
    """A route whose errors are pages too; whoever is not known is asked to log in."""

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except Unauthenticated:
                return login(request)
            except DataFluxError as error:
                if error.status >= 500 and not error.retryable:
                    raise
                return failure(request, error.status, str(error))
            except HTTPException as error:
                return failure(request, error.status_code, str(error.detail))
            except RequestValidationError:
                return failure(request, 422, "this address cannot be used; check it")

        return answer


def login(request: Request, problem: str = "") -> Response:
    """Return the login page, on the way to where the person wanted to go."""
    if is_part(request):
        return Response(status_code=401, headers={"hx-redirect": "/"})
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return render(
        "login.html",
        401,
        problem=problem,
        wanted="/" if "token" in request.query_params else wanted,
        foreign=request.headers.get("sec-fetch-site") == "cross-site",
    )


def failure(request: Request, status: int, detail: str) -> Response:
    """Return what went wrong and its mend, in words."""
    what, _, mend = detail.partition("; ")
    template = "parts/failure.html" if is_part(request) else "failure.html"
    return render(template, status, title=HTTPStatus(status).phrase, what=what, mend=mend)
