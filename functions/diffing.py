"""Compare two analyzers, or two versions of one, over a sample of segments; nothing is stored."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from analyzers import declared
from analyzers.api import AnalysisResult, AnalyzerSpec, BaseAnalyzer, Segment, Text
from analyzers.costs import units_of_segment
from dataflux.errors import Invalid, MediaFailed, NotFound
from dataflux.permissions import Caller
from functions.comparison import Difference, Seen, compare
from functions.deps import Deps
from schemas.names import TextSource
from stores.records import consents, costs, sampling, segments
from stores.records.sampling import Sampled


@dataclass(frozen=True)
class Side:
    """One analyzer over the sample; `stored`: what it found once, since it is not installed."""

    id: str
    model: str | None
    stored: bool
    failed: int
    unit_cpu_s: float | None


@dataclass(frozen=True)
class Comparison:
    sample: Sequence[Sampled]
    a: Side
    b: Side
    differences: Sequence[Difference]

    @property
    def cost_ratio(self) -> float | None:
        """How many times as dear B is as A."""
        if not self.a.unit_cpu_s or self.b.unit_cpu_s is None:
            return None
        return self.b.unit_cpu_s / self.a.unit_cpu_s


@dataclass(frozen=True)
class Asked:
    """Two analyzers by name or name@version, and the sample to compare them over."""

    a: str
    b: str
    filters: Mapping[str, Any]
    size: int
    seed: int


def diff(deps: Deps, caller: Caller, asked: Asked) -> Comparison:
    """Run both over the sample; of a version that is not installed, take what it found before."""
    analyzers = {name: _installed(deps, caller, name) for name in (asked.a, asked.b)}
    specs = [one.spec for one in analyzers.values() if one is not None]
    if not specs:
        raise NotFound(f"neither {asked.a} nor {asked.b} is installed; one of them must be")
    sample = _sample(deps, caller, asked, specs)
    loaded = _load(deps, caller, sample, {kind for spec in specs for kind in spec.needs})
    a, seen_a = _side(deps, caller, asked.a, analyzers[asked.a], loaded)
    b, seen_b = _side(deps, caller, asked.b, analyzers[asked.b], loaded)
    return Comparison(sample, a, b, compare(seen_a, seen_b, [s.key for s in loaded]))


def _installed(deps: Deps, caller: Caller, name: str) -> BaseAnalyzer | None:
    try:
        analyzer = deps.registry.get(name)
    except NotFound:
        if "@" not in name:  # a version that was here once is known by its name and version alone
            raise
        return None
    spec = analyzer.spec
    if not declared.analyzes(analyzer):
        raise Invalid(f"{spec.id} finds no features; only what analyzes segments can be compared")
    if spec.consent not in (None, *deps.engine.read(caller.tenant, consents.purposes)):
        raise Invalid(f"{spec.id} needs the tenant's consent to {spec.consent}; give it first")
    return analyzer


def _sample(
    deps: Deps, caller: Caller, asked: Asked, specs: Sequence[AnalyzerSpec]
) -> list[Sampled]:
    """Return segments that both take."""
    limited = [set(spec.segments) for spec in specs if spec.segments]
    needs = {kind for spec in specs for kind in spec.needs}
    return deps.engine.read(
        caller.tenant,
        sampling.sample,
        caller,
        asked.filters,
        types=sorted(set.intersection(*limited)) if limited else None,
        kinds=sorted(needs - {"text"}),
        text="text" in needs,
        size=asked.size,
        seed=asked.seed,
    )


def _load(deps: Deps, caller: Caller, sample: Sequence[Sampled], needs: set[str]) -> list[Segment]:
    """Return segments as analyzers are given them; their keys are their ids."""
    loaded = {
        one.id: Segment(one.segment_type, one.start, one.end, key=str(one.id)) for one in sample
    }
    for text in deps.engine.read(caller.tenant, sampling.written, list(loaded)):
        found = Text(text.source, text.body, text.language, text.confidence)
        loaded[text.segment].texts.append(found)
    by_lineage: dict[UUID, list[UUID]] = defaultdict(list)
    for one in sample:
        by_lineage[one.lineage].append(one.id)
    for lineage, keys in by_lineage.items():
        for rendition in deps.engine.read(
            caller.tenant, segments.renditions_of, lineage, keys, sorted(needs)
        ):
            with deps.objects.open(rendition.object_key) as kept:
                data = kept.read(0, kept.size)
            loaded[rendition.entity_id].renditions[rendition.kind] = data
    return list(loaded.values())


def _side(
    deps: Deps, caller: Caller, name: str, analyzer: BaseAnalyzer | None, loaded: list[Segment]
) -> tuple[Side, dict[str, Seen]]:
    if analyzer is None:
        return _stored(deps, caller, name, loaded)
    return _run(deps, analyzer, loaded)


def _stored(
    deps: Deps, caller: Caller, name: str, loaded: list[Segment]
) -> tuple[Side, dict[str, Seen]]:
    seen: dict[str, Seen] = defaultdict(Seen)
    keys = [UUID(segment.key) for segment in loaded]
    for one in deps.engine.read(caller.tenant, sampling.said, keys, name):
        of = seen[str(one.segment)]
        of.outputs[one.output] = one.data
        if one.confidence is not None:
            of.confidences[one.output] = one.confidence
    if loaded and not seen:
        raise NotFound(f"{name} is not installed, and has found nothing in these segments before")
    taken = deps.engine.read(caller.tenant, costs.measured).get(name)
    return Side(name, None, True, 0, taken.mean if taken else None), dict(seen)


def _run(deps: Deps, analyzer: BaseAnalyzer, loaded: list[Segment]) -> tuple[Side, dict[str, Seen]]:
    spec, spent = analyzer.spec, 0.0
    seen: dict[str, Seen] = defaultdict(Seen)

    def meter(_: str, key: str, cpu_s: float) -> None:
        nonlocal spent
        spent += cpu_s

    for key, _, result in deps.sandbox.analyze(loaded, [spec.id], {}, meter):
        if isinstance(result, MediaFailed):
            seen[key].failed = result.reason
        else:
            seen[key] = _seen(result)
    units = sum(units_of_segment(spec.cost, segment) for segment in loaded)
    failed = sum(one.failed is not None for one in seen.values())
    return Side(spec.id, spec.model, False, failed, spent / units if units else None), dict(seen)


def _seen(result: AnalysisResult) -> Seen:
    """Return a result by output; of what lies inside the segment, the words."""
    bodies: dict[str, list[str]] = defaultdict(list)
    for text in [*result.texts, *(text for child in result.segments for text in child.texts)]:
        bodies[TextSource(text.source)].append(text.body)
    features = {
        f"{domain}.{kind}": data
        for domain, found in result.features.items()
        for kind, data in found.items()
    }
    texts = {f"text.{source}": "\n".join(sorted(found)) for source, found in bodies.items()}
    confidences = {
        f"{domain}.{kind}": score
        for domain, scores in result.confidence_scores.items()
        for kind, score in scores.items()
    }
    return Seen({**features, **texts}, confidences)
