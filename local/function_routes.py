"""/functions/NAME of the emulator: one event to one function, as `func invoke` sends it."""

from collections.abc import Sequence
from dataclasses import replace

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from dataflux.errors import Denied, Invalid, NotFound
from dataflux.permissions import Caller, Role
from events.event import Event
from events.http import from_http
from functions.api import problems
from functions.api.callers import AS_USER, Using, authenticate, deps_of, token_of
from functions.deps import Deps
from functions.disposition import Disposition
from functions.hosts.http import STATUS
from functions.targets import BY_NAME

router = APIRouter()


@router.post("/functions/{name}", include_in_schema=False)
async def deliver(name: str, request: Request, deps: Using) -> Response:
    """Run a function on the events of a request; answer as its own process would.

    `func invoke` sends no headers of ours: it may name the token as `?token=`.
    """
    caller = await run_in_threadpool(admin, request)
    if name not in BY_NAME:
        raise NotFound(f"no function {name[:50]!r}; use one of {', '.join(BY_NAME)}")
    events = [_own(event, caller) for event in from_http(request.headers, await request.body())]
    return await run_in_threadpool(_run, deps, name, events)


def admin(request: Request) -> Caller:
    """Return the caller: an event may name anything of its tenant, so only admins send one."""
    if AS_USER in request.headers:
        raise Denied(f"as another user one only looks; leave out {AS_USER}")
    token = request.query_params.get("token") or token_of(request)
    caller = authenticate(deps_of(request), token)
    if Role.ADMIN not in caller.roles:
        raise Denied("only an admin may deliver events to functions; ask one")
    return caller


def _own(event: Event, caller: Caller) -> Event:
    """Return the event with its tenant; raise Denied for one of another tenant."""
    extensions: dict[str, str] = {"tenantid": str(caller.tenant), **event.extensions}
    if extensions["tenantid"] != str(caller.tenant):
        raise Denied(f"event {event.id!r} is of another tenant; leave out its tenantid")
    return replace(event, extensions=extensions)


def _run(deps: Deps, name: str, events: Sequence[Event]) -> Response:

    if not events:
        raise Invalid("a batch without events; send at least one")
    disposition = BY_NAME[name].run(deps, events)
    if disposition == Disposition.DONE:
        return Response(status_code=200)
    told = disposition.detail or f"{name} ended as {disposition}"
    return problems.problem(STATUS[disposition], f"{told}; the log of the emulator says more")
