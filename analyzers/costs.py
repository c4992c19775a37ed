"""How many units of its declared cost an analyzer has worked on."""

from collections.abc import Sequence

from analyzers.api import Cost, Range, Segment


def units_of_segment(cost: Cost | None, segment: Segment) -> float:
    """Return the units of one analyzed segment: its seconds, else one."""
    if cost is None or cost.per != "second":
        return 1
    return max(_time(segment, end=True) - _time(segment), 0) or 1


def units_of_piece(cost: Cost | None, piece: Range | None, found: Sequence[Segment]) -> float:
    """Return the units of a piece of a file, by its range or by what was found in it."""
    per = "file" if cost is None else cost.per
    if per == "file":
        return 1
    if per == "segment":
        return len(found) or 1
    if piece is not None and piece.unit == {"second": "time", "page": "pages"}[per]:
        return piece.end - piece.start
    if per == "page":
        return sum(segment.type == "page" for segment in found) or 1
    return max((_time(segment, end=True) for segment in found), default=0) or 1


def _time(segment: Segment, *, end: bool = False) -> float:
    at = (segment.end_marker if end else segment.start_marker).get("time", 0.0)
    return float(at[-1] if isinstance(at, list) else at)
