"""Loudness of a sound track by EBU R128 (ITU-R BS.1770), as FFmpeg's meter reports it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

LONGEST_TRUE_PEAK_S = 3600
"""Of longer sound the sample peak is told: the true peak costs more than all the rest."""
FLOOR = -70.0
"""What the meter says of silence."""


def meter(length_s: float) -> str:
    """Return the options of the meter for a sound of this length."""
    true_peak = 0 < length_s <= LONGEST_TRUE_PEAK_S
    return f"metadata=1:peak={'true' if true_peak else 'sample'}"


@dataclass(slots=True)
class Loudness:
    """The latest running values of the meter: LUFS, LU and dB below full scale."""

    metadata: Mapping[str, str] | None = None

    def facts(self) -> dict[str, float]:
        """Return what was measured; nothing of silence."""
        found = {
            "integrated_lufs": self._level("I"),
            "range_lu": self._level("LRA"),
            "true_peak_dbtp": self._peak("true_peak"),
            "sample_peak_dbfs": self._peak("sample_peak"),
        }
        return {name: round(value, 2) for name, value in found.items() if value is not None}

    def _level(self, name: str) -> float | None:
        value = self._number(name)
        return value if FLOOR < value < -FLOOR else None

    def _peak(self, name: str) -> float | None:
        value = self._number(name)
        return 20 * math.log10(value) if 1e-6 < value < 1e6 else None

    def _number(self, name: str) -> float:
        try:
            return float((self.metadata or {}).get(f"lavfi.r128.{name}", "nan"))
        except ValueError:
            return math.nan
