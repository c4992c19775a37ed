"""One shape for every error: problem+json (RFC 9457), with every bad field and the mend."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from dataflux.errors import DataFluxError, Invalid, MediaFailed, Unauthenticated

log = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"


def problem(
    status: int,
    detail: str,
    *,
    fields: Mapping[str, str] | None = None,
    code: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """Return an error; a detail is "what happened; the mend"."""
    what, _, mend = detail.partition("; ")
    body: dict[str, Any] = {
        "type": f"urn:dataflux:problem:{code or status}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": what,
        "mend": mend,
        "errors": [{"field": name, "problem": text} for name, text in (fields or {}).items()],
    }
    return JSONResponse(body, status, media_type=CONTENT_TYPE, headers=dict(headers or {}))


def install(app: FastAPI) -> None:
    """Answer every error of the app in this shape."""
    app.add_exception_handler(DataFluxError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _bug)


def _ours(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, DataFluxError)
    if error.status >= 500 and not error.retryable:
        return _bug(request, error)
    headers = {"www-authenticate": "Bearer"} if isinstance(error, Unauthenticated) else {}
    if error.retryable:
        headers["retry-after"] = "1"
    fields = error.fields if isinstance(error, Invalid) else {}
    code = str(error.reason) if isinstance(error, MediaFailed) else type(error).__name__.lower()
    return problem(error.status, str(error), fields=fields, code=code, headers=headers)


def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    fields: dict[str, str] = {}
    for each in error.errors():
        place = ".".join(str(part) for part in each["loc"][1:]) or str(each["loc"][0])
        fields.setdefault(place, each["msg"])
    detail = "the request cannot be used; mend the named fields"
    return problem(422, detail, fields=fields, code="invalid")


def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    mend = {404: "; see /docs for the routes", 405: "; see /docs for the methods"}
    detail = f"{request.method} {request.url.path[:200]}: {error.detail}"
    return problem(
        error.status_code, detail + mend.get(error.status_code, ""), headers=error.headers
    )


def _bug(request: Request, error: Exception) -> JSONResponse:
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return problem(500, "an internal error; the log of this server has the details")
