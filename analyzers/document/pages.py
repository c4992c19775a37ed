"""What was laid out on a page as segments: each with its box, tables a few rows at a time."""

from collections.abc import Callable, Iterator, Sequence

from analyzers.api import Marker, Segment
from analyzers.document.blocks import Block, cuts
from analyzers.document.flow import written
from analyzers.document.grids import Grid
from analyzers.document.lines import Box, union
from analyzers.document.paragraphs import Placed
from analyzers.document.tables import grouped, has_header

Shown = Callable[[Box], list[float]]
"""From a box of the page to x, y, width and height in percent of what is shown of it."""


def placed_segments(
    name: str, placed: Placed, page: Marker, shown: Shown, language: str | None
) -> Iterator[Segment]:
    """Yield the segments of one block of a page; their parent is the page's own."""
    parent = f"page-{page['page']}"
    if placed.grid is not None:
        yield from _rows(name, placed.grid, page, shown, parent)
        return
    place = {**page, "xywh": shown(placed.box)}
    for part, (start, end) in enumerate(cuts(placed.block.text)):
        body = placed.block.text[start:end]
        yield written(f"{name}-{part}", placed.block, body, place, language, parent)


def _rows(name: str, grid: Grid, page: Marker, shown: Shown, parent: str) -> Iterator[Segment]:
    header = grid.rows[0] if has_header(grid.rows) else ()
    numbered = list(enumerate(grid.rows, start=1))
    for group in grouped(numbered[1:] if header else numbered, header):
        box = shown(_box(grid.boxes, group.first, group.last))
        place = {**page, "row": [group.first, group.last], "xywh": box}
        block = Block("table", group.text)
        for part, (start, end) in enumerate(cuts(group.text)):
            key = f"{name}-{group.first}-{part}"
            yield written(key, block, group.text[start:end], place, None, parent)


def _box(boxes: Sequence[Box], first: int, last: int) -> Box:
    return union(boxes[first - 1 : last])
