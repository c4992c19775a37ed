"""Lines of a page with their boxes, put together into paragraphs and headings by geometry."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from analyzers.document.blocks import clean

HEADING_RATIO = 1.15
LONGEST_HEADING = 200
LEVELS = 6
SAME_SIZE = 0.15
LOOSE_LEADING = 1.3
LARGEST_LEADING = 2.0
INDENT = 0.9
HYPHENS = "\x02\xad-\u2010"
BULLET = re.compile(r"^(?:[•◦▪‣●○■□–—*·]\s|\(?\d{1,3}[.)]\s|\(?[a-z][.)]\s)")

Box = tuple[float, float, float, float]
"""Left, bottom, right, top in points, from the lower left corner of the page."""


@dataclass(frozen=True, slots=True)
class Line:
    text: str
    box: Box
    size: float
    """Its font size in points, as shown."""


@dataclass(frozen=True, slots=True)
class Group:
    """Lines that read as one: a paragraph, or a heading with its level."""

    text: str
    box: Box
    level: int | None = None


def body_size(lines: Iterable[Line]) -> float:
    """Return the size most letters are set in: what a heading is compared with."""
    letters: Counter[float] = Counter()
    for line in lines:
        letters[_rounded(line.size)] += len(line.text)
    return max(letters, key=lambda size: letters[size]) if letters else 0.0


def heading_sizes(lines: Iterable[Line], body: float) -> list[float]:
    """Return the sizes of headings, largest first: their places are their levels."""
    sizes = {_rounded(line.size) for line in lines if line.size >= HEADING_RATIO * body}
    return sorted(sizes, reverse=True)


def groups(lines: Sequence[Line], body: float, headings: Sequence[float]) -> list[Group]:
    """Return the paragraphs and headings of a page, in the order of its lines."""
    leading = _leading(lines)
    runs: list[list[Line]] = []
    for line in lines:
        if runs and _continues(runs[-1], line, leading):
            runs[-1].append(line)
        else:
            runs.append([line])
    found = [_group(run, body, headings) for run in runs]
    return [group for group in found if any(letter.isalnum() for letter in group.text)]


def union(boxes: Iterable[Box]) -> Box:
    lefts, bottoms, rights, tops = zip(*boxes, strict=True)
    return min(lefts), min(bottoms), max(rights), max(tops)


def _rounded(size: float) -> float:
    return round(size * 2) / 2


def _leading(lines: Sequence[Line]) -> float:
    """Return the usual distance of two lines, in line sizes."""
    steps = [
        (above.box[1] - below.box[1]) / above.size
        for above, below in pairwise(lines)
        if above.size > 0 and 0 < above.box[1] - below.box[1] < LARGEST_LEADING * above.size
    ]
    return median(steps) if steps else 1.0


def _continues(run: Sequence[Line], line: Line, leading: float) -> bool:
    """Return whether a line goes on with the paragraph before it.

    Only the second line may start elsewhere than the one above it: paragraphs indent their first.
    """
    last = run[-1]
    step = last.box[1] - line.box[1]
    left, _, right, _ = union(item.box for item in run)
    if last.text[-1:] in HYPHENS and line.text[:1].islower() and 0 < step < 2 * last.size:
        return True
    return (
        abs(line.size - last.size) <= SAME_SIZE * max(last.size, line.size)
        and -0.5 * last.size < step <= max(LOOSE_LEADING * leading, LOOSE_LEADING) * last.size
        and line.box[0] < right
        and line.box[2] > left
        and not BULLET.match(line.text)
        and (len(run) == 1 or abs(line.box[0] - last.box[0]) <= INDENT * line.size)
    )


def _group(run: Sequence[Line], body: float, headings: Sequence[float]) -> Group:
    text = _running_text([line.text for line in run])
    size = median(line.size for line in run)
    is_heading = body > 0 and size >= HEADING_RATIO * body and len(text) <= LONGEST_HEADING
    level = min(LEVELS, 1 + sum(other > _rounded(size) for other in headings))
    return Group(text, union(line.box for line in run), level if is_heading else None)


def _running_text(lines: Sequence[str]) -> str:
    """Return the lines as one; a word that was broken at a line's end is whole again."""
    text = ""
    for line in lines:
        if text[-1:] in HYPHENS and text[-2:-1].isalpha() and line[:1].islower():
            text = text[:-1] + line
        else:
            text = f"{text.replace(chr(2), '-')} {line}" if text else line
    return " ".join(clean(text.replace("\x02", "-").replace("\xad", "")).split())
