"""/api/v1/analyzers: what each analyzer declares, and whether it can run here."""

from typing import Any

from fastapi import APIRouter

from analyzers import declared
from analyzers.api import BaseAnalyzer
from functions.api import shapes
from functions.api.callers import Asker, Using
from functions.deps import Deps

router = APIRouter()


@router.get("/api/v1/analyzers", operation_id="analyzers_list", tags=["system"])
def list_analyzers(deps: Using, caller: Asker) -> dict[str, Any]:
    """List the analyzers of this installation with what they declare."""
    missing = deps.sandbox.missing()
    return shapes.paged([_shown(deps, a, missing) for a in deps.registry.all], None)


def _shown(deps: Deps, analyzer: BaseAnalyzer, missing: dict[str, str]) -> dict[str, Any]:
    spec = analyzer.spec
    return {
        "id": spec.id,
        "does": _does(analyzer),
        "formats": analyzer.get_supported_formats(),
        "segments": list(spec.segments),
        "needs": list(spec.needs),
        "emits": list(spec.emits),
        "model": spec.model,
        "dimensions": spec.dimensions,
        "pool": spec.pool,
        "origin": deps.registry.origin_of(analyzer),
        "state": _state(deps, spec.id, spec.name, missing),
        "problem": missing.get(spec.id),
    }


def _does(analyzer: BaseAnalyzer) -> list[str]:
    kinds = {
        "segments": declared.cuts,
        "features": declared.analyzes,
        "vectors": declared.embeds,
    }
    return [name for name, does in kinds.items() if does(analyzer)]


def _state(deps: Deps, identity: str, name: str, missing: dict[str, str]) -> str:
    """Return ready; missing, if a child could not load it; or retired: only searched."""
    if identity in missing:
        return "missing"
    return "retired" if name in deps.registry.retired else "ready"
