"""The trail of an asset as bars over time: who waited, who worked, for how long."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

WIDTH = 40


@dataclass(frozen=True)
class Bar:
    """One attempt at one piece, in seconds from the start of the run."""

    label: str
    waited_from: float
    began: float
    ended: float
    outcome: str
    cold_s: float | None = None
    """How much of the wait was for its process to start."""


def bars(run: dict[str, Any]) -> list[Bar]:
    """Return the attempts of a run in the order of time; what is open ends with the last."""
    zero = _time(run["created_at"])
    attempts = [
        (stage, piece, attempt)
        for stage in run["stages"]
        for piece in stage["pieces"]
        for attempt in piece["attempts"]
    ]
    ends = [_time(a["ended_at"]) for _, _, a in attempts if a["ended_at"]]
    last = max(ends, default=zero)
    found = []
    for stage, piece, attempt in attempts:
        label = f"{stage['stage']}[{piece['index']}]"
        if attempt["n"] > 1:
            label += f" #{attempt['n']}"
        found.append(
            Bar(
                label,
                (_time(stage["opened_at"]) - zero).total_seconds(),
                (_time(attempt["claimed_at"]) - zero).total_seconds(),
                (
                    (_time(attempt["ended_at"]) if attempt["ended_at"] else last) - zero
                ).total_seconds(),
                attempt["outcome"] or "running",
                attempt.get("cold_s"),
            )
        )
    return sorted(found, key=lambda bar: (bar.began, bar.label))


def lines(run: dict[str, Any], *, most: int = 40) -> Iterator[str]:
    """Yield the waterfall as text: dots are the wait in the queue, blocks the work."""
    found = bars(run)
    length = max((bar.ended for bar in found), default=0.0)
    if run["indexed_at"]:
        length = max(length, (_time(run["indexed_at"]) - _time(run["created_at"])).total_seconds())
    scale = (WIDTH - 1) / length if length > 0 else 0.0
    for bar in found[:most]:
        waited = int(bar.waited_from * scale)
        began, ended = int(bar.began * scale), int(bar.ended * scale)
        drawn = " " * waited + "·" * (began - waited) + "█" * max(1, ended - began)
        wait, work = bar.began - bar.waited_from, bar.ended - bar.began
        yield (
            f"  {bar.label:<16} {drawn:<{WIDTH}} {bar.began:6.2f} s  +{work:.2f} s"
            f"  (waited {wait:.2f} s{_cold(bar)})  {bar.outcome}"
        )
    if len(found) > most:
        yield f"  … and {len(found) - most} more"
    if run["indexed_at"]:
        yield f"  {'searchable':<16} {' ' * (WIDTH - 1)}▌ {length:6.2f} s"


def _cold(bar: Bar) -> str:
    return "" if bar.cold_s is None else f", {bar.cold_s:.2f} s of it for a cold start"


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
