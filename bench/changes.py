"""Holds what was found in a film against what there is."""

import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

CUT, SLOW, TRAP = 2, 8, 4
"""A cut is found within so many pictures, a dissolve, a fade or a trap within so many around it."""
NONE_BEGINS = frozenset({"flash", "whip_pan"})
RESAMPLED = 2000
Found = list[tuple[str, int]]
"""Kinds of changes, and the pictures at which they are."""


@dataclass(frozen=True)
class Score:
    """What was found of what there is (right, missed, false), how far off, and what for what."""

    outcomes: tuple[str, ...] = ()
    off: tuple[int, ...] = ()
    kinds: Counter[tuple[str, str]] = field(default_factory=Counter)

    def __add__(self, other: "Score") -> "Score":
        both = self.outcomes + other.outcomes, self.off + other.off
        return Score(*both, self.kinds + other.kinds)

    def f1(self) -> float:
        return _f1(Counter(self.outcomes))

    def interval(self) -> tuple[float, float]:
        """Return 95 % of the F1 of samples that are drawn again from the outcomes."""
        if not self.outcomes:
            return 0.0, 1.0
        chance = random.Random(0)
        drawn = sorted(
            _f1(Counter(chance.choices(self.outcomes, k=len(self.outcomes))))
            for _ in range(RESAMPLED)
        )
        return drawn[RESAMPLED // 40], drawn[-RESAMPLED // 40]

    def __str__(self) -> str:
        count, (least, most) = Counter(self.outcomes), self.interval()
        return (
            f"F1 {self.f1():.3f} ({least:.2f}-{most:.2f}): {count['right']} right,"
            f" {count['missed']} missed, {count['false']} false;"
            f" cuts off by {max(self.off, default=0)} pictures at most"
        )

    def confusion(self) -> str:
        pairs = (f"{there} -> {found} {n}" for (there, found), n in sorted(self.kinds.items()))
        return ", ".join(pairs)


def _f1(count: Counter[str]) -> float:
    right = 2 * count["right"]
    return right / max(1, right + count["missed"] + count["false"])


def score(truth: dict[str, Any], found: Found) -> Score:
    """Match each change with the nearest of what was found; the rest of what begins is false."""
    left, outcomes, off = list(found), [], []
    kinds: Counter[tuple[str, str]] = Counter()
    for event in truth["events"]:
        slack = CUT if event["type"] == "cut" else SLOW
        near = [f for f in _near(left, event, slack) if f[0] not in NONE_BEGINS]
        outcomes.append("right" if near else "missed")
        kinds[event["type"], near[0][0] if near else "nothing"] += 1
        if near:
            left.remove(near[0])
            off += [abs(near[0][1] - event["start"])] * (event["type"] == "cut")
    for trap in truth["traps"]:
        near = _near(left, trap, TRAP)
        same = [f for f in near if f[0] == trap["type"]] or near
        kinds[trap["type"], same[0][0] if same else "nothing"] += 1
        left = [f for f in left if f not in same[:1] or f[0] not in NONE_BEGINS]
    kinds.update(("nothing", kind) for kind, _ in left)
    outcomes += ["false" for kind, _ in left if kind not in NONE_BEGINS]
    return Score(tuple(outcomes), tuple(off), kinds)


def _near(found: Found, event: dict[str, Any], slack: int) -> Found:
    """Return what lies in an event or near it, the nearest to its start first."""
    near = [f for f in found if event["start"] - slack <= f[1] <= event["end"] + slack]
    return sorted(near, key=lambda f: abs(f[1] - event["start"]))
