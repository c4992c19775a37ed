"""How what two analyzers say of the same segments differs: pure, from findings to numbers."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Any

import orjson

LONGEST = 2000
"""Characters of texts that are compared; the time for it grows with their square."""
NEAR = 0.01
"""Numbers that differ by so large a part are the same."""


@dataclass
class Seen:
    """What one analyzer says of one segment, by output: `semantic.language`, `text.spoken`."""

    outputs: dict[str, Any] = field(default_factory=dict)
    confidences: dict[str, float] = field(default_factory=dict)
    failed: str | None = None


@dataclass(frozen=True)
class Example:
    """A segment on which two analyzers disagree; a side without the output is None."""

    segment: str
    agreement: float
    a: Any
    b: Any


@dataclass(frozen=True)
class Difference:
    """One output over a sample: in how many segments it is, and how alike where it is in both."""

    output: str
    both: int
    added: int
    removed: int
    agreement: float | None
    confidence_shift: float | None
    worst: Sequence[Example]


def compare(
    a: Mapping[str, Seen], b: Mapping[str, Seen], segments: Iterable[str], worst: int = 3
) -> list[Difference]:
    """Compare output by output over segments; what failed on either side is left out."""
    pairs = {
        key: (a.get(key, Seen()), b.get(key, Seen()))
        for key in segments
        if a.get(key, Seen()).failed is None and b.get(key, Seen()).failed is None
    }
    outputs = sorted({name for pair in pairs.values() for seen in pair for name in seen.outputs})
    return [_difference(name, pairs, worst) for name in outputs]


def _difference(output: str, pairs: Mapping[str, tuple[Seen, Seen]], worst: int) -> Difference:
    said = {
        key: Example(key, _agreement(output, *pair), *(side.outputs.get(output) for side in pair))
        for key, pair in pairs.items()
        if any(output in side.outputs for side in pair)
    }
    both = [key for key in said if all(output in side.outputs for side in pairs[key])]
    added = [key for key in said if output not in pairs[key][0].outputs]
    shifts = [
        pairs[key][1].confidences[output] - pairs[key][0].confidences[output]
        for key in both
        if all(output in side.confidences for side in pairs[key])
    ]
    disagreeing = sorted(
        (one for one in said.values() if one.agreement < 1), key=lambda x: (x.agreement, x.segment)
    )
    return Difference(
        output=output,
        both=len(both),
        added=len(added),
        removed=len(said) - len(both) - len(added),
        agreement=_mean([said[key].agreement for key in both]),
        confidence_shift=_mean(shifts),
        worst=disagreeing[:worst],
    )


def _agreement(output: str, a: Seen, b: Seen) -> float:
    if not (output in a.outputs and output in b.outputs):
        return 0.0
    return round(likeness(a.outputs[output], b.outputs[output]), 4)


def likeness(a: Any, b: Any) -> float:
    """Return from 0 to 1 how alike two findings are: JSON of any depth.

    Texts by their longest common blocks (Ratcliff and Obershelp), lists by the items they share,
    objects by the mean over all keys.
    """
    match a, b:
        case str(), str():
            return SequenceMatcher(None, a[:LONGEST], b[:LONGEST], autojunk=False).ratio()
        case dict(), dict():
            keys = a.keys() | b.keys()
            return sum(likeness(a[k], b[k]) for k in a.keys() & b.keys()) / len(keys) if keys else 1
        case list(), list():
            one, other = (Counter(map(orjson.dumps, items)) for items in (a, b))
            return 2 * (one & other).total() / (len(a) + len(b)) if a or b else 1.0
        case ((int() | float()), (int() | float())) if not (
            isinstance(a, bool) or isinstance(b, bool)
        ):
            return float(math.isclose(a, b, rel_tol=NEAR, abs_tol=1e-9))
    return float(a == b)


def _mean(numbers: Sequence[float]) -> float | None:
    return round(sum(numbers) / len(numbers), 4) if numbers else None
