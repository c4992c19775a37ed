"""From cosine to documented similarity: 0 is like random pairs, 0.5 the cut-off, 1 identical.

A logistic of (cos - mean) / sd of random pairs of the space. Its midpoint lies four deviations
above random, or, where the space is too narrow for that, three quarters of the way to identical;
it is steep enough that identical vectors come out above 0.98.
"""

import math
from dataclasses import dataclass
from uuid import UUID

from analyzers.api import BaseAnalyzer
from functions.deps import Deps
from stores.records import spaces

DEVIATIONS = 4.0
SHARE = 0.75
IDENTICAL = 4.0
"""The logistic of this is 0.982."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Mean and deviation of the cosine of random pairs, as a space is shipped with or measured.

    `match` is the cosine of what just counts as a match, where that has been measured.
    """

    mean: float
    sd: float
    match: float | None = None

    def similarity(self, cosine: float) -> float:
        most = (1 - self.mean) / self.sd
        midpoint = min(DEVIATIONS, SHARE * most)
        if self.match is not None:
            midpoint = (self.match - self.mean) / self.sd
        slope = max(1.0, IDENTICAL / (most - midpoint))
        z = slope * ((cosine - self.mean) / self.sd - midpoint)
        return 1 / (1 + math.exp(-max(-60.0, min(60.0, z))))


def of_words(deps: Deps, tenant: UUID, embedder: BaseAnalyzer) -> Calibration:
    """Return how a query in words compares with what an embedder has indexed.

    A match lies as many deviations above words that do not match as it is shipped with.
    """
    shipped = getattr(embedder, "query_calibration", None) or shipped_with(embedder)
    known = Calibration(**shipped)
    name = spaces.of_words(embedder.spec.emits[0])
    measured = deps.engine.read(tenant, spaces.calibration, name)
    if measured is None:
        return known
    match = None if known.match is None else (known.match - known.mean) / known.sd
    above = None if match is None else measured.mean + match * measured.sd
    return Calibration(measured.mean, measured.sd, above)


def of_pairs(deps: Deps, tenant: UUID, embedder: BaseAnalyzer) -> Calibration:
    """Return how two vectors of a space compare: as measured on the tenant's own, or as shipped."""
    measured = deps.engine.read(tenant, spaces.calibration, embedder.spec.emits[0])
    if measured is not None:
        return Calibration(measured.mean, measured.sd)
    shipped = shipped_with(embedder)
    return Calibration(shipped["mean"], shipped["sd"])


def shipped_with(embedder: BaseAnalyzer) -> dict[str, float]:
    """Return an embedder's own numbers; without any, what random directions have."""
    dimensions = embedder.spec.dimensions or 256
    return getattr(embedder, "calibration", None) or {"mean": 0.0, "sd": dimensions**-0.5}
