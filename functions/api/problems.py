"""One shape for every error: problem+json (RFC 9457), with every bad field, mend and trace."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from dataflux.errors import DataFluxError, Invalid, MediaFailed, Unauthenticated
from functions.api import tracing

log = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
_MENDS = {404: "see /docs for the routes", 405: "see /docs for the methods"}


class BadField(BaseModel):
    """A field that cannot be used, and why."""

    field: str
    problem: str


class Problem(BaseModel):
    """Any error (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    mend: str
    errors: list[BadField]
    trace_id: str


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
    body = Problem(
        type=f"urn:dataflux:problem:{code or status}",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=what,
        mend=mend,
        errors=[BadField(field=name, problem=text) for name, text in (fields or {}).items()],
        trace_id=tracing.current(),
    )
    return JSONResponse(
        body.model_dump(), status, media_type=CONTENT_TYPE, headers=dict(headers or {})
    )


def install(app: FastAPI) -> None:
    """Answer every expected error of the app in this shape; the edge answers the others."""
    app.add_exception_handler(DataFluxError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)


def _ours(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, DataFluxError)
    if error.status >= 500 and not error.retryable:
        return bug(request.scope, error)
    headers = {"www-authenticate": "Bearer"} if isinstance(error, Unauthenticated) else {}
    if error.retryable:
        headers["retry-after"] = "1"
    fields = error.fields if isinstance(error, Invalid) else {}
    code = str(error.reason) if isinstance(error, MediaFailed) else type(error).__name__.lower()
    return problem(error.status, _told(error), fields=fields, code=code, headers=headers)


def _told(error: DataFluxError) -> str:
    """Return the message, but not what the database says: it names what is inside."""
    if not str(error).startswith("postgres: "):
        return str(error)
    return "the records are out of reach; try again" if error.retryable else "the records refuse it"


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
    detail: Any = error.detail
    if mend := _MENDS.get(error.status_code):
        detail = f"{request.method} {request.url.path[:200]}: {detail}; {mend}"
    return problem(error.status_code, detail, headers=error.headers)


def gone(scope: Mapping[str, Any]) -> JSONResponse:
    """Answer who has hung up in the middle: no fault of ours."""
    log.info("%s %s: the other side hung up", scope["method"], scope["path"])
    return problem(400, "the request ended before its time; send it again", code="malformed")


def bug(scope: Mapping[str, Any], error: Exception) -> JSONResponse:
    """Answer what nobody has foreseen; only the log says more."""
    trace = {"trace": tracing.current()}
    log.error("%s %s failed", scope["method"], scope["path"], exc_info=error, extra=trace)
    return problem(500, "an internal error; the log of this server has the details")
