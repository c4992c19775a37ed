"""The lines of a column put together into what reads as one: paragraphs, headings, items, notes."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from analyzers.document.blocks import Block, clean
from analyzers.document.grids import Grid
from analyzers.document.lines import Box, Line, union

HEADING_RATIO = 1.12
NOTE_RATIO = 0.92
LONGEST_HEADING = 200
LEVELS = 6
SAME_SIZE = 0.12
LOOSE_LEADING = 1.17
LOOSEST_HEADING = 1.4
FULL = 0.6
LONGEST_RUN = 200
"""Lines: no paragraph is longer, and a page made to be slow is not."""
LARGEST_LEADING = 2.0
INDENT = 0.9
HYPHENS = "\x02\xad-\u2010"
SENTENCE_END = re.compile(r"[.!?:;,][\"'»”’)\]]*$")
BULLET = re.compile(r"^[•◦▪‣●○■□–—*·\uf0b7\uf0a7]\s+\S")
LIST_MARK = re.compile(
    r"^(?:[•◦▪‣●○■□–—*·\uf0b7\uf0a7]|\(?\d{1,2}[.)]|\([a-z]\)|[a-z]\)|[ivx]{1,4}[.)])\s+\S"
)
ORDERED = re.compile(r"^\(?(?:\d{1,2}|[a-z]|[ivx]{1,4})[.)]")
CAPTION = re.compile(
    r"^(?:fig(?:ure|\.)?|abb(?:ildung|\.)|figura|tab(?:le|elle|\.)|tableau|tabla|tabella"
    r"|table|chart|plate|photo)\s*\d+",
    re.IGNORECASE,
)
NOTE_MARK = re.compile(r"^(?:\d{1,3}|[*†‡§¶]{1,3}|\[\d{1,3}\])\s?\S")


@dataclass(frozen=True, slots=True)
class Style:
    """How a document sets its text: the size of its body, and what its headings look like."""

    body: float
    headings: Sequence[tuple[float, bool]]
    """Size and weight, from the first level."""

    @classmethod
    def of(cls, lines: Sequence[Line]) -> "Style":
        body = _body_size(lines)
        looks = Counter(
            (_rounded(line.size), line.bold) for line in lines if _stands_out(line, body)
        )
        return cls(body, sorted(looks, reverse=True))

    def level(self, lines: Sequence[Line]) -> int | None:
        """Return the level of a heading, or None for lines that are none."""
        first = lines[0]
        if not self.body or not all(_stands_out(line, self.body) for line in lines):
            return None
        look = _rounded(median(line.size for line in lines)), first.bold
        return min(LEVELS, 1 + sum(other > look for other in self.headings))


@dataclass(frozen=True, slots=True)
class Placed:
    """A block with its box; a table with its grid, too."""

    block: Block
    box: Box
    grid: Grid | None = None


def paragraphs(lines: Sequence[Line], style: Style) -> list[Placed]:
    """Return what a column consists of, in the order of its lines."""
    column = _Column.of(lines, style)
    runs: list[list[Line]] = []
    for line, after in zip(lines, [*lines[1:], None], strict=True):
        if runs and column.continues(runs[-1], line, after):
            runs[-1].append(line)
        else:
            runs.append([line])
    found = (_placed(run, style) for run in runs)
    return [one for one in found if any(letter.isalnum() for letter in one.block.text)]


@dataclass(frozen=True, slots=True)
class _Column:
    """What is usual in a column: where lines end, how far apart they are, whether they are full."""

    left: float
    right: float
    leading: float
    full: bool
    style: Style

    @classmethod
    def of(cls, lines: Sequence[Line], style: Style) -> "_Column":
        lefts = Counter(round(line.box[0]) for line in lines)
        left = max(lefts, key=lambda x: lefts[x], default=0)
        right = max((line.box[2] for line in lines), default=0.0)
        pairs = list(pairwise(lines))
        full = sum(not _fits(above, below, right) for above, below in pairs)
        return cls(left, right, _leading(pairs), full > FULL * len(pairs), style)

    def continues(self, run: Sequence[Line], line: Line, after: Line | None) -> bool:
        """Return whether a line goes on with the paragraph before it."""
        last = run[-1]
        step = last.baseline - line.baseline
        left, _, right, _ = union(item.box for item in run)
        if last.text[-1:] in HYPHENS and line.text[:1].islower() and 0 < step < 2 * last.size:
            return True
        heading = _stands_out(last, self.style.body)
        return (
            len(run) < LONGEST_RUN
            and abs(line.size - last.size) <= SAME_SIZE * max(last.size, line.size)
            and -0.5 * last.size < step <= self._farthest(heading) * last.size
            and line.box[0] < right
            and line.box[2] > left
            and not (_begins(line, self.style) or self._is_item(last, line))
            and (last.bold == line.bold or not heading)
            and (heading or not self.full or not _fits(last, line, self.right))
            and self._aligned(run, line)
            and not (len(run) == 1 and self._both_first(last, line, after))
        )

    def _is_item(self, last: Line, line: Line) -> bool:
        """Return whether a line with a number is an item, not the middle of a full paragraph."""
        if not LIST_MARK.match(line.text):
            return False
        moved = abs(line.box[0] - last.box[0]) > 0.3 * line.size
        return moved or not self.full or _fits(last, line, self.right)

    def _farthest(self, heading: bool) -> float:
        return max(LOOSE_LEADING * self.leading, LOOSEST_HEADING if heading else LOOSE_LEADING)

    def _aligned(self, run: Sequence[Line], line: Line) -> bool:
        """Return whether a line begins where one of this paragraph can.

        Only the second may begin elsewhere than the one above it: paragraphs indent their first;
        but none of an item of a list begins before its mark.
        """
        if len(run) > 1:
            return abs(line.box[0] - run[-1].box[0]) <= INDENT * line.size
        return not LIST_MARK.match(run[0].text) or line.box[0] >= run[0].box[0] - 0.1 * line.size

    def _both_first(self, last: Line, line: Line, after: Line | None) -> bool:
        """Return whether two indented lines are each the first of a paragraph of its own.

        They are if the lines after them are not indented; else all are those of a quotation.
        """
        indented = [one.box[0] > self.left + 0.6 * one.size for one in (last, line)]
        back = after is not None and after.box[0] < line.box[0] - 0.5 * line.size
        return all(indented) and back and abs(last.box[0] - line.box[0]) < 2


def _fits(above: Line, below: Line, right: float) -> bool:
    """Return whether the first word of a line would have fitted into the one above."""
    width = below.box[2] - below.box[0]
    word = below.text.split(" ", 1)[0]
    needed = width * len(word) / max(1, len(below.text)) + 0.4 * below.size
    return right - above.box[2] > 1.3 * needed


def _body_size(lines: Iterable[Line]) -> float:
    """Return the size most letters are set in: what a heading is compared with."""
    letters: Counter[float] = Counter()
    for line in lines:
        letters[_rounded(line.size)] += len(line.text)
    return max(letters, key=lambda size: letters[size]) if letters else 0.0


def _stands_out(line: Line, body: float) -> bool:
    larger = line.size >= HEADING_RATIO * body
    return larger or (line.bold and line.size >= 0.98 * body)


def _rounded(size: float) -> float:
    return round(size * 2) / 2


def _leading(pairs: Sequence[tuple[Line, Line]]) -> float:
    """Return the usual distance of two lines of a paragraph, in line sizes."""
    steps = sorted(
        (above.baseline - below.baseline) / above.size
        for above, below in pairs
        if above.size > 0 and 0 < above.baseline - below.baseline < LARGEST_LEADING * above.size
    )
    return steps[len(steps) // 3] if steps else 1.0


def _begins(line: Line, style: Style) -> bool:
    """Return whether a line can only be a first one."""
    note = line.size <= NOTE_RATIO * style.body and NOTE_MARK.match(line.text)
    return bool(BULLET.match(line.text) or CAPTION.match(line.text) or note)


def _placed(run: Sequence[Line], style: Style) -> Placed:
    text = _running_text([line.text for line in run])
    return Placed(_block(text, run, style), union(line.box for line in run))


def _block(text: str, run: Sequence[Line], style: Style) -> Block:
    level = style.level(run)
    if CAPTION.match(text) and len(text) < 3 * LONGEST_HEADING and not (level and level < 3):
        return Block("paragraph", text, role="caption")
    if level and len(text) <= LONGEST_HEADING and not _is_sentence(text, run, style):
        return Block("heading", text, level)
    if mark := LIST_MARK.match(text):
        return Block("list_item", text, ordered=bool(ORDERED.match(mark[0])))
    if run[0].size <= NOTE_RATIO * style.body and NOTE_MARK.match(text):
        return Block("paragraph", text, role="footnote")
    return Block("paragraph", text)


def _is_sentence(text: str, run: Sequence[Line], style: Style) -> bool:
    """Return whether bold words of the body's size are rather an emphasized paragraph."""
    same_size = run[0].size < HEADING_RATIO * style.body
    return same_size and (len(run) > 2 or bool(SENTENCE_END.search(text) and len(text) > 60))


def _running_text(lines: Sequence[str]) -> str:
    """Return the lines as one; a word that was broken at a line's end is whole again."""
    text = ""
    for line in lines:
        if text[-1:] in HYPHENS and text[-2:-1].isalpha() and line[:1].islower():
            text = text[:-1] + line
        else:
            text = f"{text.replace(chr(2), '-')} {line}" if text else line
    return " ".join(clean(text.replace("\x02", "-").replace("\xad", "")).split())
