"""By how much a picture of text is turned, and where a box of the turned one lies in the original.

The recognizer reads each line the right way up, whatever its turn: a line that is taller than wide
is laid on its side, one that stands on its head is turned round. But on a page that is turned as a
whole, the lines come in the wrong order. What it did with them says how to turn the page.
"""

from collections.abc import Sequence
from typing import Any

Box = tuple[float, float, float, float]

TALL = 1.5
"""Height by width from which on the recognizer lays a line on its side."""
MOST = 0.5
"""This share of all text must agree; whether a turn helped is seen by reading."""


class Watched:
    """The recognizer's classifier of lines; it remembers how much stood on its head."""

    def __init__(self, classifier: Any) -> None:
        self._classifier = classifier
        self.upside_down = 0.0

    def __call__(self, lines: Sequence[Any]) -> Any:
        found = self._classifier(lines)
        lengths = [line.shape[1] for line in lines]
        turned = sum(
            length
            for length, (label, _) in zip(lengths, found.cls_res, strict=True)
            if label == "180"
        )
        self.upside_down = turned / max(1, sum(lengths))
        return found


def turn_of(quads: Sequence[Sequence[Sequence[float]]], upside_down: float) -> int:
    """Return by how many degrees, counter-clockwise, the picture must be turned to be upright."""
    sizes = [_size(quad) for quad in quads]
    tall = sum(height for width, height in sizes if height >= TALL * width)
    all_of_it = sum(max(size) for size in sizes)
    on_its_side = tall > MOST * all_of_it
    on_its_head = upside_down > MOST
    return 90 * on_its_side + 180 * on_its_head


def _size(quad: Sequence[Sequence[float]]) -> tuple[float, float]:
    (x0, y0), (x1, y1), _, (x3, y3) = quad
    return ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5, ((x3 - x0) ** 2 + (y3 - y0) ** 2) ** 0.5


def turned_back(box: Box, turn: int) -> Box:
    """Return where a box of the turned picture lies in the original; both in shares."""
    left, top, right, bottom = box
    match turn:
        case 90:
            return 1 - bottom, left, 1 - top, right
        case 180:
            return 1 - right, 1 - bottom, 1 - left, 1 - top
        case 270:
            return top, 1 - right, bottom, 1 - left
    return box
