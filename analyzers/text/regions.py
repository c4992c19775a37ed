"""Recognized lines put together into blocks that read as one: a caption, a sign, a column."""

from collections.abc import Sequence
from statistics import median

from analyzers.text.reader import Line

FARTHEST = 0.9
"""Largest gap between two lines of one block, in line heights."""
SAME_HEIGHT = 1.8


def blocks(lines: Sequence[Line]) -> list[list[Line]]:
    """Return the blocks, each with its lines in reading order, from the top of the picture."""
    groups: list[list[Line]] = []
    for line in lines:
        near = [group for group in groups if any(_together(line, other) for other in group)]
        merged = [line, *(other for group in near for other in group)]
        groups = [group for group in groups if group not in near] + [merged]
    ordered = [_in_reading_order(group) for group in groups]
    return sorted(ordered, key=lambda group: (group[0].upright[1], group[0].upright[0]))


def union(lines: Sequence[Line]) -> tuple[float, float, float, float]:
    lefts, tops, rights, bottoms = zip(*(line.box for line in lines), strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def confidence(lines: Sequence[Line]) -> float:
    """Return the mean score of the letters."""
    letters = sum(len(line.text) for line in lines)
    return sum(line.score * len(line.text) for line in lines) / letters


def body(lines: Sequence[Line]) -> str:
    """Return the text of a block: a row of the picture is a line of the text."""
    return "\n".join(" ".join(line.text for line in row) for row in _rows(lines))


def _height(line: Line) -> float:
    return max(line.upright[3] - line.upright[1], 1e-6)


def _together(one: Line, other: Line) -> bool:
    """Return whether two lines stand under or beside each other, close and of like size."""
    heights = sorted((_height(one), _height(other)))
    if heights[1] > SAME_HEIGHT * heights[0]:
        return False
    down = _gap(one.upright[1], one.upright[3], other.upright[1], other.upright[3])
    across = _gap(one.upright[0], one.upright[2], other.upright[0], other.upright[2])
    close = FARTHEST * heights[0]
    return (across <= 0 and down <= close) or (down <= -0.5 * heights[0] and across <= close)


def _gap(start: float, end: float, other_start: float, other_end: float) -> float:
    """Return the distance of two spans; negative by how much they overlap."""
    return max(start, other_start) - min(end, other_end)


def _in_reading_order(group: Sequence[Line]) -> list[Line]:
    return [line for row in _rows(group) for line in row]


def _rows(group: Sequence[Line]) -> list[list[Line]]:
    """Return the lines that stand beside each other, row by row, each from the left."""
    tolerance = 0.5 * median(_height(line) for line in group)
    rows: list[list[Line]] = []
    for line in sorted(group, key=lambda item: item.upright[1] + item.upright[3]):
        middle = (line.upright[1] + line.upright[3]) / 2
        if rows and middle - (rows[-1][0].upright[1] + rows[-1][0].upright[3]) / 2 <= tolerance:
            rows[-1].append(line)
        else:
            rows.append([line])
    return [sorted(row, key=lambda item: item.upright[0]) for row in rows]
