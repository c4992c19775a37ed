"""Logging in: a token becomes a cookie that scripts cannot read and other sites cannot send."""

import re
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from dataflux.errors import Unauthenticated
from functions.api.callers import COOKIE, Using, authenticate, refuse_foreign
from functions.deps import Deps
from functions.ui import pages

router = APIRouter(include_in_schema=False, route_class=pages.PageRoute)

WRONG = "This token is not valid here."
_OURS = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*")
"""A path on this host; browsers would take // and /\\ for another."""


@router.post("/login")
def login(
    request: Request,
    deps: Using,
    token: Annotated[str, Form(max_length=1000)] = "",
    wanted: Annotated[str, Form(max_length=4000)] = "/",
) -> Response:
    """Set the cookie if the token is right."""
    refuse_foreign(request)
    return enter(request, deps, token.strip(), wanted if _OURS.fullmatch(wanted) else "/")


@router.post("/logout")
def logout(request: Request) -> Response:
    """Forget the cookie."""
    refuse_foreign(request)
    answer = RedirectResponse("/", 303)
    answer.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
    return answer


def enter(request: Request, deps: Deps, token: str, place: str = "/") -> Response:
    """Return the way to a place with the cookie set, or the login page that says why not."""
    try:
        authenticate(deps, token)
    except Unauthenticated:
        return pages.login(request, WRONG)
    answer = RedirectResponse(place, 303, headers={"cache-control": "no-store"})
    secure = request.url.scheme == "https"
    answer.set_cookie(COOKIE, token, path="/", httponly=True, samesite="strict", secure=secure)
    return answer
