"""Have one analyzer go over assets once more: first what that would take, then the runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from analyzers import declared
from analyzers.api import AnalyzerSpec, BaseAnalyzer
from dataflux.errors import Conflict, Invalid
from dataflux.permissions import Caller
from functions.deps import Deps
from functions.plan import ANALYZE_WINDOW, EMBED_WINDOW, windows
from functions.work import NewRun
from schemas import ids
from schemas.names import Lane, Stage, Strategy
from stores.records import consents, costs
from stores.records.reanalysis import Candidate, Wanted, candidates


@dataclass(frozen=True)
class Plan:
    """What an analyzer would do with a selection."""

    analyzer: AnalyzerSpec
    stage: Stage
    selected: int
    had: int
    """Assets that it has gone over already, in this version with this model."""
    busy: int
    unsuited: int
    """Assets without anything for it."""
    todo: Sequence[Candidate]
    measured: bool
    unit_cpu_s: float
    slots: int

    @property
    def units(self) -> float:
        return sum(one.units for one in self.todo)

    @property
    def pieces(self) -> int:
        return sum(len(_pieces(self.stage, one)) for one in self.todo)

    @property
    def cpu_s(self) -> float:
        return self.units * self.unit_cpu_s

    @property
    def wall_s(self) -> float:
        """With as many pieces at a time as this installation has slots, and nothing else to do."""
        return self.cpu_s / max(1, min(self.slots, self.pieces))


def plan(deps: Deps, caller: Caller, name: str, filters: Mapping[str, Any]) -> Plan:
    """Say what an analyzer would do with what passes a filter; Invalid if it cannot do so alone."""
    analyzer = deps.registry.get(name)
    spec, stage = analyzer.spec, _stage(deps, analyzer)
    if spec.consent not in (None, *deps.engine.read(caller.tenant, consents.purposes)):
        raise Invalid(f"{spec.id} needs the tenant's consent to {spec.consent}; give it first")
    found = deps.engine.read(caller.tenant, candidates, caller, filters, _wanted(analyzer, stage))
    suited = [one for one in found if one.units and not _unwanted(spec, one)]
    todo = [one for one in suited if not (one.had or one.busy)]
    taken = deps.engine.read(caller.tenant, costs.measured).get(spec.id)
    return Plan(
        analyzer=spec,
        stage=stage,
        selected=len(found),
        had=sum(one.had for one in suited),
        busy=sum(one.busy and not one.had for one in suited),
        unsuited=len(found) - len(suited),
        todo=todo,
        measured=taken is not None,
        unit_cpu_s=taken.mean if taken is not None else spec.cost.cpu_s if spec.cost else 0,
        slots=deps.settings.slots,
    )


def start(deps: Deps, caller: Caller, planned: Plan, most: int) -> list[tuple[UUID, UUID]]:
    """Start the runs of up to `most` assets; return (asset, run), without what came too late."""
    started = []
    for one in planned.todo[:most]:
        run = _run(planned, one)
        try:
            deps.engine.write("api", caller.tenant, [], run=run)
        except Conflict:  # somebody else has it processed meanwhile
            continue
        started.append((one.asset, run.id))
    return started


def _run(planned: Plan, one: Candidate) -> NewRun:
    spec = planned.analyzer
    return NewRun(
        id=ids.derived(one.lineage, one.asset, "run", one.runs + 1),
        asset=one.asset,
        lineage=one.lineage,
        lane=Lane.LOW,  # what comes in goes first
        strategy=Strategy(one.strategy),
        analyzer=one.segmenter,
        pieces=_pieces(planned.stage, one),
        config={**one.config, "model": spec.model},
        stage=planned.stage,
        scope=spec.id,
        base=one.base,
    )


def _pieces(stage: Stage, one: Candidate) -> list[Mapping[str, Any]]:
    return windows(one.segments, ANALYZE_WINDOW if stage is Stage.ANALYZE else EMBED_WINDOW)


def _stage(deps: Deps, analyzer: BaseAnalyzer) -> Stage:
    spec = analyzer.spec
    if declared.analyzes(analyzer):
        return Stage.ANALYZE
    if not declared.embeds(analyzer):
        raise Invalid(
            f"{spec.id} cuts files into segments, and all else rests on them; process the assets"
            " again instead (`dataflux retry`)"
        )
    if spec.name in deps.registry.retired:
        raise Invalid(f"{spec.id} is retired: it makes no new vectors; run the one in its place")
    return Stage.EMBED_VISUAL if spec.emits[0].startswith("visual/") else Stage.EMBED_TEXT


def _wanted(analyzer: BaseAnalyzer, stage: Stage) -> Wanted:
    spec = analyzer.spec
    return Wanted(
        analyzer=spec.id,
        model=spec.model,
        stage=stage,
        types=spec.segments,
        kinds=[kind for kind in spec.needs if kind != "text"],
        text="text" in spec.needs,
        reads_found=stage is Stage.ANALYZE and spec.needs == ("text",),
        by_seconds=spec.cost is not None and spec.cost.per == "second",
    )


def _unwanted(spec: AnalyzerSpec, one: Candidate) -> bool:
    """Return whether the asset's priorities want nothing of what it finds."""
    priorities = one.config.get("priorities", {})
    return bool(spec.emits) and all(priorities.get(domain) == 0 for domain in spec.emits)
