"""Measures of quality with their uncertainty: one line each, alike for every analyzer.

Shares have Wilson's interval (1927); what is counted over whole files has the bootstrap's over the
files (Efron 1979), for what is in one file is alike. All of them are of 95 %.
"""

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any

GOAL = 0.9
DRAWS = 1_000
FEWEST = 10
"""Files from which the bootstrap says something."""
Z = 1.96

Counts = tuple[int, int, int]
"""Of one file: what was found rightly, what there was to find, what was found."""


@dataclass(frozen=True)
class Measure:
    """A value with its interval; of an error rate less is better."""

    metric: str
    value: float
    low: float
    high: float
    n: int
    goal: float | None = GOAL
    less_is_better: bool = False
    said: str = ""
    """What else there is to say of it."""

    def __str__(self) -> str:
        value = f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"
        return f"{self.metric:12} {value}  n {self.n:<5} {self.verdict:15} {self.said}"

    @property
    def verdict(self) -> str:
        """Say whether the goal is reached or missed, or whether the sample is too small to tell."""
        if self.goal is None:
            return ""
        ends = (self.low, self.high)
        reached = [end <= self.goal if self.less_is_better else end >= self.goal for end in ends]
        if all(reached):
            return "reached"
        return "too few to tell" if any(reached) else "missed"


@dataclass(frozen=True)
class Subject:
    """What is measured, on which data: prints the measures that it makes."""

    name: str
    data: str

    def share(self, metric: str, hits: int, n: int) -> None:
        """Print a share of cases that do not depend on each other."""
        value, low, high = wilson(hits, n)
        self._print(Measure(metric, value, low, high, n))

    def f1(self, counts: Sequence[Counts]) -> None:
        """Print F1 over files, with the precision and recall that it is made of."""
        hits, wanted, found = (sum(each) for each in zip(*counts, strict=True))
        said = f"precision {hits / max(1, found):.3f}  recall {hits / max(1, wanted):.3f}"
        self._over("F1", counts, _f1, said=f"{said}  of {wanted}")

    def average(self, metric: str, values: Sequence[float], goal: float | None = GOAL) -> None:
        """Print the mean of a value of each of some files or queries."""
        self._over(metric, values, mean, goal=goal)

    def error_rate(self, metric: str, counts: Sequence[tuple[int, int]]) -> None:
        """Print edits through length, of words or characters, over files."""
        self._over(metric, counts, _rate, goal=round(1 - GOAL, 3), less_is_better=True)

    def _over(
        self, metric: str, each: Sequence[Any], total: Callable[[Sequence[Any]], float], **how: Any
    ) -> None:
        if each:
            low, high = 0.0, 1.0
            if len(each) >= FEWEST:
                low, high = middle([total(draw) for draw in _drawn(each)])
            self._print(Measure(metric, total(each), low, high, len(each), **how))

    def _print(self, measure: Measure) -> None:
        print(f"{self.name:26} {self.data:34} {measure}", flush=True)


def _f1(counts: Sequence[Counts]) -> float:
    hits, wanted, found = (sum(each) for each in zip(*counts, strict=True))
    return 2 * hits / (wanted + found) if wanted + found else 1.0


def wilson(hits: int, n: int) -> tuple[float, float, float]:
    """Return a share and the ends of its interval."""
    if not n:
        return 0.0, 0.0, 1.0
    value, square = hits / n, Z * Z
    centre = (value + square / (2 * n)) / (1 + square / n)
    half = Z / (1 + square / n) * math.sqrt(value * (1 - value) / n + square / (4 * n * n))
    return value, max(0.0, centre - half), min(1.0, centre + half)


def middle(values: Sequence[float]) -> tuple[float, float]:
    """Return between what the middle 95 % lie."""
    ordered = sorted(values)
    return ordered[int(0.025 * len(ordered))], ordered[int(0.975 * len(ordered))]


def _rate(counts: Sequence[tuple[int, int]]) -> float:
    return sum(edits for edits, _ in counts) / max(1, sum(length for _, length in counts))


def _drawn(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    rng = random.Random(1)
    return (rng.choices(values, k=len(values)) for _ in range(DRAWS))
