"""Whether an analyzer declares itself so that the platform can decide by it."""

import math
import re
from collections.abc import Iterator
from typing import get_args, get_type_hints

from analyzers.api import API_VERSION, AnalyzerSpec, BaseAnalyzer, Cost, Segment
from schemas.names import Domain

NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")
VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]{0,19}")
MIME_TYPE = re.compile(r"[a-z]+/[a-z0-9][a-z0-9.+-]*")
SPACE = re.compile(r"[a-z]+/[a-z0-9][a-z0-9._-]*@[A-Za-z0-9.]+")
POOLS = get_args(get_type_hints(AnalyzerSpec)["pool"])
UNITS = get_args(get_type_hints(Cost)["per"])


def overrides(analyzer: BaseAnalyzer, method: str) -> bool:
    """Return whether an analyzer does itself what the base class leaves undone."""
    return getattr(type(analyzer), method) is not getattr(BaseAnalyzer, method)


def cuts(analyzer: BaseAnalyzer) -> bool:
    return overrides(analyzer, "extract_segments")


def analyzes(analyzer: BaseAnalyzer) -> bool:
    return overrides(analyzer, "analyze_segment")


def embeds(analyzer: BaseAnalyzer) -> bool:
    return overrides(analyzer, "generate_embeddings") or overrides(
        analyzer, "generate_embeddings_batch"
    )


def wants(analyzer: BaseAnalyzer, segment: Segment) -> bool:
    """Return whether an analyzer has declared that it takes such a segment."""
    spec = analyzer.spec
    if spec.segments and segment.type not in spec.segments:
        return False
    has = {*segment.renditions, *(["text"] if segment.texts else [])}
    return set(spec.needs) <= has


def faults(analyzer: BaseAnalyzer) -> list[str]:
    """Return what is wrong with what an analyzer says of itself; nothing if it may be used."""
    spec = getattr(analyzer, "spec", None)
    if not isinstance(spec, AnalyzerSpec):
        return ["it has no spec"]
    if spec.api != API_VERSION:
        return [f"it was written for version {spec.api} of analyzers.api; this is {API_VERSION}"]
    return [*_general(spec), *_of_its_work(analyzer, spec)]


def _general(spec: AnalyzerSpec) -> Iterator[str]:
    if not NAME.fullmatch(spec.name):
        yield f"name {spec.name!r} is not like my-analyzer"
    if not VERSION.fullmatch(spec.version):
        yield f"version {spec.version!r} is not like 1.2"
    if spec.pool not in POOLS:
        yield f"pool {spec.pool!r} is none of {', '.join(POOLS)}"
    for name in spec.formats:
        if not MIME_TYPE.fullmatch(name):
            yield f"format {name!r} is no MIME type"
    yield from _of_cost(spec.cost)


def _of_cost(cost: Cost | None) -> Iterator[str]:
    if cost is None:
        yield "it declares no cost; say cost=Cost(seconds)"
        return
    if cost.per not in UNITS:
        yield f"its cost is per {cost.per!r}, none of {', '.join(UNITS)}"
    if not 0 <= cost.cpu_s < math.inf:
        yield f"its cost of {cost.cpu_s!r} s is no time"


def _of_its_work(analyzer: BaseAnalyzer, spec: AnalyzerSpec) -> Iterator[str]:
    if not (cuts(analyzer) or analyzes(analyzer) or embeds(analyzer)):
        yield "it overrides none of extract_segments, analyze_segment, generate_embeddings"
    if cuts(analyzer) and not analyzer.get_supported_formats():
        yield "it cuts files and names no formats"
    if embeds(analyzer):
        yield from _of_spaces(spec)
    elif unknown := sorted(set(spec.emits) - set(Domain)):
        yield f"emits {', '.join(unknown)}: none of the domains {', '.join(Domain)}"


def _of_spaces(spec: AnalyzerSpec) -> Iterator[str]:
    if not spec.emits:
        yield "it embeds and names no space in emits"
    for space in spec.emits:
        if not SPACE.fullmatch(space):
            yield f"space {space!r} is not like visual/model@1"
    if not spec.dimensions or spec.dimensions < 0:
        yield "it embeds and does not say how many dimensions"
