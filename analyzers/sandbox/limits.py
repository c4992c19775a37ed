"""How much one job may take of this machine; what a file may unfold to is in analyzers/decoding."""

from dataclasses import dataclass, field

GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class Limits:
    """Per job, by pool: `memory` is its address space, `resident` what the parent watches."""

    wall_s: float = 300.0
    cpu_s: int = 300
    output: int = 2 * GIB
    memory: dict[str, int] = field(
        default_factory=lambda: {"media": 2 * GIB, "ocr": 4 * GIB, "speech": 3 * GIB}
    )
    resident: dict[str, int] = field(
        default_factory=lambda: {"media": 1 * GIB, "ocr": 2 * GIB, "speech": 1 * GIB}
    )
