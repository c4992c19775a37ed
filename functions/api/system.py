"""/api/v1/status, /stats, /relationships, health and metrics."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from dataflux import telemetry
from functions.api import shapes
from functions.api.assets import Name
from functions.api.callers import Asker, Using
from functions.targets import TARGETS
from stores.records import access, counts

router = APIRouter()


@router.get("/api/v1/status", operation_id="status", tags=["system"])
def status(deps: Using, caller: Asker) -> dict[str, Any]:
    """Say how much the caller can see, what is under way, and what was given up."""
    tenant = caller.tenant
    waiting = deps.engine.read(tenant, counts.waiting)
    return {
        "assets": deps.engine.read(tenant, counts.by_status, caller),
        "kinds": deps.engine.read(tenant, counts.by_kind, caller),
        "reasons": deps.engine.read(tenant, counts.by_reason, caller),
        "waiting": [
            {
                "stage": w.stage,
                "lane": w.lane,
                "ready": w.ready,
                "leased": w.leased,
                "oldest_s": round(w.oldest_s, 1),
            }
            for w in waiting
        ],
        "lag": {t.name: sum(deps.bus.lag(t.name).values()) for t in TARGETS if t.topics},
        "dead_letters": deps.engine.read(tenant, counts.dead_letters),
        "analyzers": [a.spec.id for a in deps.registry.all],
    }


@router.get("/api/v1/stats", operation_id="stats", tags=["system"])
def stats(deps: Using, caller: Asker) -> dict[str, Any]:
    """Count what the caller can see, by kind and type."""
    return {
        "kinds": deps.engine.read(caller.tenant, counts.by_kind, caller),
        "segments": deps.engine.read(caller.tenant, counts.of_segments, caller),
    }


@router.get("/api/v1/relationships", operation_id="relationships_list", tags=["relationships"])
def list_relationships(
    deps: Using,
    caller: Asker,
    entity: UUID,
    depth: Annotated[int, Query(ge=1, le=4)] = 1,
    relation: Annotated[list[Name] | None, Query(alias="type", max_length=10)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> dict[str, Any]:
    """List what an asset, segment or collection is related to, nearest and strongest first."""
    deps.engine.read(caller.tenant, access.require, caller, entity, "view")
    edges = deps.graph.neighbours(
        entity, access.scope(caller), types=relation or (), depth=depth, limit=limit
    )
    items = [
        {
            "id": str(edge.id),
            "source": str(edge.source),
            "target": str(edge.target),
            "type": edge.type,
            "strength": edge.strength,
            "metadata": dict(edge.metadata),
        }
        for edge in edges
    ]
    return shapes.paged(items, None)


@router.get("/healthz", operation_id="health", tags=["system"])
@router.get("/health/liveness", include_in_schema=False)
def health() -> PlainTextResponse:
    """Answer that this process is alive."""
    return PlainTextResponse("ok")


@router.get("/readyz", operation_id="ready", tags=["system"])
@router.get("/health/readiness", include_in_schema=False)
def ready(deps: Using) -> PlainTextResponse:
    """Answer whether the records can be reached."""
    with deps.engine.system("app") as conn:
        conn.execute("SELECT 1")
    return PlainTextResponse("ok")


@router.get("/metrics", operation_id="metrics", tags=["system"])
def metrics(deps: Using) -> Response:
    """Show the metrics of this process in Prometheus' format."""
    for target in TARGETS:
        for topic, waiting in deps.bus.lag(target.name).items() if target.topics else ():
            telemetry.DEPTH.labels(target.name, topic).set(waiting)
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
