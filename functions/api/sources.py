"""/api/v1/sources: where objects come in, and who may tell of new ones."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from dataflux.errors import Denied, Invalid, TooLarge
from dataflux.permissions import Caller, Role
from functions.api import shapes
from functions.api.bodies import json_of, parse
from functions.api.callers import LONGEST_TOKEN, Asker, Using, bearer
from functions.api.edge import BODY_LIMIT
from functions.deps import Deps
from functions.notify.handler import handle
from stores.objects.s3_place import Place
from stores.records import memberships, people, sources
from stores.records.sources import Registered

router = APIRouter(prefix="/api/v1/sources", tags=["sources"])

Secret = Annotated[str, Query(max_length=LONGEST_TOKEN)]


class NewSource(BaseModel):
    """A prefix of a bucket, and what becomes of the objects that come in there.

    Without a collection there is a new one of the source's name. Tenant and owner are the caller's
    if they are not given.
    """

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,62}$")]
    bucket: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]$")]
    prefix: Annotated[str, Field(max_length=1024, pattern="^[^\0]*$")] = ""
    lane: Literal["high", "normal", "low"] | None = None
    collection: UUID | None = None
    tenant: UUID | None = None
    owner: UUID | None = None


@router.get("", operation_id="sources_list")
def list_sources(deps: Using, caller: Asker) -> dict[str, Any]:
    """List where objects come in; for admins."""
    _require_admin(caller)
    if caller.spans_tenants:
        with deps.engine.system("admin") as conn:
            found = sources.all_of(conn)
    else:
        found = deps.engine.read(caller.tenant, sources.all_of)
    return shapes.paged([_source(each) for each in found], None)


@router.post("", operation_id="sources_add", status_code=201)
async def add_source(request: Request, deps: Using, caller: Asker) -> JSONResponse:
    """Let objects come in from a prefix of a bucket; the secret for notifications is told once."""
    if not caller.spans_tenants:
        raise Denied("whose a bucket is, only who runs the installation can say; ask a superadmin")
    asked = parse(NewSource, await json_of(request))
    added, secret = await run_in_threadpool(_add, deps, caller, asked)
    place = f"/api/v1/sources/{added.id}"
    body = _source(added) | {"secret": secret, "notifications": f"{place}/notifications"}
    return JSONResponse(body, 201, headers={"location": place})


@router.delete("/{source_id}", operation_id="sources_remove", status_code=204)
def remove_source(source_id: UUID, deps: Using, caller: Asker) -> Response:
    """Let nothing more come in from a source; what came from it stays."""
    if not caller.spans_tenants:
        raise Denied("only who runs the installation removes sources; ask a superadmin")
    with deps.engine.system("admin") as conn:
        sources.remove(conn, source_id)
    return Response(status_code=204)


@router.post("/{source_id}/notifications", operation_id="sources_notify")
async def notify(
    source_id: UUID, request: Request, deps: Using, token: Secret = ""
) -> dict[str, int]:
    """Hear from an object store of new objects; its secret as a bearer token, or in the address."""
    secret = bearer(request) or token
    source = await run_in_threadpool(_sender, deps, source_id, secret)
    raw = await _body(request)
    return await run_in_threadpool(handle, raw, deps, f"webhook/{source.name}", source)


def _require_admin(caller: Caller) -> None:
    if not caller.spans_tenants and Role.ADMIN not in caller.roles:
        raise Denied("only admins see the sources; ask one of them")


def _sender(deps: Deps, source: UUID, secret: str) -> Registered:
    with deps.engine.system("admin") as conn:
        return sources.authenticate(conn, source, secret)


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_LIMIT:
            raise TooLarge(f"the notification has more than {BODY_LIMIT} bytes; send fewer records")
    return bytes(body)


def _add(deps: Deps, caller: Caller, asked: NewSource) -> tuple[Registered, str]:
    _refuse_ours(deps, asked)
    deps.buckets.require(asked.bucket)
    tenant = asked.tenant or caller.tenant
    new = Registered(
        id=deps.ids.token(),
        tenant_id=tenant,
        name=asked.name,
        bucket=asked.bucket,
        prefix=asked.prefix,
        owner_id=_owner(caller, asked, tenant),
        collection_id=asked.collection or deps.ids.lineage(),
        lane=asked.lane,
        created_at=deps.clock.now(),
    )
    secret = people.new_token(deps.ids.randomness)
    deps.engine.read(tenant, people.require, new.owner_id)
    if asked.collection is not None:
        deps.engine.read(tenant, memberships.require, asked.collection)
    with deps.engine.session(tenant, "admin") as conn:
        added = sources.add(conn, new, secret)
        if asked.collection is None and added.collection_id is not None:
            memberships.create_collection(conn, added.collection_id, asked.name)
    return added, secret


def _owner(caller: Caller, asked: NewSource, tenant: UUID) -> UUID:
    if asked.owner is None and tenant != caller.tenant:
        raise Invalid("the source is another tenant's", {"owner": "is missing: name a user there"})
    return asked.owner or caller.user


def _refuse_ours(deps: Deps, asked: NewSource) -> None:
    """Raise Invalid if what we derive would come in again as something new."""
    if not deps.settings.objects.startswith("s3:"):
        return
    ours = Place.of(deps.settings.objects)
    nested = asked.prefix.startswith(ours.prefix) or ours.prefix.startswith(asked.prefix)
    if asked.bucket == ours.bucket and nested:
        where = f"{ours.bucket}/{ours.prefix}"
        raise Invalid(
            "what we derive from objects would come in again",
            {"prefix": f"must lie apart from {where}, where DATAFLUX_OBJECTS is"},
        )


def _source(row: Registered) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "tenant": str(row.tenant_id),
        "name": row.name,
        "bucket": row.bucket or None,
        "prefix": row.prefix,
        "owner": str(row.owner_id),
        "collection": None if row.collection_id is None else str(row.collection_id),
        "lane": row.lane,
        "created_at": shapes.moment_of(row.created_at),
        "swept_at": shapes.moment_of(row.swept_at),
    }
