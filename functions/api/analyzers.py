"""/api/v1/analyzers: what each analyzer declares, and whether it can run here."""

from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter

from analyzers import declared
from analyzers.api import BaseAnalyzer
from functions.api import shapes
from functions.api.callers import Asker, Using
from functions.deps import Deps
from stores.records import costs
from stores.records.costs import Measured

router = APIRouter()


@router.get("/api/v1/analyzers", operation_id="analyzers_list", tags=["system"])
def list_analyzers(deps: Using, caller: Asker) -> dict[str, Any]:
    """List the analyzers of this installation with what they declare."""
    missing = deps.sandbox.missing()
    taken = deps.engine.read(caller.tenant, costs.measured)
    found = [_shown(deps, a, missing, taken.get(a.spec.id)) for a in deps.registry.all]
    return shapes.paged([*found, *_broken(deps)], None)


def _shown(
    deps: Deps, analyzer: BaseAnalyzer, missing: dict[str, str], taken: Measured | None
) -> dict[str, Any]:
    spec = analyzer.spec
    assert spec.cost is not None  # whoever declares none is not in the registry
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
        "cost": {"cpu_s": spec.cost.cpu_s, "per": spec.cost.per},
        "measured": None if taken is None else {"cpu_s": taken.mean, "units": taken.units},
        "origin": deps.registry.origin_of(analyzer),
        "state": _state(deps, spec.id, spec.name, missing),
        "problem": missing.get(spec.id),
    }


def _broken(deps: Deps) -> Iterator[dict[str, Any]]:
    """Yield what is allowed and cannot be used, as far as it is known."""
    for entry, why in deps.registry.broken.items():
        lists = dict.fromkeys(("does", "formats", "segments", "needs", "emits"), ())
        unknown = dict.fromkeys(("model", "dimensions", "pool", "cost", "measured"))
        origin = deps.registry.origins[entry]
        yield {"id": entry, **lists, **unknown, "origin": origin, "state": "broken", "problem": why}


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
