"""Lines of a page: what stands on one baseline without a gap, put together from runs of letters."""

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

Box = tuple[float, float, float, float]
"""Left, bottom, right, top in points, from the lower left corner of the page."""

WIDEST_SPACE = 0.95
"""Between two words of a line, in sizes; gutters between columns are wider still."""
WORD_SPACE = 0.12
SAME_BASELINE = 0.25
RAISED = 0.55
"""How far small letters may be raised or lowered and still belong to the line."""
SMALL = 0.8
MARK_SPACE = 3.5
"""Between the mark of a list and its words."""
HEADING_NUMBER = re.compile(r"(?:\d{1,2}|[A-Z])(?:\.\d{1,2})*\.?")
MARKS = frozenset("•◦▪‣●○■□–—*·-\uf0b7\uf0a7o")


@dataclass(frozen=True, slots=True)
class Run:
    """Letters that were set one after another on one baseline."""

    text: str
    box: Box
    size: float
    """Its font size in points, as shown."""
    baseline: float
    bold: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    text: str
    box: Box
    size: float
    baseline: float
    bold: bool = False


@dataclass(slots=True)
class _Open:
    """A line that may still go on at its right end."""

    runs: list[Run] = field(default_factory=list)
    main: Run | None = None

    def add(self, run: Run) -> None:
        self.runs.append(run)
        if self.main is None or len(run.text) * run.size > len(self.main.text) * self.main.size:
            self.main = run


def union(boxes: Iterable[Box]) -> Box:
    lefts, bottoms, rights, tops = zip(*boxes, strict=True)
    return min(lefts), min(bottoms), max(rights), max(tops)


def lines_of(runs: Sequence[Run]) -> list[Line]:
    """Return the lines of a page from the top, those on one baseline from the left."""
    opened: dict[int, list[_Open]] = defaultdict(list)
    step = max(2.0, _usual_size(runs) / 2)
    every: list[_Open] = []
    for run in sorted(runs, key=lambda item: (item.box[0], -item.baseline)):
        line = _continued(run, _near(opened, run.baseline, step))
        if line is None:
            line = _Open()
            every.append(line)
            opened[_bucket(run.baseline, step)].append(line)
        line.add(run)
    found = [_line(line) for line in every]
    return sorted(found, key=lambda item: (-item.baseline, item.box[0]))


def joined(row: Sequence[Line]) -> Line:
    """Return as one what stands on one baseline of a column, however far apart."""
    if len(row) == 1:
        return row[0]
    main = max(row, key=lambda line: len(line.text))
    return Line(
        " ".join(line.text for line in row),
        union(line.box for line in row),
        main.size,
        main.baseline,
        all(line.bold for line in row),
    )


def _usual_size(runs: Sequence[Run]) -> float:
    sizes = sorted(run.size for run in runs)
    return sizes[len(sizes) // 2] if sizes else 0.0


def _bucket(baseline: float, step: float) -> int:
    return math.floor(baseline / step)


def _near(
    opened: dict[int, list[_Open]], baseline: float, step: float, most: int = 4
) -> Iterator[_Open]:
    """Yield the lines begun last at about this height; earlier ones lie further to the left."""
    middle = _bucket(baseline, step)
    for at in (middle, middle + 1, middle - 1):
        yield from reversed(opened[at][-most:] if at in opened else ())


def _continued(run: Run, lines: Iterable[_Open]) -> _Open | None:
    return next((line for line in lines if _follows(line, run)), None)


def _follows(line: _Open, run: Run) -> bool:
    last, main = line.runs[-1], line.main or line.runs[-1]
    larger, smaller = max(main.size, run.size), min(main.size, run.size)
    gap = run.box[0] - last.box[2]
    if not -0.5 * larger < gap <= _widest(line, larger):
        return False
    shift = abs(run.baseline - main.baseline)
    if smaller < SMALL * larger:
        return shift <= RAISED * larger and gap <= 0.4 * larger
    return shift <= SAME_BASELINE * smaller


def _widest(line: _Open, size: float) -> float:
    """Return the widest gap a line may have: more behind the mark of a list than between words."""
    first = line.runs[0]
    numbers_heading = first.bold and HEADING_NUMBER.fullmatch(first.text)
    is_mark = len(line.runs) == 1 and (is_list_mark(first.text) or numbers_heading)
    return (MARK_SPACE if is_mark else WIDEST_SPACE) * size


def is_list_mark(text: str) -> bool:
    """Return whether a text is nothing but the mark of an item of a list: a bullet, 2. or (b)."""
    bare = text.strip().strip("().")
    numbered = bare.isdigit() and len(bare) <= 2
    lettered = len(bare) == 1 and bare.isalpha()
    return text.strip() in MARKS or (text.strip() != bare and (numbered or lettered))


def _line(line: _Open) -> Line:
    main = line.main or line.runs[0]
    parts = [line.runs[0].text]
    for before, run in zip(line.runs, line.runs[1:], strict=False):
        apart = run.box[0] - before.box[2] > WORD_SPACE * main.size
        parts.append(f" {run.text}" if apart else run.text)
    letters = sum(len(run.text) for run in line.runs)
    bold = sum(len(run.text) for run in line.runs if run.bold)
    return Line(
        " ".join("".join(parts).split()),
        union(run.box for run in line.runs),
        main.size,
        main.baseline,
        bold > 0.8 * letters,
    )
