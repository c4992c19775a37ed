"""What each analyzer took in a piece, kept in the piece's output: costs are told from it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from analyzers.api import Range, Segment
from analyzers.costs import units_of_piece, units_of_segment
from analyzers.registry import Registry
from analyzers.sandbox import Meter, Spent


class Spending:
    """By analyzer: the units of its cost that it worked on, its failures, its CPU seconds."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._by: dict[str, dict[str, Any]] = defaultdict(
            lambda: {"units": 0.0, "cpu_s": 0.0, "failed": 0, "model": None}
        )

    def on(self, segments: Mapping[str, Segment]) -> Meter:
        """Return the meter of an analysis of these segments, by key."""
        seen: set[tuple[str, str]] = set()

        def meter(analyzer: str, key: str, cpu_s: float) -> None:
            again = (analyzer, key) in seen  # its second step
            seen.add((analyzer, key))
            units = units_of_segment(self._registry.get(analyzer).spec.cost, segments[key])
            self._add(analyzer, 0 if again else units, cpu_s)

        return meter

    def on_window(self, analyzer: str, segments: int) -> Spent:
        """Return the meter of an embedder that takes many segments at once."""
        counted = iter([segments])
        return lambda cpu_s: self._add(analyzer, next(counted, 0), cpu_s)

    def on_piece(self, analyzer: str, piece: Range | None, found: Sequence[Segment]) -> Spent:
        """Return the meter of a segmenter on one piece; `found` grows with its segments."""
        cost = self._registry.get(analyzer).spec.cost
        return lambda cpu_s: self._add(analyzer, units_of_piece(cost, piece, found), cpu_s)

    def failed(self, analyzer: str) -> None:
        self._of(analyzer)["failed"] += 1

    @property
    def output(self) -> dict[str, Any]:
        rounded = {name: {**one, "cpu_s": round(one["cpu_s"], 9)} for name, one in self._by.items()}
        return {"spent": rounded} if rounded else {}

    def _add(self, analyzer: str, units: float, cpu_s: float) -> None:
        one = self._of(analyzer)
        one["units"] += units
        one["cpu_s"] += cpu_s

    def _of(self, analyzer: str) -> dict[str, Any]:
        spec = self._registry.get(analyzer).spec
        self._by[spec.id]["model"] = spec.model
        return self._by[spec.id]
