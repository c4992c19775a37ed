"""How much one job may take of this machine; what a file may unfold to is in analyzers/decoding."""

from dataclasses import dataclass, field

GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class Limits:
    """`output`: bytes a job may send; `heads`: those of them that are JSON; `findings`: segments
    and derived objects. By pool: `memory` is its address space, `resident` what the parent watches.
    """

    wall_s: float = 300.0
    cpu_s: int = 300
    output: int = 2 * GIB
    heads: int = GIB // 4
    findings: int = 250_000
    memory: dict[str, int] = field(
        default_factory=lambda: {
            "media": 2 * GIB,
            "text": 2 * GIB,
            "ocr": 4 * GIB,
            "speech": 3 * GIB,
        }
    )
    resident: dict[str, int] = field(
        default_factory=lambda: {
            "media": 1 * GIB,
            "text": 1 * GIB,
            "ocr": 2 * GIB,
            "speech": 1 * GIB,
        }
    )
