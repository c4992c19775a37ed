"""/api/v1/consents: what the tenant has consented to, which is nothing until an admin says so."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from dataflux.errors import Denied
from dataflux.permissions import Caller, Role
from functions.api import shapes
from functions.api.callers import Asker, Using
from functions.work import Write
from schemas.names import Consent
from stores.records import consents
from stores.records.consents import Given

router = APIRouter(prefix="/api/v1/consents", tags=["consents"])

FOUND_UNDER: dict[Consent, tuple[str, str]] = {Consent.FACES: ("faces", "face")}
"""The analyzer that runs only with the consent, and the type of the segments it finds."""


@router.get("", operation_id="consents_list")
def list_consents(deps: Using, caller: Asker) -> dict[str, Any]:
    """List what the tenant has consented to, since when, and who said so."""
    found = deps.engine.read(caller.tenant, consents.all_of)
    return shapes.paged([_shown(each) for each in found], None)


@router.put("/{purpose}", operation_id="consents_give", status_code=204)
def give(purpose: Consent, deps: Using, caller: Asker) -> Response:
    """Consent for the tenant; it holds for what is processed from now on."""
    _require_admin(caller)
    deps.engine.write("api", caller.tenant, [Write(consents.give, (purpose, caller.user))])
    return Response(status_code=204)


@router.delete("/{purpose}", operation_id="consents_withdraw", status_code=204)
def withdraw(purpose: Consent, deps: Using, caller: Asker) -> Response:
    """Withdraw a consent; what was found under it is deleted in the same transaction."""
    _require_admin(caller)
    ended = Write(consents.withdraw, (purpose, *FOUND_UNDER[purpose]))
    deps.engine.write("api", caller.tenant, [ended])
    return Response(status_code=204)


def _require_admin(caller: Caller) -> None:
    if not caller.spans_tenants and Role.ADMIN not in caller.roles:
        raise Denied("only admins consent for a tenant; ask one of them")


def _shown(given: Given) -> dict[str, Any]:
    return {
        "purpose": given.purpose,
        "given_by": str(given.given_by),
        "given_at": shapes.moment_of(given.given_at),
    }
