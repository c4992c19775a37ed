"""Measures of a ranked list against graded judgements.

nDCG with gains 2^grade - 1 (Burges et al., Learning to Rank using Gradient Descent, ICML 2005) over
log2 of rank + 1 (Jarvelin and Kekalainen, Cumulated Gain-Based Evaluation of IR Techniques, 2002).
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

DEPTH = 10


def ndcg(ranked: Sequence[Any], grades: Mapping[Any, int], depth: int = DEPTH) -> float:
    ideal = _gain(sorted(grades.values(), reverse=True)[:depth])
    return _gain([grades.get(each, 0) for each in ranked[:depth]]) / ideal if ideal else 0.0


def _gain(grades: Sequence[int]) -> float:
    return float(sum((2**g - 1) / math.log2(rank + 2) for rank, g in enumerate(grades)))


def recall(ranked: Sequence[Any], grades: Mapping[Any, int], depth: int = DEPTH) -> float:
    """Return the share of what is relevant, or of as much of it as the list could hold."""
    return len(grades.keys() & {*ranked[:depth]}) / min(depth, len(grades))


def reciprocal_rank(ranked: Sequence[Any], grades: Mapping[Any, int]) -> float:
    """Return 1 / the rank of what is most relevant, 0 if it is not found."""
    best = max(grades.values())
    return next((1 / (n + 1) for n, each in enumerate(ranked) if grades.get(each) == best), 0.0)
