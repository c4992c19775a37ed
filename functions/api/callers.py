"""Who asks: a bearer token, or the cookie that the first page sets."""

from typing import Annotated

from fastapi import Depends, Request

from dataflux.errors import Denied, Unauthenticated
from dataflux.permissions import Caller
from functions.deps import Deps
from stores.records import people

COOKIE = "dataflux_token"
LONGEST_TOKEN = 200
SAFE = ("GET", "HEAD", "OPTIONS")


def deps_of(request: Request) -> Deps:
    deps: Deps = request.app.state.deps
    return deps


def caller_of(request: Request) -> Caller:
    """Return the caller; raise Unauthenticated if there is no valid token."""
    return authenticate(deps_of(request), token_of(request))


def token_of(request: Request) -> str:
    if token := bearer(request):
        return token
    if COOKIE in request.cookies:
        refuse_foreign(request)
    return request.cookies.get(COOKIE, "")


def bearer(request: Request) -> str:
    """Return the bearer token of a request, "" if it has none."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def refuse_foreign(request: Request) -> None:
    """Raise Denied if another site makes a browser change something with its cookie."""
    site = request.headers.get("sec-fetch-site", "none")
    if request.method not in SAFE and site not in ("same-origin", "none"):
        raise Denied("another site may not change anything here; use a page of this one")


def authenticate(deps: Deps, token: str) -> Caller:
    if not token or len(token) > LONGEST_TOKEN:
        raise Unauthenticated("no valid API key was given; send one as a bearer token")
    with deps.engine.system("app") as conn:
        return people.authenticate(conn, token)


Asker = Annotated[Caller, Depends(caller_of)]
Using = Annotated[Deps, Depends(deps_of)]
