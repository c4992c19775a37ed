"""Boxes found in a picture, as segments inside the one that the picture is of."""

from analyzers.api import Marker, Segment

Box = tuple[float, float, float, float]
"""Left, top, right, bottom, as shares of the picture."""

PLACED_BY = ("page", "time", "char")
WHOLE = (0.0, 0.0, 100.0, 100.0)


def child(
    parent: Segment, kind: str, key: str, box: Box, sure: float, *, inside: str | None = None
) -> Segment:
    """Return a segment for a box; `inside` is the key of a child of the same parent around it."""
    start, end = place(parent.start_marker, box), place(parent.end_marker, box)
    return Segment(kind, start, end, key=key, parent=inside or parent.key, confidence=sure)


def place(marker: Marker, box: Box) -> Marker:
    """Return where in the asset a box is: on the parent's page or at its time, in percent.

    A picture on a page has a box of its own, in which the found one lies.
    """
    x, y, across, down = marker.get("xywh", WHOLE)
    left, right = (x + across * value for value in (box[0], box[2]))
    top, bottom = (y + down * value for value in (box[1], box[3]))
    xywh = [round(value, 2) for value in (left, top, right - left, bottom - top)]
    return {**{name: marker[name] for name in PLACED_BY if name in marker}, "xywh": xywh}
