"""/api/v1/analyzers: what each analyzer declares, and whether it can run here."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from analyzers import declared
from analyzers.api import BaseAnalyzer
from dataflux.permissions import Caller
from functions import diffing, reanalysis
from functions.api import shapes
from functions.api.bodies import json_of, parse
from functions.api.callers import Asker, Using
from functions.comparison import Difference
from functions.deps import Deps
from schemas.address import Address
from stores.records import costs
from stores.records.costs import Measured

router = APIRouter()

MOST = 200
"""Runs that one request starts; who wants more asks again."""
NAME = r"^[a-z][a-z0-9-]*(@[A-Za-z0-9.+-]+)?$"
Name = Annotated[str, Path(max_length=70, pattern=NAME)]
Known = Annotated[str, Field(max_length=70, pattern=NAME)]


@router.get("/api/v1/analyzers", operation_id="analyzers_list", tags=["system"])
def list_analyzers(deps: Using, caller: Asker) -> dict[str, Any]:
    """List the analyzers of this installation with what they declare."""
    missing = deps.sandbox.missing()
    taken = deps.engine.read(caller.tenant, costs.measured)
    found = [_shown(deps, a, missing, taken.get(a.spec.id)) for a in deps.registry.all]
    return shapes.paged([*found, *_broken(deps)], None)


class ToRun(BaseModel):
    """Over what one analyzer is to go: what passes a filter, as in a search."""

    model_config = ConfigDict(extra="forbid", strict=True)
    filters: dict[str, Any] = Field(default_factory=dict)
    dry_run: bool = True
    limit: Annotated[int, Field(ge=1, le=MOST)] = MOST


@router.post(
    "/api/v1/analyzers/{name}/runs", operation_id="analyzers_run", tags=["system"], status_code=202
)
async def run_analyzer(name: Name, request: Request, deps: Using, caller: Asker) -> dict[str, Any]:
    """Have one analyzer go over assets once more; on a dry run, say what that would take.

    An asset that it has gone over already, in this version with this model, is left out. What it
    finds takes the place of what it had found, asset by asset, and nothing else is touched.
    """
    asked = parse(ToRun, await json_of(request, optional=True))
    return await run_in_threadpool(_run, deps, caller, name, asked)


def _run(deps: Deps, caller: Caller, name: str, asked: ToRun) -> dict[str, Any]:
    planned = reanalysis.plan(deps, caller, name, asked.filters)
    started = [] if asked.dry_run else reanalysis.start(deps, caller, planned, asked.limit)
    assert planned.analyzer.cost is not None
    return {
        "analyzer": planned.analyzer.id,
        "dry_run": asked.dry_run,
        "selected": planned.selected,
        "had": planned.had,
        "busy": planned.busy,
        "unsuited": planned.unsuited,
        "assets": len(planned.todo),
        "pieces": planned.pieces,
        "units": planned.units,
        "per": planned.analyzer.cost.per,
        "unit_cpu_s": planned.unit_cpu_s,
        "measured": planned.measured,
        "cpu_s": planned.cpu_s,
        "wall_s": planned.wall_s,
        "started": [{"asset": str(asset), "run": str(run)} for asset, run in started],
        "left": 0 if asked.dry_run else max(len(planned.todo) - asked.limit, 0),
    }


class ToCompare(BaseModel):
    """Two analyzers by name or name@version, and the sample to compare them over."""

    model_config = ConfigDict(extra="forbid", strict=True)
    a: Known
    b: Known
    filters: dict[str, Any] = Field(default_factory=dict)
    sample: Annotated[int, Field(ge=1, le=200)] = 20
    seed: int = 0


@router.post("/api/v1/analyzers/diff", operation_id="analyzers_diff", tags=["system"])
async def diff_analyzers(request: Request, deps: Using, caller: Asker) -> dict[str, Any]:
    """Run two analyzers over a sample of segments and say how they differ; nothing is stored.

    Of a version that is not installed, what it found before is taken.
    """
    asked = parse(ToCompare, await json_of(request))
    return await run_in_threadpool(_diff, deps, caller, asked)


def _diff(deps: Deps, caller: Caller, asked: ToCompare) -> dict[str, Any]:
    wanted = diffing.Asked(asked.a, asked.b, asked.filters, asked.sample, asked.seed)
    found = diffing.diff(deps, caller, wanted)
    addresses = {
        str(one.id): (str(one.asset), str(Address.of(one.lineage, one.version, one.start, one.end)))
        for one in found.sample
    }
    return {
        "a": asdict(found.a),
        "b": asdict(found.b),
        "segments": len(found.sample),
        "cost_ratio": found.cost_ratio,
        "outputs": [_output(one, addresses) for one in found.differences],
    }


def _output(one: Difference, addresses: dict[str, tuple[str, str]]) -> dict[str, Any]:
    worst = [
        {"asset": addresses[each.segment][0], "address": addresses[each.segment][1]} | asdict(each)
        for each in one.worst
    ]
    return asdict(one) | {"worst": worst}


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
