"""How unkind deliveries are: what `--chaos` says, read and drawn from a seed."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from dataflux.errors import Invalid

SHUFFLED_S = 0.1
"""What is reordered is held back by so much, at most."""
MOST_COPIES = 5
AGAIN_S = 1.0
"""After so long a sender tries again what was lost."""


@dataclass(frozen=True)
class Chaos:
    """`duplicate` is the chance that a delivery comes once more; a copy may come again, too."""

    seed: int
    duplicate: float = 0.0
    drop: float = 0.0
    """The chance that a delivery is lost on its way: it comes when its sender tries again."""
    reorder: bool = False
    delay_s: float = 0.0
    drop_dlq: bool = False

    def __str__(self) -> str:
        said = [f"duplicate={self.duplicate:g}"] if self.duplicate else []
        said += [f"drop={self.drop:g}"] if self.drop else []
        said += ["reorder"] if self.reorder else []
        said += [f"delay={self.delay_s * 1000:g}ms"] if self.delay_s else []
        said += ["drop-dlq"] if self.drop_dlq else []
        return ",".join([*said, f"seed={self.seed}"])

    def copies(self, chance: random.Random) -> int:
        """Draw how often something is delivered: 1 to 5 times."""
        copies = 1
        while copies < MOST_COPIES and chance.random() < self.duplicate:
            copies += 1
        return copies

    def wait_s(self, chance: random.Random) -> float:
        """Draw how long a delivery is held back."""
        late_s = self.delay_s + (chance.random() * SHUFFLED_S if self.reorder else 0.0)
        while self.drop and chance.random() < self.drop:
            late_s += AGAIN_S
        return late_s


def parse(text: str, seed: int) -> Chaos:
    """Read `duplicate=0.1,reorder,delay=200ms,…`; raise Invalid for anything else."""
    chaos = Chaos(seed)
    for part in filter(None, (p.strip() for p in text.split(","))):
        name, _, value = part.partition("=")
        if name not in _READ:
            raise Invalid(f"chaos: no {name!r}; use {', '.join(_READ)}", {"chaos": part})
        try:
            chaos = replace(chaos, **_READ[name](value))
        except ValueError:
            raise Invalid(f"chaos: {part!r} cannot be read; use such as {EXAMPLE}") from None
    return chaos


EXAMPLE = "duplicate=0.1,drop=0.05,reorder,delay=200ms,drop-dlq,seed=7"


def _share(value: str) -> float:
    if not 0 <= (share := float(value)) <= 1:
        raise ValueError(value)
    return share


def _below_one(value: str) -> float:
    if (share := _share(value)) == 1:
        raise ValueError(value)  # nothing would ever come
    return share


def _seconds(value: str) -> float:
    number = value.removesuffix("ms") if value.endswith("ms") else value.removesuffix("s")
    seconds = float(number) / (1000 if value.endswith("ms") else 1)
    if number == value or not 0 <= seconds <= 60:
        raise ValueError(value)
    return seconds


def _alone(name: str) -> Callable[[str], Mapping[str, Any]]:
    def read(value: str) -> Mapping[str, Any]:
        if value:
            raise ValueError(value)
        return {name: True}

    return read


_READ: dict[str, Callable[[str], Mapping[str, Any]]] = {
    "duplicate": lambda value: {"duplicate": _share(value)},
    "drop": lambda value: {"drop": _below_one(value)},
    "reorder": _alone("reorder"),
    "delay": lambda value: {"delay_s": _seconds(value)},
    "drop-dlq": _alone("drop_dlq"),
    "seed": lambda value: {"seed": int(value)},
}
