"""The order in which the parts of a page are read: columns from the left, each from the top.

A recursive cut of the page (Nagy and Seth 1984) along gutters, with one difference: what lies
across a gutter, such as a headline over two columns, does not hide it but separates what is above
from what is below. Where lines stand in rows of short cells there are no columns but a table.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from analyzers.document.grids import Grid, grid_at, reads_on, wide_grid_at
from analyzers.document.lines import Line, joined, union

DEEPEST = 8
MOST_LINES = 5_000
"""A page with more is no page that a person reads: its lines are taken from the top."""
CANDIDATES = 24
NARROWEST_GUTTER = 0.55
"""In font sizes."""
FEWEST_LINES = 2
IN_ROWS = 0.8
GOES_ON = 1.5
EDGE = 3.0
"""Points by which lines of one column may differ at their left edge."""

Region = list[Line] | Grid
TableAt = Callable[[Sequence[Sequence[Line]], int], Grid | None]


@dataclass(frozen=True, slots=True)
class _Split:
    x: float
    across: int
    gain: int
    """Lines that stand beside others."""


def reading_order(lines: Sequence[Line]) -> list[Region]:
    """Return the columns and tables of a page in the order in which they are read."""
    if len(lines) > MOST_LINES:
        return [list(lines)]
    return list(_ordered(list(lines), DEEPEST))


def _ordered(lines: list[Line], depth: int) -> Iterator[Region]:
    for region in _tables_apart(lines, wide_grid_at):
        split = _best_split(region) if depth and not isinstance(region, Grid) else None
        if split is not None and not isinstance(region, Grid):
            yield from _along(region, split.x, depth)
        else:
            yield from _stacked(region)


def _stacked(region: Region) -> Iterator[Region]:
    """Yield one column, the tables in it apart."""
    if isinstance(region, Grid):
        yield region
        return
    for part in _tables_apart(region, grid_at):
        yield part if isinstance(part, Grid) else [joined(row) for row in _rows(part)]


def _tables_apart(lines: list[Line], table_at: TableAt) -> Iterator[Region]:
    """Yield tables, and what stands above, between and below them."""
    rows, at = _rows(lines), 0
    kept: list[Line] = []
    while at < len(rows):
        grid = table_at(rows, at)
        if grid is None:
            kept += rows[at]
            at += 1
            continue
        if kept:
            yield kept
        kept = []
        yield grid
        at += grid.height
    if kept:
        yield kept


def _along(lines: list[Line], x: float, depth: int) -> Iterator[Region]:
    """Yield what is left of a gutter before what is right of it, between what lies across."""
    for across, band in _in_bands(lines, x):
        yield from _stacked(band) if across else _sides(band, x, depth)


def _in_bands(lines: list[Line], x: float) -> Iterator[tuple[bool, list[Line]]]:
    """Yield from the top what lies across a gutter and, between, what stands beside it.

    A short last line of what lies across belongs to it, although it reaches no gutter.
    """
    rows = _rows(lines)
    across: list[Line] = []
    band: list[Line] = []
    for row in rows:
        crossing = any(_crosses(line, x) for line in row)
        if crossing or (across and not band and len(row) == 1 and _goes_on(across[-1], row[0])):
            if band:
                yield False, band
            band = []
            across += row
        else:
            if across:
                yield True, across
            across = []
            band += row
    if across:
        yield True, across
    if band:
        yield False, band


def _goes_on(last: Line, line: Line) -> bool:
    step = last.baseline - line.baseline
    alike = abs(last.size - line.size) < 0.05 * last.size and last.bold == line.bold
    return alike and step <= GOES_ON * line.size


def _sides(band: list[Line], x: float, depth: int) -> Iterator[Region]:
    left, right = _two_sides(band, x)
    if left and right and _is_table(left, right):
        yield from _stacked(band)
        return
    for side in (left, right):
        if side:
            yield from _ordered(side, depth - 1)


def _best_split(lines: list[Line]) -> _Split | None:
    """Return the gutter with the most lines beside each other and the fewest across."""
    edges = Counter(round(line.box[0] / EDGE) for line in lines)
    found = []
    for edge, _ in edges.most_common(CANDIDATES):
        x = min(line.box[0] for line in lines if round(line.box[0] / EDGE) == edge)
        if split := _split_at(lines, x - 0.01):
            found.append(split)
    return max(found, key=lambda split: (split.gain - 2 * split.across, -split.x), default=None)


def _split_at(lines: list[Line], x: float) -> _Split | None:
    across = sum(_crosses(line, x) for line in lines)
    bands = [_two_sides(band, x) for is_across, band in _in_bands(lines, x) if not is_across]
    beside = [pair for pair in bands if _are_columns(*pair) and not _is_table(*pair)]
    gain = sum(min(len(left), len(right)) for left, right in beside)
    return _Split(x, across, gain) if gain >= max(FEWEST_LINES, 0.5 * across) else None


def _two_sides(band: list[Line], x: float) -> tuple[list[Line], list[Line]]:
    return [line for line in band if line.box[2] <= x], [line for line in band if line.box[2] > x]


def _are_columns(left: list[Line], right: list[Line]) -> bool:
    """Return whether two sides of a band overlap in height, with a gutter between them."""
    if not left or not right:
        return False
    size = median(line.size for line in (*left, *right))
    gutter = min(line.box[0] for line in right) - max(line.box[2] for line in left)
    _, bottom, _, top = union(line.box for line in left)
    _, other_bottom, _, other_top = union(line.box for line in right)
    overlap = min(top, other_top) - max(bottom, other_bottom)
    return gutter >= NARROWEST_GUTTER * size and overlap > 0


def _is_table(left: list[Line], right: list[Line]) -> bool:
    """Return whether the lines of two sides are the cells of rows rather than two columns."""
    few, many = sorted((left, right), key=len)
    baselines = sorted(line.baseline for line in many)
    in_rows = sum(_has_near(baselines, line) for line in few) >= IN_ROWS * len(few)
    return in_rows and not (reads_on(left) and reads_on(right))


def _has_near(baselines: Sequence[float], line: Line) -> bool:
    at = bisect_left(baselines, line.baseline - 0.3 * line.size)
    return at < len(baselines) and baselines[at] < line.baseline + 0.3 * line.size


def _crosses(line: Line, x: float) -> bool:
    return line.box[0] < x < line.box[2]


def _from_top(lines: list[Line]) -> list[Line]:
    return sorted(lines, key=lambda line: (-line.baseline, line.box[0]))


def _rows(lines: list[Line]) -> list[list[Line]]:
    """Return the lines that share a baseline, from the top, each row from the left."""
    rows: list[list[Line]] = []
    for line in _from_top(lines):
        if rows and rows[-1][0].baseline - line.baseline < 0.3 * line.size:
            rows[-1].append(line)
        else:
            rows.append([line])
    return [sorted(row, key=lambda line: line.box[0]) for row in rows]
