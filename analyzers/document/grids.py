"""Tables of a page: rows of short cells that stand in the same columns."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from analyzers.document.lines import Box, Line, union

FARTHEST_ROW = 2.6
CONTINUED = 1.4
"""Steps to the next row, and to the next line of the same cell, in font sizes."""
WORDS_A_LINE = 3.5
WORDS_A_CELL = 14.0
FILLED = 0.75
MOST_ROWS = 100
GLANCE = 8
"""Rows that show whether columns are running text, before more is asked of them."""
FEWEST_ROWS = {2: 3}
"""Of two columns there must be more: two pairs beside each other may be anything."""


@dataclass(frozen=True, slots=True)
class Grid:
    rows: list[list[str]]
    boxes: list[Box]
    """Of each row."""
    height: int
    """How many rows of lines it was made of."""
    size: float


def wide_grid_at(rows: Sequence[Sequence[Line]], at: int) -> Grid | None:
    """Return the table that begins with this row and may lie across the columns of a page.

    Beside columns of text it takes more to be one: three columns and rows, and short cells alone.
    """
    if any(map(reads_on, zip(*rows[at : at + GLANCE], strict=False))):
        return None
    end = at
    while (
        end < min(len(rows), at + MOST_ROWS)
        and len(rows[end]) > 1
        and all(map(_is_short, rows[end]))
    ):
        end += 1
    grid = grid_at(rows[at:end], 0) if end - at > 2 else None
    if grid is None or len(grid.rows) < 3 or len(grid.rows[0]) < 3:
        return None
    columns = zip(*rows[at : at + grid.height], strict=False)
    return None if any(map(reads_on, columns)) else grid


def _is_short(line: Line) -> bool:
    return len(line.text.split()) <= WORDS_A_LINE


def grid_at(rows: Sequence[Sequence[Line]], at: int) -> Grid | None:
    """Return the table that begins with this row of lines, if one does."""
    if len(rows[at]) < 2:
        return None
    columns: list[tuple[float, float]] = []
    taken: list[Sequence[Line]] = []
    full = 0
    for row in rows[at : at + MOST_ROWS]:
        if taken and _step(taken[-1], row) > FARTHEST_ROW:
            break
        merged = _merged([*columns, *((line.box[0], line.box[2]) for line in row)])
        if len(merged) < max(2, min(len(columns), len(row))) or _doubled(row, merged):
            break
        if len(row) < 2 and not _continues(taken[-1], row, columns):
            break
        columns, taken = merged, [*taken, row]
        full += len(row) >= 2
    return _grid(taken, columns, full)


def _step(above: Sequence[Line], row: Sequence[Line]) -> float:
    return (above[0].baseline - row[0].baseline) / max(row[0].size, 1e-6)


def _merged(spans: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the spans with those that overlap made one, from the left."""
    found: list[tuple[float, float]] = []
    for start, end in sorted(spans):
        if found and start < found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], end)
        else:
            found.append((start, end))
    return found


def _column(line: Line, columns: Sequence[tuple[float, float]]) -> int:
    return next(at for at, (_, end) in enumerate(columns) if line.box[0] < end)


def _doubled(row: Sequence[Line], columns: Sequence[tuple[float, float]]) -> bool:
    return len({_column(line, columns) for line in row}) < len(row)


def _continues(
    above: Sequence[Line], row: Sequence[Line], columns: Sequence[tuple[float, float]]
) -> bool:
    """Return whether a line goes on with a cell of the row above, whose first column it leaves."""
    return _step(above, row) <= CONTINUED and min(line.box[0] for line in row) >= columns[0][1]


def _grid(
    taken: Sequence[Sequence[Line]],
    columns: Sequence[tuple[float, float]],
    full: int,
) -> Grid | None:
    while taken and len(taken[-1]) < 2 and not _continues(taken[-2], taken[-1], columns):
        taken = taken[:-1]
    if full < FEWEST_ROWS.get(len(columns), 2):
        return None
    cells: list[list[list[Line]]] = []
    for number, row in enumerate(taken):
        if number and len(row) < len(columns) and _continues(taken[number - 1], row, columns):
            target = cells[-1]
        else:
            target = [[] for _ in columns]
            cells.append(target)
        for line in row:
            target[_column(line, columns)].append(line)
    wordy = (
        _words(line for cell in column for line in cell) for column in zip(*cells, strict=True)
    )
    if any(words > WORDS_A_CELL for words in wordy):
        return None
    return Grid(
        [[" ".join(line.text for line in cell) for cell in row] for row in cells],
        [union(line.box for cell in row for line in cell) for row in cells],
        len(taken),
        median(line.size for row in taken for line in row),
    )


def reads_on(lines: Sequence[Line]) -> bool:
    """Return whether lines one below the other are running text rather than cells of a table.

    Text has several words a line, or a few that fill the width of the column nearly always.
    """
    words = _words(lines)
    widths = [line.box[2] - line.box[0] for line in lines]
    return words >= WORDS_A_LINE or (words >= 2 and median(widths) >= FILLED * max(widths))


def _words(lines: Iterable[Line]) -> float:
    counts = [len(line.text.split()) for line in lines]
    return median(counts) if counts else 0.0
