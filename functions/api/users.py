"""/api/v1/users and /api/v1/assets/…/grants: who is here, and who may do what with an asset."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from dataflux.errors import Conflict, Denied
from dataflux.permissions import GRANTS, Caller, Role, Verb
from functions.api import shapes
from functions.api.assets import visible
from functions.api.bodies import json_of, parse
from functions.api.callers import Asker, Using
from functions.deps import Deps
from functions.work import Write
from stores.records import access, people
from stores.records.assets import Asset

router = APIRouter(tags=["users"])

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.@+-]{0,62}$")]


class NewUser(BaseModel):
    """Somebody to be known here; without roles they see what they own and what they are granted."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    roles: list[Literal["admin", "operator", "viewer"]] = []


class NewGrant(BaseModel):
    """What a user may do with an asset, all its versions included."""

    model_config = ConfigDict(extra="forbid")

    user: Name
    permission: Literal["owner", "editor", "viewer", "analyze", "export", "delete", "share"]
    expires_at: AwareDatetime | None = None


@router.get("/api/v1/users", operation_id="users_list")
def list_users(deps: Using, caller: Asker) -> dict[str, Any]:
    """List the users of the tenant; for admins."""
    _require_admin(caller)
    found = deps.engine.read(caller.tenant, people.users)
    return shapes.paged([_user(each) for each in found], None)


@router.post("/api/v1/users", operation_id="users_add", status_code=201)
async def add_user(request: Request, deps: Using, caller: Asker) -> JSONResponse:
    """Make a user known, with an API key, which is told once; for admins."""
    _require_admin(caller)
    asked = parse(NewUser, await json_of(request))
    return JSONResponse(await run_in_threadpool(_add, deps, caller, asked), 201)


@router.post("/api/v1/assets/{asset_id}/grants", operation_id="grants_give", status_code=204)
async def give(asset_id: UUID, request: Request, deps: Using, caller: Asker) -> Response:
    """Grant a user a permission on an asset; for those who may share it, and do as much."""
    asked = parse(NewGrant, await json_of(request))
    await run_in_threadpool(_give, deps, caller, asset_id, asked)
    return Response(status_code=204)


@router.delete(
    "/api/v1/assets/{asset_id}/grants/{user}", operation_id="grants_take_back", status_code=204
)
def take_back(asset_id: UUID, user: str, deps: Using, caller: Asker) -> Response:
    """Take every permission on an asset back from a user; for its owners."""
    asset = _held(deps, caller, asset_id, "owner")
    subject = deps.engine.read(caller.tenant, people.named, caller.tenant, user[:200]).user
    deps.engine.write("api", caller.tenant, [Write(access.revoke, (subject, asset.lineage))])
    return Response(status_code=204)


def _add(deps: Deps, caller: Caller, asked: NewUser) -> dict[str, Any]:
    if asked.name in {each.name for each in deps.engine.read(caller.tenant, people.users)}:
        raise Conflict(f"there is a user {asked.name} already; choose another name")
    user = people.User(deps.ids.token(), asked.name, list(asked.roles))
    token = people.new_token(deps.ids.randomness)
    key = people.NewKey(deps.ids.token(), user.id, token)
    writes = [
        Write(people.create_user, (user.id, user.name, user.roles)),
        Write(people.add_key, (key,)),
    ]
    deps.engine.write("api", caller.tenant, writes)
    return _user(user) | {"token": token}


def _give(deps: Deps, caller: Caller, entity: UUID, asked: NewGrant) -> None:
    asset = _held(deps, caller, entity, asked.permission)
    subject = deps.engine.read(caller.tenant, people.named, caller.tenant, asked.user).user
    until: datetime | None = asked.expires_at
    new = access.NewGrant(
        deps.ids.token(), subject, asset.lineage, asked.permission, caller.user, until
    )
    deps.engine.write("api", caller.tenant, [Write(access.grant, (new,))])


def _held(deps: Deps, caller: Caller, entity: UUID, permission: str) -> Asset:
    """Return an asset that the caller may share, holding all that a permission allows."""
    for verb in sorted(GRANTS[permission]):
        visible(deps, caller, entity, verb)
    return visible(deps, caller, entity, Verb.SHARE)


def _require_admin(caller: Caller) -> None:
    if Role.ADMIN not in caller.roles:
        raise Denied("only admins see and add users; ask one")


def _user(user: people.User) -> dict[str, Any]:
    return {"id": str(user.id), "name": user.name, "roles": user.roles}
