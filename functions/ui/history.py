"""What happened to an asset, and what its file is, as the page shows them."""

from collections.abc import Iterator, Sequence
from typing import Any

from functions.ui import places, reasons
from stores.records.moments import FoundFeature
from stores.records.trace import TracedPiece, TracedRun, TracedStage

STAGES = {
    "segment": "cut into moments",
    "stitch": "put together",
    "analyze": "look, listen and read",
    "embed_text": "place by meaning",
    "chapters": "part into chapters",
    "embed_visual": "place by look",
}
MOST_FAILURES = 20
LONGEST = 200


def run(traced: TracedRun) -> dict[str, Any]:
    """Return a run with its stages and what failed in it."""
    return {
        "state": traced.run.state,
        "lane": traced.run.lane,
        "strategy": traced.run.strategy,
        "analyzer": traced.run.scope,
        "reason": reasons.words(traced.run.reason),
        "detail": traced.run.detail,
        "created_at": traced.run.created_at,
        "took": _took(traced),
        "stages": [_stage(stage) for stage in traced.stages],
        "failures": list(_failures(traced))[:MOST_FAILURES],
    }


def _took(traced: TracedRun) -> str:
    ended = traced.run.indexed_at or traced.run.finished_at
    if ended is None:
        return ""
    return f"{(ended - traced.run.created_at).total_seconds():.1f} s"


def _stage(stage: TracedStage) -> dict[str, Any]:
    ended = stage.done + stage.failed + stage.skipped
    return {
        "name": STAGES.get(stage.stage, stage.stage),
        "ended": ended,
        "total": ended + stage.pending,
        "failed": stage.failed,
        "skipped": stage.skipped,
        "attempts": sum(len(piece.attempts) for piece in stage.pieces),
    }


def _failures(traced: TracedRun) -> Iterator[dict[str, Any]]:
    for stage in traced.stages:
        for piece in stage.pieces:
            if piece.reason:
                yield _failure(stage, piece)


def _failure(stage: TracedStage, piece: TracedPiece) -> dict[str, Any]:
    return {
        "stage": STAGES.get(stage.stage, stage.stage),
        "piece": piece.index,
        "reason": reasons.words(piece.reason),
        "detail": piece.detail,
        "attempts": len(piece.attempts),
    }


def facts(features: Sequence[FoundFeature]) -> list[tuple[str, str]]:
    """Return the technical facts as names and values."""
    found: dict[str, str] = {}
    for feature in features:
        if feature.feature_domain == "technical" and isinstance(feature.feature_data, dict):
            for name, value in _flat(feature.feature_data):
                found.setdefault(name, value)
    return list(found.items())


def _flat(data: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in data.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name} ")
        elif value is not None and value != [] and value != "":
            yield f"{prefix}{name}".replace("_", " "), _value(name, value)


def _value(name: str, value: Any) -> str:
    if name in ("duration", "duration_s") and isinstance(value, int | float):
        return places.clock(value)
    if isinstance(value, float):
        return f"{value:.3f}".rstrip("0").rstrip(".")
    if isinstance(value, list):
        value = ", ".join(map(str, value))
    return str(value)[:LONGEST]


def size(count: int) -> str:
    """Return a number of bytes as people say it."""
    amount, unit = float(count), "bytes"
    for larger in ("kB", "MB", "GB", "TB"):
        if amount < 1000:
            break
        amount, unit = amount / 1000, larger
    return f"{amount:.0f} {unit}" if unit == "bytes" else f"{amount:.1f} {unit}"
