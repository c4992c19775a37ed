"""What follows a closed stage: pure, from the totals of the run's stages to the next pieces."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from analyzers.api import Range
from dataflux.settings import Settings
from schemas.names import RunState, Stage

ANALYZE_WINDOW = 16
"""Segments a piece: recognition takes up to a second a picture, a piece stays under a minute."""
EMBED_WINDOW = 256
SPOKEN = 600
"""Words of a recording that may have chapters: four minutes of speech."""
PARTIAL = "partial"
"""Counts the segment pieces that failed, but only after they had found something."""

WORDS = "words"
"""Counts the texts that a run of one analyzer brings and those that it may replace."""

Params = Mapping[str, Any]


@dataclass(frozen=True)
class Totals:
    """How the pieces of one stage ended, and what they counted together."""

    done: int = 0
    failed: int = 0
    skipped: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)


def first(pieces: Sequence[Range]) -> list[Params]:
    """Return the parameters of the segment pieces; a file in one piece has none."""
    return [{"piece": [p.unit, p.start, p.end]} for p in pieces] or [{}]


def configuration(
    settings: Settings, mime_type: str, priorities: Mapping[str, int]
) -> dict[str, Any]:
    """Return what is fixed for a whole run: the same for every piece of it."""
    return {
        "mime_type": mime_type,
        "priorities": dict(priorities),
        "scenes": settings.scenes,
        "proxy": settings.proxy,
    }


def following(stage: Stage, totals: Mapping[Stage, Totals]) -> dict[Stage, list[Params]]:
    """Return the stages to open now that `stage` has closed, with their pieces' parameters."""
    return {s: pieces for s, pieces in _candidates(stage, totals).items() if pieces}


def _candidates(stage: Stage, totals: Mapping[Stage, Totals]) -> dict[Stage, list[Params]]:
    if stage is Stage.SEGMENT:
        found = totals[stage].done or totals[stage].counts.get(PARTIAL)
        return {Stage.STITCH: [{}] if found else []}
    if stage is Stage.STITCH:
        counts = totals[stage].counts
        segments = counts.get("segments", 0)
        visual = windows(segments, EMBED_WINDOW) if counts.get("visual") else []
        return {Stage.ANALYZE: windows(segments, ANALYZE_WINDOW), Stage.EMBED_VISUAL: visual}
    if stage is Stage.ANALYZE:
        segments = _worded(totals)
        long = segments and totals[stage].counts.get("spoken", 0) >= SPOKEN
        return {
            Stage.EMBED_TEXT: windows(segments, EMBED_WINDOW),
            Stage.CHAPTERS: windows(segments, segments) if long else [],
        }
    return {}


def _worded(totals: Mapping[Stage, Totals]) -> int:
    """Return how many segments have texts to embed: of one analyzer's run those of its base, if it
    changed their words."""
    if not of_one(totals):
        return totals[Stage.STITCH].counts["segments"]
    analyzed = totals[Stage.ANALYZE].counts
    return 0 if _any_failed(totals) or not analyzed.get(WORDS) else analyzed["analyzed"]


def of_one(totals: Mapping[Stage, Totals]) -> bool:
    """Return whether these are the stages of a run of one analyzer: it cuts nothing."""
    return bool(totals) and Stage.SEGMENT not in totals


def windows(count: int, size: int) -> list[Params]:
    """Cut the sequence numbers 0..count-1 into half-open windows of `size`."""
    return [{"from": at, "to": min(at + size, count)} for at in range(0, count, size)]


def verdict(totals: Mapping[Stage, Totals]) -> RunState:
    """Return how a run ended: failed without segments, degraded if anything in it failed."""
    if of_one(totals):  # what it would replace is whole: it is whole, or nothing
        return RunState.FAILED if _any_failed(totals) else RunState.COMPLETED
    if not totals.get(Stage.STITCH, Totals()).done:
        return RunState.FAILED
    return RunState.DEGRADED if _any_failed(totals) else RunState.COMPLETED


def _any_failed(totals: Mapping[Stage, Totals]) -> bool:
    return any(stage.failed or stage.counts.get("failures") for stage in totals.values())
