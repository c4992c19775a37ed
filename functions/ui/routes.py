"""The first page: search, send files in, watch them, look at a moment."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, File, Form, Query, Request, UploadFile
from fastapi.responses import RedirectResponse, Response

from dataflux.errors import Invalid, NotFound, TooLarge
from dataflux.permissions import Caller, Verb
from functions.api.again import Again
from functions.api.assets import process_again, visible
from functions.api.bodies import parse
from functions.api.callers import Asker, Using, caller_of
from functions.api.edge import IMAGE_LIMIT
from functions.deps import Deps
from functions.search import handler
from functions.search.request import SearchRequest
from functions.ui import detail, history, hits, listing, pages, places, session
from schemas.address import Address
from schemas.names import Kind
from stores.records import access, assets, moments, trace

router = APIRouter(include_in_schema=False, route_class=pages.PageRoute)

HITS = 12
Text = Annotated[str, Query(max_length=2000)]
Kinds = Annotated[list[Kind], Query(alias="kind", max_length=4)]


@router.get("/")
def home(
    request: Request,
    deps: Using,
    token: str | None = None,
    q: Text = "",
    kinds: Kinds = [],  # noqa: B006 - FastAPI copies it
) -> Response:
    """Show the page; with a token, log in first."""
    if token is not None:
        return session.enter(request, deps, token)
    caller = caller_of(request)
    return pages.render(
        "home.html",
        q=q,
        kinds=kinds,
        all_kinds=list(Kind),
        image_limit=IMAGE_LIMIT,
        answer=_found(deps, caller, q, kinds) if q.strip() else None,
        **_listed(deps, caller, []),
    )


@router.get("/ui/search")
def search(
    request: Request,
    deps: Using,
    caller: Asker,
    q: Text = "",
    kinds: Kinds = [],  # noqa: B006
) -> Response:
    """Show what is found for words."""
    answer = _found(deps, caller, q, kinds) if q.strip() else None
    query = f"?{request.url.query}" if answer is not None else ""
    headers = {"hx-replace-url": f"/{query}"}
    return pages.render("parts/results.html", headers=headers, answer=answer)


@router.post("/ui/search")
def search_by_image(
    deps: Using,
    caller: Asker,
    image: Annotated[UploadFile, File()],
    kinds: Annotated[list[Kind], Form(alias="kind", max_length=4)] = [],  # noqa: B006
) -> Response:
    """Show what looks like an example image."""
    if (image.size or 0) > IMAGE_LIMIT:
        raise TooLarge(f"the image has more than {IMAGE_LIMIT >> 20} MB; send a smaller one")
    if not image.size:
        raise Invalid("the image has no bytes; choose another", {"image": "is empty"})
    answer = _found(deps, caller, "an image", kinds, image.file.read())
    return pages.render("parts/results.html", answer=answer | {"example": image.filename or ""})


def _found(
    deps: Deps, caller: Caller, q: str, kinds: list[Kind], image: bytes | None = None
) -> dict[str, Any]:
    raw = {
        "query": q,
        "filters": {"kind": {"in": list(map(str, kinds))}} if kinds else {},
        "group_by": "asset",
        "limit": HITS,
    }
    answer = handler.search(deps, caller, parse(SearchRequest, raw), image)
    shown = [hits.shown(hit) for hit in answer["hits"]]
    return {**answer, "hits": shown, "q": q, "kinds": kinds, "example": None}


@router.get("/ui/assets")
def list_assets(
    deps: Using,
    caller: Asker,
    expected: Annotated[str, Query(max_length=4000)] = "",
) -> Response:
    """Show the newest assets, and the uploads that are expected to become some."""
    return pages.render("parts/assets.html", **_listed(deps, caller, _ids(expected)))


def _ids(text: str) -> list[UUID]:
    try:
        return [UUID(each) for each in text.split(",") if each]
    except ValueError:
        raise Invalid("an expected id is none; load the page anew") from None


def _listed(deps: Deps, caller: Caller, expected: list[UUID]) -> dict[str, Any]:
    rows = listing.rows(deps, caller, expected)
    busy = any(not row["done"] for row in rows)
    return {"rows": rows, "busy": busy, "most": listing.SHOWN, "size": history.size}


@router.get("/view/{asset_id}")
def view(
    asset_id: UUID,
    deps: Using,
    caller: Asker,
    at: Annotated[str, Query(max_length=500)] = "",
    segment: UUID | None = None,
) -> Response:
    """Show an asset at a moment."""
    asset = visible(deps, caller, asset_id)
    address = _address(f"asset:{asset.lineage}@{asset.version}" + (f"#{at}" if at else ""))
    wanted = detail.Shown(address, segment)
    return pages.render(
        "view.html",
        asset=asset,
        address=str(address),
        place=places.words(address) if at else "",
        facts=_facts(deps, caller, asset),
        size=history.size(asset.file_size),
        **_status(deps, caller, asset),
        **detail.look(deps, caller, asset, wanted),
    )


@router.get("/ui/status/{asset_id}")
def status(asset_id: UUID, deps: Using, caller: Asker) -> Response:
    """Show how far an asset is; once it is done, have the page loaded anew."""
    found = _status(deps, caller, asset := visible(deps, caller, asset_id))
    headers = {"hx-refresh": "true"} if found["row"]["done"] else {}
    return pages.render("parts/status.html", headers=headers, asset=asset, **found)


def _status(deps: Deps, caller: Caller, asset: assets.Asset) -> dict[str, Any]:
    runs = deps.engine.read(caller.tenant, trace.trace, asset.id)
    row = listing.row(deps, caller, asset)
    may = deps.engine.read(caller.tenant, access.can, caller, asset.id, Verb.ANALYZE)
    return {
        "row": row,
        "may_retry": row["done"] and may,
        "runs": [history.run(each) for each in runs],
    }


@router.post("/ui/retry/{asset_id}")
def retry(asset_id: UUID, deps: Using, caller: Asker) -> Response:
    """Process an asset once more, and show how it goes."""
    process_again(deps, caller, asset_id, Again())
    return RedirectResponse(f"/view/{asset_id}", 303)


def _facts(deps: Deps, caller: Caller, asset: assets.Asset) -> list[tuple[str, str]]:
    roots = deps.engine.read(caller.tenant, moments.children, asset.id, limit=1)
    keys = [moment.id for moment in roots]
    return history.facts(deps.engine.read(caller.tenant, moments.features, asset.lineage, keys))


@router.get("/open")
def open_address(
    deps: Using, caller: Asker, address: Annotated[str, Query(max_length=500)] = ""
) -> Response:
    """Go to where an address points."""
    parsed = _address(address)
    visible(deps, caller, parsed.lineage)
    asset = deps.engine.read(caller.tenant, assets.get, parsed.lineage, parsed.version)
    return RedirectResponse(places.link(asset.id, parsed), 303)


def _address(text: str) -> Address:
    try:
        return Address.parse(text)
    except ValueError as error:
        raise NotFound(str(error)) from None


@router.get("/docs")
def docs(request: Request) -> Response:
    """List the routes of the API."""
    schema = request.app.openapi()
    routes = [
        {
            "method": method.upper(),
            "path": path,
            "what": operation.get("description") or operation.get("summary", ""),
        }
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
    ]
    return pages.render("docs.html", routes=routes)
