"""Who asks: a bearer token, or the cookie that the first page sets."""

from dataclasses import replace
from typing import Annotated
from urllib.parse import unquote

from fastapi import Depends, Request

from dataflux.errors import Denied, Unauthenticated
from dataflux.permissions import Caller, Role
from functions.deps import Deps
from stores.records import people

COOKIE = "dataflux_token"
LONGEST_TOKEN = 200
SAFE = ("GET", "HEAD", "OPTIONS")
AS_USER = "x-dataflux-as"
"""Names the user as whom an admin wants to be answered."""
LOOKS = ("/api/v1/search", "/api/v1/similar")
"""What is posted there changes nothing."""


def deps_of(request: Request) -> Deps:
    deps: Deps = request.app.state.deps
    return deps


def caller_of(request: Request) -> Caller:
    """Return the caller; raise Unauthenticated if there is no valid token.

    An admin who names another user is answered as that one would be.
    """
    caller = authenticate(deps_of(request), token_of(request))
    name = request.headers.get(AS_USER)
    return caller if name is None else _as_user(request, caller, name)


def _as_user(request: Request, caller: Caller, name: str) -> Caller:
    """Return another user of the tenant, to see what they see; to do something, one is oneself."""
    if Role.ADMIN not in caller.roles:
        raise Denied("only an admin may look as another user; ask one")
    if request.method not in SAFE and request.url.path not in LOOKS:
        raise Denied(f"as another user one only looks; leave out {AS_USER}")
    other = deps_of(request).engine.read(
        caller.tenant, people.named, caller.tenant, unquote(name)[:200]
    )
    beyond = {Role.SUPERADMIN} - caller.roles
    return replace(other, roles=other.roles - beyond)


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
